"""Pausing without threads and clocks of their own: what is done when, and what never."""

import pytest

from volunteer.agent.agent import Agent
from volunteer.agent.brake import SUSPEND_AFTER_SECONDS, TRAINER_IDLE_SECONDS, Brake, Hold
from volunteer.agent.states import State
from volunteer.protocol.messages import GiveBackReason, HeartbeatReply, NoWork
from volunteer.trainer.job import Nothing
from volunteer.trainer.reins import Wish


@pytest.fixture
def agent(tools, machine) -> Agent:
    return Agent(tools, machine, lambda: True)


@pytest.fixture
def timers() -> list:
    return []


@pytest.fixture
def brake(tools, agent, clock, timers) -> Brake:
    return Brake(tools.gate, agent, tools.trainer, lambda: clock.now, lambda *timer: timers.append(timer))


def test_a_pause_lets_the_chunk_end_and_then_stops_the_trainer_within_a_second(brake, tools, timers):
    brake.apply(Hold.now)
    assert not tools.gate.is_open
    assert not tools.trainer.suspended
    ((seconds, suspend),) = timers
    assert seconds == SUSPEND_AFTER_SECONDS < 1
    suspend()
    assert tools.trainer.suspended
    brake.apply(Hold.none)
    assert tools.gate.is_open
    assert not tools.trainer.suspended


def test_a_pause_that_was_taken_back_in_time_stops_nothing(brake, tools, timers):
    brake.apply(Hold.now)
    brake.apply(Hold.none)
    timers[0][1]()
    assert not tools.trainer.suspended
    # Nor does the first timer cut the second pause short.
    brake.apply(Hold.now)
    timers[0][1]()
    assert not tools.trainer.suspended
    timers[1][1]()
    assert tools.trainer.suspended


def test_the_same_word_twice_is_one_word(brake, timers):
    brake.apply(Hold.now)
    brake.apply(Hold.now)
    assert len(timers) == 1


def test_paused_in_the_middle_of_a_unit_it_delivers_the_prefix_and_asks_for_no_more(brake, agent, tools, make_lease):
    tools.grid.script["work"] = [make_lease(1, mini_batches=5)]

    def paused(job, reins):
        brake.apply(Hold.now)
        assert reins.wish is Wish.finish
        assert not reins.overdue
        return tools.trainer.gradient(job, reins, mini_batches=2)

    tools.trainer.outcome = paused
    agent.once()
    assert [call[0] for call in tools.grid.called("report")] == ["r1"]
    assert not tools.gate.is_open


def test_finish_this_unit_then_pause_pulls_no_reins(brake, agent, tools, timers, make_lease):
    tools.grid.script["work"] = [make_lease(1, mini_batches=5)]

    def paused(job, reins):
        brake.apply(Hold.after_unit)
        assert reins.free
        return tools.trainer.gradient(job, reins)

    tools.trainer.outcome = paused
    agent.once()
    assert len(tools.grid.called("report")) == 1
    assert not tools.gate.is_open
    assert not timers


def test_a_preference_that_says_no_meanwhile_stops_that_unit_too(brake, agent, tools, timers, make_lease):
    tools.grid.script["work"] = [make_lease(1)]

    def paused(job, reins):
        brake.apply(Hold.after_unit)
        brake.apply(Hold.now)
        assert reins.wish is Wish.finish
        return Nothing()

    tools.trainer.outcome = paused
    agent.once()
    assert len(timers) == 1
    assert tools.grid.called("give_back")[0][1].reason is GiveBackReason.quitting


def test_a_lease_that_arrives_after_the_pause_goes_back_unopened(brake, agent, tools, make_lease):
    def late(_request):
        brake.apply(Hold.now)
        return make_lease(1)

    tools.grid.script["work"] = [late]
    agent.once()
    assert tools.grid.called("give_back")[0][0] == "r1"
    assert not tools.trainer.jobs
    assert not tools.grid.called("download")


def test_while_paused_nothing_is_asked_for_and_leftovers_are_brought(brake, agent, tools, clock):
    brake.apply(Hold.now)
    path = tools.gradients.workshop / "x"

    def look_again(_seconds: float) -> None:
        if len(clock.waits) == 1:
            path.write_bytes(b"g")
            # The digest of b"g".
            digest = "cd0aa9856147b6c5b4ff2b7dfee5da20aa38253099ef1b4a64aced233c9afe29"
            tools.gradients.add("r9", path, digest)
        else:
            agent.stop(0.0)

    clock.on_wait = look_again
    agent.run()
    assert not tools.grid.called("work")
    assert [call[0] for call in tools.grid.called("report")] == ["r9"]
    assert tools.gradients.all() == []


def test_after_a_pause_work_goes_on(brake, agent, tools, clock, make_lease):
    brake.apply(Hold.now)
    clock.on_wait = lambda _seconds: brake.apply(Hold.none)

    def last(_request) -> NoWork:
        agent.stop(0.0)
        return NoWork(0.0, "")

    tools.grid.script["work"] = [make_lease(1), last]
    agent.run()
    assert len(tools.grid.called("report")) == 1


def test_a_unit_suspended_for_longer_than_its_lease_is_dropped_and_work_goes_on(brake, agent, tools, make_lease):
    from volunteer.agent.heartbeats import Heartbeats

    first = make_lease(1, deadline_seconds=30.0)
    tools.grid.script["work"] = [first, make_lease(2)]
    tools.grid.script["heartbeat"] = [HeartbeatReply(True, 1.0), HeartbeatReply(False, 0.0, "lost")]

    def suspended(_job, reins):
        brake.apply(Hold.now)
        heart = Heartbeats(tools.grid, first, reins, tools.patience)
        heart.beat()
        assert reins.wish is Wish.finish
        heart.beat()
        assert reins.wish is Wish.drop
        brake.apply(Hold.none)
        return Nothing()

    tools.trainer.outcome = suspended
    agent.once()
    assert not tools.grid.called("report")
    assert not tools.grid.called("give_back")
    tools.trainer.outcome = tools.trainer.gradient
    agent.once()
    assert [call[0] for call in tools.grid.called("report")] == ["r2"]


def test_a_trainer_that_was_paused_for_long_is_ended_and_its_unit_given_back(brake, agent, tools, clock, make_lease):
    tools.grid.script["work"] = [make_lease(1)]

    def paused(_job, reins):
        brake.apply(Hold.now)
        clock.now += TRAINER_IDLE_SECONDS
        brake.relieve()
        assert tools.trainer.killed == 0
        clock.now += 1
        brake.relieve()
        assert tools.trainer.killed == 1
        assert reins.overdue
        return Nothing()

    tools.trainer.outcome = paused
    agent.once()
    assert tools.grid.called("give_back")[0][1].reason is GiveBackReason.quitting


def test_a_trainer_without_work_for_long_is_ended_and_one_with_work_never(brake, agent, tools, clock, make_lease):
    def long_unit(job, reins):
        clock.now += 10 * TRAINER_IDLE_SECONDS
        brake.relieve()
        return tools.trainer.gradient(job, reins)

    tools.trainer.outcome = long_unit
    tools.grid.script["work"] = [make_lease(1), NoWork(TRAINER_IDLE_SECONDS + 1, "none")]
    agent.once()
    brake.relieve()
    assert tools.trainer.killed == 0
    agent.once()
    assert agent.state is State.idle
    brake.relieve()
    assert tools.trainer.killed == 1
