"""A grid that believes nobody, in real processes: a liar with trust is found, also when the scheduler is killed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import kills
from tests.support.by_hand import HostByHand
from tests.support.cast import Cast
from tests.support.digits import small_cnn
from tests.support.grid import wait_for
from tests.support.ledger import Ledger

pytestmark = [pytest.mark.faults]
FORM = {"epochs": "1", "k": "12", "batch_size": "32", "validation_fraction": "0"}


class _Liar(HostByHand):
    """Sends numbers of the right form, finite and wrong, and had earned trust before it began to."""

    def __init__(self, cast: Cast) -> None:
        super().__init__(cast.grid.address, cast.key_of("stranger"), "liar")
        for table, name in (("host", "liar"), ("account", "stranger")):
            Ledger(cast.grid.data).change(f"UPDATE {table} SET trust = 100 WHERE name = ?", name)
        self._dice = np.random.default_rng(1)

    def lie(self) -> str:
        """One unit; the number of its result."""
        return self.send_lie(self.lease(60))

    def send_lie(self, lease: dict[str, Any]) -> str:
        blob = self.gradient(lease, lambda size: self._dice.normal(size=size))
        # The project may have gone back meanwhile.
        assert self.upload(lease["result"], blob.encode()).status_code in (200, 409)
        return str(lease["result"])


@pytest.mark.parametrize("killed", [False, pytest.param(True, marks=pytest.mark.long)], ids=["in peace", "killed"])
def test_a_liar_with_trust_is_found_put_out_and_keeps_no_credit(tmp_path: Path, killed: bool) -> None:
    """Whatever counts on trust is checked here; where two contradict each other, the server's learner says who lies."""
    with Cast(tmp_path, quorum=2, LEAST_CHECK="1", TRUST_AFTER="2") as cast:
        ledger = Ledger(cast.grid.data)
        project = cast.digits_project(small_cnn(), FORM)
        liar = _Liar(cast)
        lies = [liar.lie(), liar.lie()]
        _wait(cast, lambda: _credit(ledger, "liar") > 0)
        steady = cast.host("steady")
        # Both find the other wrong; only the referee can say. As soon as it has, before its word is carried out:
        _wait(cast, lambda: ledger.one("SELECT COUNT(*) FROM result WHERE purpose = 'audit' AND state != 'leased'"))
        if killed:
            kills.kill_scheduler(cast)
        ledger.require_credit_right()
        # Believed no more, it goes on, until its record is enough to put it out.
        _wait(cast, lambda: ledger.one("SELECT refuted FROM host WHERE name = 'liar'"))
        assert _credit(ledger, "liar") == 0
        while (answer := liar.post("/work", {"machine": liar.machine})).ok:
            if answer.json()["type"] == "lease":
                lies.append(liar.send_lie(answer.json()))
        assert (answer.status_code, answer.json()["code"]) == (403, "host_quarantined")
        assert "got other numbers" in answer.json()["sentence"]
        cast.finished(project, 200)
        cast.audit()
        ledger.require_each_mini_batch_once_an_epoch(project, 1)
        _require_only_the_liar_blamed(ledger, lies)
        assert steady.stop() == 0


def _require_only_the_liar_blamed(ledger: Ledger, lies: list[str]) -> None:
    states = dict(ledger.rows(f"SELECT id, state FROM result WHERE id IN ({', '.join(lies)})"))
    assert "valid" not in states.values()
    assert "invalid" in states.values()
    assert _credit(ledger, "liar") == 0
    assert _credit(ledger, "steady") > 0
    taken = ledger.rows("SELECT DISTINCT host.name FROM credit_entry JOIN host ON host.id = host_id WHERE amount < 0")
    assert taken == [("liar",)]
    assert ledger.rows("SELECT name FROM host WHERE refuted OR quarantined_at") == [("liar",)]
    print(f"lies: {states}; {ledger.rows('SELECT name, confirmed, refuted, credit FROM host ORDER BY id')}")


def _credit(ledger: Ledger, name: str) -> int:
    return int(ledger.one("SELECT credit FROM host WHERE name = ?", name))


def _wait(cast: Cast, condition: Callable[[], Any], seconds: float = 90) -> None:
    wait_for(condition, seconds, cast.explain, every=0.01)
