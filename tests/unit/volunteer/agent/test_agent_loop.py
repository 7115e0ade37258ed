import logging

import pytest

from volunteer.agent.agent import LEAST_CYCLE_SECONDS, LONGEST_REST_SECONDS, Agent
from volunteer.agent.states import State
from volunteer.errors import DropResult, RetryLater, StopAndTell
from volunteer.protocol.messages import GiveBack, GiveBackReason, HeartbeatReply, NoWork, ReportReply, Verdict
from volunteer.trainer.job import Failed, Nothing
from volunteer.trainer.reins import Wish


@pytest.fixture
def agent(tools, machine) -> Agent:
    return Agent(tools, machine, lambda: True)


def test_a_lease_is_fetched_computed_and_delivered_without_a_pause(agent, tools, clock, make_lease):
    tools.grid.script["work"] = [make_lease(1), make_lease(2)]
    agent.once()
    agent.once()
    assert [call[0] for call in tools.grid.called("report")] == ["r1", "r2"]
    assert clock.waits == []
    assert tools.gradients.all() == []


def test_blobs_at_hand_are_not_fetched_again_and_old_weights_go(agent, tools, make_lease):
    first, second = make_lease(1), make_lease(2)
    tools.grid.script["work"] = [first, second]
    agent.once()
    agent.once()
    fetched = [name for (name,) in tools.grid.called("download")]
    assert len(fetched) == len(set(fetched)) == 4
    assert first.weights.sha256 not in tools.blobs.held()
    assert second.weights.sha256 in tools.blobs.held()
    assert first.plan.sha256 in tools.grid.called("work")[1][0].held


def test_what_a_grid_says_of_its_lack_of_work_is_one_line_of_the_log(agent, tools, caplog):
    tools.grid.script["work"] = [NoWork(7.0, "none\n2026 ERROR forged")]
    with caplog.at_level(logging.INFO):
        agent.once()
    assert caplog.messages == ["no work: none 2026 ERROR forged"]


def test_what_a_trainer_says_of_a_failure_is_one_line_of_the_log(agent, tools, make_lease, caplog):
    tools.grid.script["work"] = [make_lease(1)]
    tools.trainer.outcome = lambda _job, _reins: Failed(GiveBackReason.failed, "broken\n2026 ERROR forged")
    agent.once()
    assert [line for line in caplog.messages if "forged" in line] == [
        "round 1: given back (failed): broken 2026 ERROR forged"
    ]


def test_without_work_it_waits_as_long_as_the_server_says(agent, tools, clock):
    tools.grid.script["work"] = [NoWork(7.0, "no projects")]
    agent.once()
    assert clock.waits == [7.0]
    assert agent.state is State.idle


def test_a_server_that_says_to_come_back_in_thirty_years_is_asked_again_sooner(agent, tools, clock):
    tools.grid.script["work"] = [NoWork(10.0**9, "no projects")]
    agent.once()
    assert clock.waits == [LONGEST_REST_SECONDS]


def test_an_empty_answer_that_came_at_once_is_followed_by_a_rest(agent, tools, clock):
    tools.grid.script["work"] = [NoWork(0.0, "no projects")]
    agent.once()
    assert clock.waits == [LEAST_CYCLE_SECONDS]


def test_after_a_full_long_poll_it_asks_again_at_once(agent, tools, clock):
    def slow(_request) -> NoWork:
        clock.now += 10.0
        return NoWork(0.0, "no projects")

    tools.grid.script["work"] = [slow]
    agent.once()
    assert clock.waits == [0.0]


def test_a_server_that_is_away_is_asked_ever_more_rarely(agent, tools, clock, make_lease):
    away = RetryLater("away")
    tools.grid.script["work"] = [away, away, away, RetryLater("busy", after=20.0), NoWork(0.5, "")]
    agent.once()
    assert clock.waits[:3] == [0.25, 0.5, 1.0]
    assert clock.waits[3] == 20.0 + 0.5 * 4.0


def test_what_the_server_wants_forgotten_is_forgotten_before_anything_else(agent, tools, make_lease):
    lease = make_lease(1)
    tools.grid.script["work"] = [lease, NoWork(0.0, "gone", forget=[lease.plan.sha256, lease.weights.sha256])]
    agent.once()
    agent.once()
    assert tools.blobs.held() == [lease.shards[0].blob.sha256]


def test_a_unit_that_failed_goes_back_with_the_reason_and_is_not_hurried_after(agent, tools, clock, make_lease):
    tools.grid.script["work"] = [make_lease(1), make_lease(2)]
    tools.trainer.outcome = lambda _job, _reins: Failed(GiveBackReason.out_of_memory, "too large")
    agent.once()
    agent.once()
    (result, message), _second = tools.grid.called("give_back")
    assert (result, message) == ("r1", GiveBack(GiveBackReason.out_of_memory, "too large"))
    assert clock.waits == [0.25, 0.5]
    assert not tools.grid.called("report")


def test_a_gradient_that_was_found_invalid_slows_the_host_down(agent, tools, clock, make_lease):
    tools.grid.script["work"] = [make_lease(1)]
    tools.grid.script["report"] = [ReportReply(Verdict.invalid, "not finite")]
    agent.once()
    assert clock.waits == [0.25]


def test_a_heartbeat_that_says_stop_ends_the_unit_without_upload_or_pause(agent, tools, clock, make_lease):
    tools.grid.script["work"] = [make_lease(1)]

    def told_to_stop(job, reins):
        reins.ask(Wish.drop)
        return tools.trainer.gradient(job, reins)

    tools.trainer.outcome = told_to_stop
    agent.once()
    assert not tools.grid.called("report")
    assert not tools.grid.called("give_back")
    assert clock.waits == []
    assert not list(tools.gradients.workshop.iterdir())


