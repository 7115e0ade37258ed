"""What the form's schedules make of the learning rate, asked of Keras itself."""

import math
from typing import Any

import numpy as np
import pytest

from server.rules.schedules import with_schedule
from volunteer.plan.objectives import canonical_optimizer
from volunteer.training.runtime import keras

RATE, ROUNDS = 0.8, 40
SGD = canonical_optimizer({"class_name": "SGD", "config": {"learning_rate": RATE, "momentum": 0.9}})


def rates(schedule: str, warmup: int = 0) -> list[float]:
    """As a fresh Keras optimizer would step, round after round."""
    described = with_schedule(SGD, schedule, warmup, ROUNDS)
    optimizer: Any = keras.optimizers.deserialize(described)
    variable = keras.Variable(np.zeros(1, np.float32))
    found = []
    for _ in range(ROUNDS + 5):
        found.append(float(optimizer.learning_rate))
        optimizer.apply([keras.ops.zeros(1)], [variable])
    return found


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", lambda step: RATE),
        ("", lambda step: RATE),
        ("cosine", lambda step: RATE * 0.5 * (1 + math.cos(math.pi * min(step, ROUNDS) / ROUNDS))),
        ("linear", lambda step: RATE * (1 - min(step, ROUNDS) / ROUNDS)),
        ("exponential", lambda step: RATE * 0.01 ** (step / ROUNDS)),
    ],
)
def test_the_rate_follows_the_schedule_over_the_whole_training(schedule: str, expected: Any) -> None:
    np.testing.assert_allclose(rates(schedule), [expected(step) for step in range(ROUNDS + 5)], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_a_warm_up_rises_in_equal_parts_and_no_round_is_for_nothing(schedule: str) -> None:
    found = rates(schedule, warmup=4)
    np.testing.assert_allclose(found[:4], [RATE * part / 5 for part in (1, 2, 3, 4)], rtol=1e-5)
    after = [RATE] * 41 if schedule == "constant" else [
        RATE * 0.5 * (1 + math.cos(math.pi * min(step, 36) / 36)) for step in range(41)
    ]  # fmt: skip
    np.testing.assert_allclose(found[4:], after, rtol=1e-5, atol=1e-7)


def test_the_rest_of_the_optimizer_stays_as_it_was() -> None:
    described = with_schedule(SGD, "cosine", 3, ROUNDS)
    assert {**described["config"], "learning_rate": RATE} == SGD["config"]
    assert canonical_optimizer(described) == described
