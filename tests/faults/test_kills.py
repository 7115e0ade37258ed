"""kill -9 of every process of the grid and of its hosts, each in the middle of a round: nothing promised is lost."""

from collections.abc import Callable

import pytest

from tests.support import kills
from tests.support.cast import Cast
from tests.support.digits import small_cnn
from tests.support.ledger import Ledger
from tests.support.processes import below

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]
EPOCHS = 10
FORM = {"epochs": str(EPOCHS), "k": "12", "batch_size": "16", "seed": "3"}


KILLS: dict[str, Callable[[Cast], None]] = {
    "the trainer": lambda cast: kills.kill_trainer(cast.hosts["steady"]),
    "a host": lambda cast: cast.hosts["ghost"].kill(),
    **kills.OF_THE_GRID,
}


def test_kill_9_of_each_process_in_the_middle_of_a_round_loses_nothing(cast: Cast) -> None:
    project = cast.digits_project(small_cnn(batch_norm=True, rate=0.003), FORM)
    for name, percent in (("steady", "10"), ("slow", "4"), ("ghost", "10")):
        cast.host(name, "--cpu-percent", percent)
    ledger = Ledger(cast.grid.data)
    ledger.wait_for_rounds(project, 1, 90, cast.explain)
    for what, kill in KILLS.items():
        ledger.wait_for_lease("ghost" if what == "a host" else "steady", 60, cast.explain)
        before = ledger.promises(project)
        kill(cast)
        ledger.wait_for_rounds(project, len(before.rounds) + 2, 60, lambda what=what: f"after {what}\n{cast.explain()}")
        before.require_kept(ledger.promises(project))
        ledger.require_credit_right()
        print(f"killed {what} with {len(before.rounds)} rounds closed")
    assert cast.owner.view(project)["state"] == "running", "it must be in training while everything is killed"
    for name in ("steady", "slow"):
        cast.hosts[name].stop()
    cast.host("quick")
    cast.finished(project)
    cast.audit()
    ledger.require_each_mini_batch_once_an_epoch(project, EPOCHS)
    ledger.require_nobody_blamed()
    # One for the rounds; one, which ends when idle, for evaluations.
    assert len(below(cast.grid.data, "server.learning.child")) <= 2, "a learner has outlived its scheduler"
