"""Recomputes a project's recorded rounds on this machine, and compares the weights: nobody need believe the grid."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from server.domain.plans import Plans
from server.domain.ports import Learner
from server.errors import NotAllowedNow
from server.rules.averaging import Averaging
from server.rules.learning_values import GradientFile, GradientRequest, StepRequest
from server.rules.states import UnitState
from server.storage.stores import Stores
from server.storage.tables import Checkpoint, Project, Round
from volunteer.protocol.tensors import load

TOLERANCE = 1e-3
"""Honest machines differ by up to 1e-3 (measured); the same machine and threads repeat to the bit."""


@dataclass(frozen=True)
class Outcome:
    """`largest` is the largest relative L2 distance between recomputed and recorded weights."""

    rounds: int
    compared: int
    largest: float

    @property
    def agrees(self) -> bool:
        return self.compared > 0 and self.largest <= TOLERANCE

    @property
    def sentence(self) -> str:
        return (
            f"{self.rounds} rounds recomputed, {self.compared} checkpoints compared; "
            f"the largest relative difference of the weights is {self.largest:.3g}."
        )


@dataclass(frozen=True)
class _State:
    weights: Path
    optimizer: Path | None


class Replay:
    def __init__(self, stores: Stores, plans: Plans, learner: Learner, scratch: Path) -> None:
        self._stores = stores
        self._plans = plans
        self._learner = learner
        self._scratch = scratch

    def run(self, project_id: int, tell: Callable[[str], None]) -> Outcome:
        """From the first weights through all closed rounds, by the units that were recorded as used."""
        project = self._stores.projects.by_id(project_id)
        first = self._stores.checkpoints.get(project_id, 0)
        rounds = self._stores.rounds.closed(project_id)
        if first is None or not rounds:
            raise NotAllowedNow("This project has no closed round to replay yet.")
        state = _State(self._stores.blobs.path(first.weights_sha256), None)
        compared, largest = 0, 0.0
        for round_ in rounds:
            before, state = state, self._step(project, round_, state)
            self._drop(before)
            checkpoint = self._stores.checkpoints.get(project_id, round_.number + 1)
            if checkpoint is not None and checkpoint.weights_sha256:
                distance = self._distance(state, checkpoint)
                compared, largest = compared + 1, max(largest, distance)
                tell(f"round {round_.number}: {round_.used} mini-batches, difference {distance:.3g}")
        return Outcome(len(rounds), compared, largest)

    def _step(self, project: Project, round_: Round, state: _State) -> _State:
        blobs = self._stores.blobs
        layout = self._plans.of(project.plan_sha256).layout
        shards = {s.number: str(blobs.path(s.sha256)) for s in self._stores.projects.shards(project.id)}
        out = self._scratch / f"round-{round_.number}"
        out.mkdir(parents=True)
        gradients = []
        for unit in self._stores.work.units_of_round(project.id, round_.number, UnitState.valid):
            needed = {layout.locate(mini_batch).shard for mini_batch in unit.mini_batches}
            file = out / f"unit-{unit.id}"
            self._learner.gradient(
                GradientRequest(
                    plan=str(blobs.path(project.plan_sha256)), frozen=str(blobs.path(project.frozen_sha256)),
                    weights=str(state.weights), epoch=unit.epoch, mini_batches=list(unit.mini_batches),
                    shards={str(number): shards[number] for number in needed}, out=str(file),
                )
            )  # fmt: skip
            examples = sum(layout.locate(mini_batch).count for mini_batch in unit.mini_batches)
            gradients.append(GradientFile(str(file), examples))
        report = self._learner.step(
            StepRequest(
                plan=str(blobs.path(project.plan_sha256)), frozen=str(blobs.path(project.frozen_sha256)),
                weights=str(state.weights), optimizer=str(state.optimizer) if state.optimizer else None,
                gradients=gradients, mini_batches=round_.used, out=str(out), averaging=Averaging(round_.averaging),
            )
        )  # fmt: skip
        for gradient in gradients:
            Path(gradient.path).unlink()
        if report.weights is None or report.optimizer is None:
            raise NotAllowedNow(f"Round {round_.number} does not give finite numbers on this machine.")
        return _State(Path(report.weights), Path(report.optimizer))

    def _drop(self, state: _State) -> None:
        """What the round before left: a long replay would fill the disk. The grid's own blobs are not touched."""
        if state.weights.is_relative_to(self._scratch):
            shutil.rmtree(state.weights.parent)

    def _distance(self, state: _State, checkpoint: Checkpoint) -> float:
        ours, _ = load(state.weights)
        theirs, _ = load(self._stores.blobs.path(checkpoint.weights_sha256))
        a = np.concatenate([ours["trainable"], ours["moving"]]).astype(np.float64)
        b = np.concatenate([theirs["trainable"], theirs["moving"]]).astype(np.float64)
        return float(np.linalg.norm(a - b) / max(float(np.linalg.norm(b)), 1e-30))
