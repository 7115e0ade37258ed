"""Recomputing what was recorded: with a learner whose sums can be counted by hand."""

from pathlib import Path

import numpy as np
import pytest

from server.domain.replay import Replay
from server.errors import NotAllowedNow
from server.rules.averaging import Averaging
from server.storage.tables import Checkpoint, Round
from tests.support.domain_grid import Cast, DomainGrid
from volunteer.protocol.tensors import save


def replay(grid: DomainGrid, project: int, scratch: Path) -> tuple[bool, list[str], str]:
    lines: list[str] = []
    outcome = Replay(grid.stores, grid.plans, grid.learner, scratch).run(project, lines.append)
    return outcome.agrees, lines, outcome.sentence


@pytest.fixture
def trained(grid: DomainGrid, owner: int, steady: Cast, slow: Cast) -> DomainGrid:
    grid.project(owner, examples=40, k=3, epochs=2)
    for _ in range(5):
        held_up, lease = slow.lease(), steady.lease()
        steady.deliver(lease)
        slow.deliver(held_up, count=1)
        grid.rounds()
    return grid


def test_what_was_recorded_is_what_is_recomputed(trained: DomainGrid, tmp_path: Path) -> None:
    agrees, lines, sentence = replay(trained, 1, tmp_path / "scratch")
    assert agrees
    assert len(lines) == len(trained.stores.rounds.closed(1)) >= 2
    assert "the largest relative difference of the weights is 0" in sentence


def test_each_round_is_averaged_by_its_own_rule(
    trained: DomainGrid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Round.update(averaging="median").where(Round.number == 1).execute()
    rules, step = [], trained.learner.step
    monkeypatch.setattr(trained.learner, "step", lambda request: (rules.append(request.averaging), step(request))[1])
    replay(trained, 1, tmp_path / "scratch")
    assert rules[:2] == [Averaging.mean, Averaging.median]


def test_weights_that_somebody_changed_are_found(trained: DomainGrid, tmp_path: Path) -> None:
    other = save({"trainable": np.full(10, 3.5, np.float32), "moving": np.zeros(0, np.float32)})
    name = trained.stores.blobs.put(other)
    Checkpoint.update(weights_sha256=name).where(Checkpoint.round == 2).execute()
    assert not replay(trained, 1, tmp_path / "scratch")[0]


def test_checkpoints_that_were_let_go_are_passed_over(trained: DomainGrid, tmp_path: Path) -> None:
    trained.collector.run_pass(trained.now)
    Checkpoint.update(weights_sha256="").where(Checkpoint.round == 1).execute()
    agrees, lines, _ = replay(trained, 1, tmp_path / "scratch")
    assert agrees
    assert not any(line.startswith("round 0:") for line in lines)


def test_before_a_round_has_closed_there_is_nothing_to_replay(grid: DomainGrid, owner: int, tmp_path: Path) -> None:
    with pytest.raises(NotAllowedNow):
        replay(grid, grid.project(owner), tmp_path / "scratch")
