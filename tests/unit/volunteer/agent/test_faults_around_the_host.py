"""A server that is gone for long, a full disk, a clock that is days off: by an injected clock and injected errors."""

import datetime as dt
import errno
import hashlib
import itertools
import threading
import time

import pytest

from volunteer.agent.agent import Agent
from volunteer.agent.attaching import ensure_attached
from volunteer.agent.backoff import CAP_SECONDS
from volunteer.agent.states import State
from volunteer.agent.status import Facts, describe
from volunteer.agent.tools import Tools
from volunteer.control.messages import Activity
from volunteer.errors import NoRoom, RetryLater, StopAndTell
from volunteer.protocol.messages import AttachRequest, GiveBackReason, NoWork
from volunteer.spool.blobs import BlobCache
from volunteer.spool.gradients import GradientSpool
from volunteer.spool.identity import IdentityFile
from volunteer.trainer.job import Failed

GONE_SECONDS = 600.0
FULL = OSError(errno.ENOSPC, "No space left on device")


def started_anew(tools: Tools, clock) -> Tools:
    """What a restarted program has: the same grid and disk, nothing in memory."""
    folder = tools.gradients.workshop.parent
    return Tools(
        tools.grid, tools.trainer, BlobCache(folder / "cache", 2**20),
        GradientSpool(folder / "gradients", workshop=folder / "work"), clock.patience(),
    )  # fmt: skip


@pytest.fixture
def agent(tools, machine) -> Agent:
    return Agent(tools, machine, lambda: True)


def test_a_gradient_outlives_a_server_that_is_gone_for_ten_minutes_and_a_restart(tools, machine, clock, make_lease):
    """The program ends after five minutes of it and is started again."""
    grid, tried = tools.grid, []

    def answer(*_details):
        tried.append(clock.now)
        return RetryLater("away") if clock.now < GONE_SECONDS else grid.defaults["report"]

    grid.script["work"] = [make_lease(1)]
    for name in ("report", "heartbeat"):
        default = grid.defaults[name]
        grid.script[name] = [lambda *d, default=default: answer(*d) if clock.now < GONE_SECONDS else default] * 200
    first = Agent(tools, machine, lambda: True)
    clock.on_wait = lambda _seconds: first.stop(0.0) if clock.now > GONE_SECONDS / 2 else None
    first.once()
    assert len(tools.gradients.all()) == 1
    assert not grid.called("give_back"), "what is computed is not given back"

    again = started_anew(tools, clock)
    second = Agent(again, machine, lambda: True)
    grid.script["work"] = [lambda _request: second.stop(0.0) or NoWork(0.0, "none")]
    clock.on_wait = lambda _seconds: None
    second.run()
    assert again.gradients.all() == []
    results = {call[0] for call in grid.called("report")}
    assert results == {"r1"}
    assert GONE_SECONDS <= clock.now < GONE_SECONDS + CAP_SECONDS + 1, "soon after it is back"
    assert all(wait <= CAP_SECONDS for wait in clock.waits)
    gaps = [later - earlier for earlier, later in itertools.pairwise(tried)]
    assert 8 <= len(tried) <= 40, "neither a storm nor silence"
    assert max(gaps) > 10 * min(gap for gap in gaps if gap)


def test_a_gradient_is_dropped_only_when_the_server_itself_says_so(tools, make_lease):
    """Not by the back-off, not by the number of tries, not by what stands in the server's place."""
    path = tools.gradients.workshop / "x"
    path.write_bytes(b"gradient")
    tools.gradients.add("r1", path, hashlib.sha256(b"gradient").hexdigest())
    tools.grid.script["report"] = [RetryLater("What answered in the grid's place said: 404.")] * 500
    from volunteer.agent.delivering import deliver_leftovers

    deliver_leftovers(tools)
    assert len(tools.grid.called("report")) == 501
    assert tools.gradients.all() == []


def test_a_full_disk_gives_the_unit_back_and_keeps_the_rest(agent, tools, clock, make_lease, monkeypatch):
    tools.grid.script["work"] = [make_lease(1)]
    agent.once()
    held = set(tools.blobs.held())
    path = tools.gradients.workshop / "x"
    path.write_bytes(b"gradient")
    waiting = tools.gradients.add("r0", path, hashlib.sha256(b"gradient").hexdigest())
    told: list[State] = []
    agent._observer = told.append
    tools.grid.script["work"] = [make_lease(2)]
    tools.grid.script["download"] = [FULL]
    agent.once()
    ((result, message),) = tools.grid.called("give_back")
    assert (result, message.reason) == ("r2", GiveBackReason.quitting), "it counts against no unit"
    assert message.detail == NoRoom().sentence
    assert "full" in message.detail
    assert State.no_room in told
    assert held - set(tools.blobs.held()) == {make_lease(1).weights.sha256}, "only what no round needs any more"
    assert tools.gradients.all() == [waiting]
    assert clock.waits[-1] > 0, "no spinning"
    tools.grid.script["work"] = [make_lease(3)]
    agent.once()
    assert [call[0] for call in tools.grid.called("report")] == ["r1", "r3"]


