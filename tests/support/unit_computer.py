"""Units of a case by the real engine: as an honest host computes them, and as one that spares itself work or lies."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from server.rules.quorum import Vectors
from tests.support.agreement_networks import Case
from tests.support.other_machines import HONEST
from volunteer.plan.order import mini_batch_rows
from volunteer.plan.project_plan import Weights
from volunteer.training.gradients import Engine, MiniBatch


class UnitComputer:
    """All stages of one network: tracing it takes longer than its units."""

    def __init__(self, case: Case, data: Path, threads: int) -> None:
        self._case = case
        with np.load(data) as file:
            self._x, self._y = file["x"], file["y"]
        self._engine = Engine(case.plan, threads)

    def turn_to(self, case: Case) -> bool:
        """Whether it is another stage of the same network."""
        if case.plan != self._case.plan:
            return False
        self._case = case
        return True

    def unit(self, number: int, size: int, cheats: bool) -> dict[str, Vectors]:
        """Unit `number` is of epoch `number`: other rows and other seeds in each."""
        work = self._mini_batches(number, size)
        results = {HONEST: self._compute(work, number)}
        if not cheats:
            return results
        examples = results[HONEST].examples
        for cheat, lie in self._lies(work, number).items():
            # Whoever did less scales it up: that is nearer to the truth than what it left out.
            factor = examples / lie.examples
            results[cheat] = Vectors(
                np.float32(factor) * lie.gradient, np.float32(factor) * lie.moving, factor * lie.sums, examples
            )
        return results

    def _lies(self, work: list[MiniBatch], number: int) -> dict[str, Vectors]:
        size = len(work)
        other = self._mini_batches(number, size, self._case.plan.layout.examples)
        return {
            "one mini-batch left out": self._compute(work[:-1] or other, number),
            "one label wrong": self._compute([_mislabelled(work[0]), *work[1:]], number),
            "first mini-batch for all": self._compute(work[:1] if size > 1 else other, number),
            "half the examples twice": self._compute([_halved(mini_batch) for mini_batch in work], number),
            "other data": self._compute(other, number),
            "weights of another round": self._compute(work, number, self._case.stale),
            "weights in bfloat16": self._compute(work, number, _rounded(self._case.weights)),
            "all labels shifted": self._compute([replace(one, y=(one.y + 1) % 10) for one in work], number),
        }

    def _compute(self, work: Sequence[MiniBatch], epoch: int, weights: Weights | None = None) -> Vectors:
        self._engine.begin(weights or self._case.weights, self._case.frozen, epoch)
        self._engine.add(work)
        sums = self._engine.sums()
        return Vectors(sums.gradient, sums.moving, sums.sums, sums.examples)

    def _mini_batches(self, epoch: int, size: int, beyond: int = 0) -> list[MiniBatch]:
        """`beyond`: how many rows further on than those that the unit names."""
        plan = self._case.plan
        numbers = [(epoch * size + i) % plan.layout.mini_batches for i in range(size)]
        rows = [beyond + mini_batch_rows(plan.seed, epoch, plan.layout, number) for number in numbers]
        name = plan.inputs[0].name
        return [MiniBatch(number, {name: self._x[at]}, self._y[at]) for number, at in zip(numbers, rows, strict=True)]


def _mislabelled(mini_batch: MiniBatch) -> MiniBatch:
    y = mini_batch.y.copy()
    y[0] = (y[0] + 1) % 10
    return replace(mini_batch, y=y)


def _halved(mini_batch: MiniBatch) -> MiniBatch:
    half = mini_batch.examples // 2
    x = {name: np.concatenate([values[:half], values[:half]]) for name, values in mini_batch.x.items()}
    return replace(mini_batch, x=x, y=np.concatenate([mini_batch.y[:half], mini_batch.y[:half]]))


def _rounded(weights: Weights) -> Weights:
    """As a graphics card would that trades digits for speed: 8 bits of mantissa."""
    bits = weights.trainable.view(np.uint32) + np.uint32(0x8000)
    return Weights((bits & np.uint32(0xFFFF0000)).view(np.float32), weights.moving)