def test_an_unknown_token_ends_the_loop(agent, tools):
    tools.grid.script["work"] = [StopAndTell("attach again", "unknown_token")]
    with pytest.raises(StopAndTell):
        agent.run()
    assert agent.state is State.stopped


def test_an_unknown_token_at_delivery_ends_the_loop_and_keeps_the_gradient(agent, tools, make_lease):
    tools.grid.script["work"] = [make_lease(1)]
    tools.grid.script["report"] = [StopAndTell("attach again", "unknown_token")]
    with pytest.raises(StopAndTell):
        agent.run()
    assert [entry.result for entry in tools.gradients.all()] == ["r1"]


def test_stopping_asks_the_unit_to_finish_and_delivers_the_prefix(agent, tools, make_lease):
    tools.grid.script["work"] = [make_lease(1, mini_batches=5)]

    def stopped(job, reins):
        agent.stop(finish_within=2.0)
        assert reins.wish is Wish.finish
        return tools.trainer.gradient(job, reins, mini_batches=2)

    tools.trainer.outcome = stopped
    agent.run()
    assert [call[0] for call in tools.grid.called("report")] == ["r1"]
    assert len(tools.grid.called("work")) == 1


def test_stopping_with_nothing_done_gives_the_unit_back(agent, tools, make_lease):
    tools.grid.script["work"] = [make_lease(1)]

    def stopped(_job, _reins):
        agent.stop(finish_within=2.0)
        return Nothing()

    tools.trainer.outcome = stopped
    agent.run()
    assert tools.grid.called("give_back")[0][1].reason is GiveBackReason.quitting


def test_a_lease_that_arrives_after_the_signal_goes_back_unopened(agent, tools, make_lease):
    def late(_request):
        agent.stop(finish_within=2.0)
        return make_lease(1)

    tools.grid.script["work"] = [late]
    agent.run()
    assert tools.grid.called("give_back")[0][0] == "r1"
    assert not tools.trainer.jobs


def test_stopping_while_the_server_is_away_leaves_the_gradient_on_disk(agent, tools, clock, make_lease):
    tools.grid.script["work"] = [make_lease(1)]

    def away(*_details):
        agent.stop(finish_within=2.0)
        return RetryLater("away")

    tools.grid.script["report"] = [away]
    agent.run()
    assert [entry.result for entry in tools.gradients.all()] == ["r1"]


def test_abandoning_gives_back_what_could_not_be_delivered(agent, tools, make_lease):
    tools.grid.script["work"] = [make_lease(1)]

    def hangs(*_details):
        agent.stop(finish_within=2.0)
        agent.abandon(1.0)
        return RetryLater("cut")

    tools.grid.script["report"] = [hangs]
    agent.run()
    assert tools.grid.called("give_back")[0][1].reason is GiveBackReason.quitting
    assert tools.gradients.all() == []


def test_gradients_of_an_earlier_run_are_delivered_first(agent, tools, make_lease):
    for result, error in (("r8", None), ("r9", DropResult("stale"))):
        path = tools.gradients.workshop / "x"
        path.write_bytes(b"g")
        # The digest of b"g".
        tools.gradients.add(result, path, "cd0aa9856147b6c5b4ff2b7dfee5da20aa38253099ef1b4a64aced233c9afe29")
        tools.grid.script.setdefault("report", []).append(error or ReportReply(Verdict.valid))

    def stop(_request) -> NoWork:
        agent.stop(0.0)
        return NoWork(0.0, "")

    tools.grid.script["work"] = [stop]
    agent.run()
    assert [call[0] for call in tools.grid.called("report")] == ["r8", "r9"]
    assert tools.gradients.all() == []


def test_a_heartbeat_reply_reaches_the_trainer(tools, make_lease):
    from volunteer.agent.heartbeats import Heartbeats
    from volunteer.trainer.reins import Reins

    for answer, wish in [
        (HeartbeatReply(True, 60.0), Wish.go_on),
        (RetryLater("away"), Wish.go_on),
        (HeartbeatReply(False, 0.0, "the round is closed"), Wish.drop),
        (DropResult("no such result"), Wish.drop),
        (StopAndTell("unknown token"), Wish.drop),
    ]:
        reins = Reins()
        tools.grid.script["heartbeat"] = [answer]
        heart = Heartbeats(tools.grid, make_lease(1), reins, tools.patience)
        heart.done = 3
        heart.beat()
        assert reins.wish is wish
        assert (heart.fatal is not None) == isinstance(answer, StopAndTell)
    assert tools.grid.called("heartbeat")[0] == ("r1", 3)


def test_the_trainer_is_told_the_servers_deadline_and_what_silence_means(agent, tools, clock, make_lease):
    from volunteer.agent.heartbeats import Heartbeats
    from volunteer.trainer.reins import Reins

    reins = Reins(lambda: clock.now)
    heart = Heartbeats(tools.grid, make_lease(1, deadline_seconds=30.0), reins, tools.patience)
    clock.now += 29
    assert not reins.late
    tools.grid.script["heartbeat"] = [HeartbeatReply(True, 10.0)]
    heart.beat()
    clock.now += 9
    assert not reins.late
    clock.now += 1
    assert reins.late
    tools.grid.script["work"] = [make_lease(1, deadline_seconds=30.0), make_lease(2, deadline_seconds=500.0)]
    agent.once()
    agent.once()
    assert [job.silence for job in tools.trainer.jobs] == [60.0, 1000.0]
