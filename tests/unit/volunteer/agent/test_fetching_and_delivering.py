import hashlib

import msgspec
import pytest

from volunteer.agent import fetching
from volunteer.agent.delivering import FAILURES_BEFORE_ASKING, deliver, deliver_leftovers
from volunteer.agent.fetching import Fetcher, Unusable
from volunteer.errors import DropResult, RetryLater
from volunteer.plan.refused import Refused
from volunteer.protocol.messages import GiveBackReason, HeartbeatReply
from volunteer.trainer.reins import Reins, Wish

AWAY = RetryLater("away")


@pytest.fixture
def entry(tools):
    path = tools.gradients.workshop / "x"
    path.write_bytes(b"gradient")
    return tools.gradients.add("r1", path, hashlib.sha256(b"gradient").hexdigest())


def test_a_lease_that_does_not_fit_its_plan_cannot_be_read(tools, make_lease):
    for lease in (
        make_lease(1, mini_batches=2, shards=[]),
        msgspec.structs.replace(make_lease(1), mini_batches=[5000]),
        msgspec.structs.replace(make_lease(1), mini_batches=[3, 3]),
        make_lease(1, result="x" * 1000),
    ):
        with pytest.raises(Unusable) as caught:
            Fetcher(tools).fetch(lease, Reins())
        assert caught.value.reason is GiveBackReason.cannot_read


def test_a_plan_that_is_refused_here_goes_back_as_unreadable(tools, make_lease, monkeypatch):
    class Strict:
        @staticmethod
        def decode(_data: bytes):
            raise Refused("The layer “evil” is not allowed.")

    monkeypatch.setattr(fetching, "ProjectPlan", Strict)
    with pytest.raises(Unusable, match="evil"):
        Fetcher(tools).fetch(make_lease(1), Reins())


def test_a_download_is_tried_until_it_works(tools, clock, make_lease):
    tools.grid.script["download"] = [AWAY, AWAY]
    assert Fetcher(tools).fetch(make_lease(1), Reins()) is not None
    assert clock.waits == [0.25, 0.5]


def test_a_blob_that_always_arrives_broken_ends_the_unit(tools, make_lease):
    tools.grid.script["download"] = [RetryLater("broken", "digest_mismatch")] * 3
    with pytest.raises(Unusable, match="broken"):
        Fetcher(tools).fetch(make_lease(1), Reins())


def test_a_download_ends_when_the_unit_is_not_wanted_any_more(tools, clock, make_lease):
    reins = Reins()
    tools.grid.script["download"] = [AWAY] * 10
    clock.on_wait = lambda _seconds: reins.ask(Wish.drop)
    assert Fetcher(tools).fetch(make_lease(1), reins) is None
    assert len(clock.waits) == 1


def test_a_gradient_is_sent_until_the_server_answers(tools, clock, entry):
    tools.grid.script["report"] = [AWAY, AWAY]
    assert deliver(tools, entry, 2) is not None
    assert len(tools.grid.called("report")) == 3
    assert tools.gradients.all() == []


def test_a_gradient_that_is_refused_is_dropped(tools, entry):
    tools.grid.script["report"] = [DropResult("stale")]
    assert deliver(tools, entry, 2) is None
    assert tools.gradients.all() == []


def test_after_some_failures_it_asks_before_it_sends_everything_again(tools, entry):
    tools.grid.script["report"] = [AWAY] * 10
    tools.grid.script["heartbeat"] = [HeartbeatReply(True, 9.0), HeartbeatReply(False, 0.0, "ended")]
    assert deliver(tools, entry, 2) is None
    assert len(tools.grid.called("report")) == FAILURES_BEFORE_ASKING + 1
    assert tools.gradients.all() == []


def test_damaged_leftovers_are_not_sent(tools, entry):
    entry.path.write_bytes(b"half a gra")
    deliver_leftovers(tools)
    assert not tools.grid.called("report")
    assert tools.gradients.all() == []
