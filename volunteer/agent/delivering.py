"""Brings gradients to the server; one that cannot be brought now stays on disk."""

import logging

from volunteer.agent.tools import Tools
from volunteer.errors import DropResult, RetryLater, printable
from volunteer.protocol.messages import ReportReply
from volunteer.spool.gradients import Undelivered

# From this many failed tries on we ask, before we send it all again, whether the gradient is still wanted.
FAILURES_BEFORE_ASKING = 3
_log = logging.getLogger(__name__)


class _LeaveItThere(Exception):
    """We are about to end and the server does not answer."""


def deliver(tools: Tools, entry: Undelivered, done: int, resume: bool = False) -> ReportReply | None:
    """The server's answer; None when it could not be had, or the server wants the gradient no more.

    `resume`: the server may have a part of it already; after a failure it may always.

    The gradient leaves the spool when, and only when, the server has answered. Raises StopAndTell.
    """
    failures = 0

    def send() -> ReportReply:
        # An upload refused before it was read may look like a broken connection, each time anew.
        if failures >= FAILURES_BEFORE_ASKING:
            answer = tools.grid.heartbeat(entry.result, done)
            if not answer.go_on:
                raise DropResult(answer.reason)
        return tools.grid.report(entry.result, entry.path, entry.sha256, resume or failures > 0)

    def on_failure(_error: RetryLater, count: int) -> None:
        nonlocal failures
        failures = count
        if count == 1:
            tools.gradients.harden(entry)
        if tools.stop.is_set():
            raise _LeaveItThere

    try:
        reply = tools.patience.insist(send, tools.hard_stop, on_failure)
    except DropResult as error:
        _log.info("gradient of result %s dropped: %s", printable(entry.result), error.sentence)
        reply = None
    except (_LeaveItThere, FileNotFoundError):
        return None
    else:
        if reply is None:
            return None
    tools.gradients.drop(entry)
    return reply


def deliver_leftovers(tools: Tools) -> None:
    """Bring what an earlier run has left behind. Raises StopAndTell."""
    for result in tools.gradients.drop_broken():
        _log.warning("the gradient of result %s was damaged on disk and is gone", printable(result))
    for entry in tools.gradients.all():
        if tools.stop.is_set():
            return
        reply = deliver(tools, entry, 0, resume=True)
        if reply is not None:
            known = printable(entry.result)
            _log.info("delivered the gradient of result %s from an earlier run: %s", known, reply.verdict)
