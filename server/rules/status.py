"""What a project's owner reads: what goes on at this instant, or why nothing does."""

import datetime as dt
from dataclasses import dataclass

from server.rules.states import ProjectState

ONLINE_SECONDS = 60.0
"""A host that asked or showed life within this time counts as attached and awake."""


@dataclass(frozen=True)
class Situation:
    """Facts about one project at an instant. Memory in bytes; `idle_since`: when its last lease ended;
    `unconfirmed`: results of the open round that wait for another volunteer's opinion; `one_kind`: only of a machine of
    the same kind. `hosts_at_work`: those that compute, the server itself not counted.
    """

    state: ProjectState
    reason: str
    round: int
    closing: bool
    hosts_at_work: int
    hosts_online: int
    hosts_with_memory: int
    largest_memory: int
    memory_needed: int
    idle_since: dt.datetime | None
    unconfirmed: int = 0
    one_kind: bool = False


def explain(situation: Situation) -> str:
    """One sentence for people."""
    state = situation.state
    if state is ProjectState.preparing:
        return "Cutting the data into shards."
    if state is ProjectState.awaiting_approval:
        return "Ready. The operator of this grid looks at the first project of an account before any computer gets it."
    if state is ProjectState.paused:
        return "Paused. Nothing is handed out until you resume it."
    if state is ProjectState.needs_attention:
        return f"Needs attention: {situation.reason}"
    if state is ProjectState.cancelled:
        return "Cancelled. The weights of the last closed round can be downloaded."
    if state is ProjectState.finished:
        return "Finished. The trained model can be downloaded."
    return _running(situation)


def _running(situation: Situation) -> str:
    if situation.closing:
        return f"Round {situation.round:,} has its gradients; the optimizer is taking its step."
    if situation.hosts_at_work:
        hosts = situation.hosts_at_work
        return f"Training: {hosts} {'host is' if hosts == 1 else 'hosts are'} computing round {situation.round:,}."
    if situation.unconfirmed:
        count = situation.unconfirmed
        return (
            f"Waiting for a second opinion on {count:,} result{'' if count == 1 else 's'} of round "
            f"{situation.round:,}: another volunteer's machine{' of the same kind' if situation.one_kind else ''}, or "
            f"the server itself when it can, computes {'it' if count == 1 else 'them'} again."
        )
    since = f" since {situation.idle_since:%Y-%m-%d %H:%M} UTC" if situation.idle_since else ""
    if not situation.hosts_online:
        return f"Waiting for hosts{since}: none is attached and awake. You can lend one under My computers."
    if not situation.hosts_with_memory:
        return (
            f"Waiting for a host with enough memory{since}: one mini-batch needs about "
            f"{gigabytes(situation.memory_needed)}, the largest host that is awake has "
            f"{gigabytes(situation.largest_memory)}. A smaller batch size or model would fit."
        )
    return f"Waiting for the next host to ask for work{since}; {situation.hosts_online} awake."


def gigabytes(size: int) -> str:
    return f"{size / 2**30:.1f} GB"