@pytest.mark.parametrize("where", ["child", "workshop", "spool"])
def test_a_full_disk_while_computing_gives_the_unit_back_too(agent, tools, clock, make_lease, monkeypatch, where):
    def compute(_job, _reins):
        if where == "child":
            return Failed(GiveBackReason.quitting, str(FULL))
        raise FULL

    if where == "spool":
        monkeypatch.setattr(GradientSpool, "add", lambda *_: compute(None, None))
    else:
        tools.trainer.outcome = compute
    for number in range(1, 9):
        tools.grid.script["work"] = [make_lease(number)]
        agent.once()
    messages = [message for _result, message in tools.grid.called("give_back")]
    assert [message.reason for message in messages] == [GiveBackReason.quitting] * 8
    assert clock.waits == sorted(clock.waits), "it asks less and less often"
    assert clock.waits[-1] <= CAP_SECONDS


def test_any_other_trouble_with_the_disk_is_tried_again(tools, clock, make_lease, agent):
    tools.grid.script["work"] = [make_lease(1)]
    tools.grid.script["download"] = [OSError(errno.EIO, "Input/output error")]
    agent.once()
    assert [call[0] for call in tools.grid.called("report")] == ["r1"]


def test_a_join_key_is_not_used_up_where_the_token_could_not_be_kept(tools, clock, machine, tmp_path, monkeypatch):
    from volunteer.spool import identity

    def full(*_):
        raise FULL

    file = IdentityFile(tmp_path / "config" / "grid.json")
    request = AttachRequest("join-me-please", "steady", machine)
    monkeypatch.setattr(identity, "write_private", full)
    with pytest.raises(StopAndTell, match="disk is full"):
        ensure_attached(tools.grid, file, "https://grid.example", request, clock.patience(), threading.Event())
    assert tools.grid.called("attach") == []
    monkeypatch.undo()
    assert ensure_attached(tools.grid, file, "https://grid.example", request, clock.patience(), threading.Event())
    assert [path.name for path in (tmp_path / "config").iterdir()] == ["grid.json"]


@pytest.mark.parametrize("days", [-2, 2])
def test_a_clock_that_is_days_off_changes_nothing(agent, tools, clock, make_lease, monkeypatch, days):
    """Also when it jumps while a unit is computed: what counts is how much time passes, not which time it is."""
    real, off = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + off[0])

    def jump(job, reins):
        off[0] = dt.timedelta(days=days).total_seconds()
        assert reins.free
        assert not reins.late
        return tools.trainer.gradient(job, reins)

    tools.trainer.outcome = jump
    tools.grid.script["work"] = [make_lease(1), make_lease(2)]
    agent.once()
    agent.once()
    assert [call[0] for call in tools.grid.called("report")] == ["r1", "r2"]
    assert clock.waits == []


def test_a_server_that_is_not_believed_is_tried_on_and_needs_attention(agent, tools, clock):
    distrusted = RetryLater("another certificate", "certificate_changed", needs_person=True)
    seen: list[RetryLater | None] = []
    clock.on_wait = lambda _seconds: seen.append(tools.patience.trouble)
    tools.grid.script["work"] = [distrusted] * 20
    agent.once()
    assert len(tools.grid.called("work")) == 21
    assert max(clock.waits) <= CAP_SECONDS
    assert seen[1:20] == [distrusted] * 19, "from the second failure on"
    away = Facts(dt.datetime.now(dt.UTC), attached=True, away="It shows another certificate.", away_for_person=True)
    assert describe(away) == (Activity.needs_attention, "It shows another certificate. Trying again.")


def test_a_full_disk_is_what_the_status_says():
    full = Facts(dt.datetime.now(dt.UTC), attached=True, state=State.no_room)
    assert describe(full) == (Activity.needs_attention, NoRoom().sentence)


def test_every_state_can_be_said():
    for state in State:
        assert describe(Facts(dt.datetime.now(dt.UTC), attached=True, state=state))[1]
