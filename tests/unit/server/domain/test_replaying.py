"""The rounds of a small grid computed again: what it says, and what it leaves on the disk meanwhile."""

from pathlib import Path

import pytest

from server.domain.replay import Replay
from server.errors import NotAllowedNow
from server.rules.learning_values import StepReport, StepRequest
from tests.support.domain_grid import Cast, DomainGrid


def train(grid: DomainGrid, host: Cast, rounds: int) -> None:
    for _ in range(rounds):
        host.deliver(host.lease())
        grid.rounds()


def test_a_replay_agrees_and_keeps_one_round_on_the_disk(
    grid: DomainGrid, owner: int, steady: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = grid.project(owner, examples=40, k=1, epochs=1)
    train(grid, steady, 6)
    step, on_disk, said = grid.learner.step, [], []

    def looking(request: StepRequest) -> StepReport:
        report = step(request)
        on_disk.append(sorted(path.name for path in (tmp_path / "scratch").iterdir()))
        return report

    monkeypatch.setattr(grid.learner, "step", looking)
    outcome = Replay(grid.stores, grid.plans, grid.learner, tmp_path / "scratch").run(project, said.append)
    assert (outcome.rounds, outcome.compared, outcome.largest) == (6, 6, 0.0)
    assert outcome.agrees
    assert len(said) == 6
    assert on_disk == [["round-0"], *[[f"round-{n - 1}", f"round-{n}"] for n in range(1, 6)]]
    assert sorted(path.name for path in (tmp_path / "scratch" / "round-5").iterdir()) == ["optimizer", "weights"]
    assert grid.audit.findings(grid.now) == []


def test_a_project_without_a_closed_round_has_nothing_to_replay(grid: DomainGrid, owner: int, tmp_path: Path) -> None:
    project = grid.project(owner)
    with pytest.raises(NotAllowedNow):
        Replay(grid.stores, grid.plans, grid.learner, tmp_path).run(project, print)
