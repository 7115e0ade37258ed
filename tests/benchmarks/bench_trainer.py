"""The engine beside model.fit: same network, data, batch size and threads, runs in turns, medians.

    python tests/benchmarks/bench_trainer.py [--threads N] [--runs N] [--mini-batches N]

Both pass once over the same mini-batches; fit steps SGD after each, the engine sums. What is compared is the
time of a mini-batch, traces and first passes left out. The printed ratio is fit over engine: above 1 the
engine is faster.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from volunteer.plan.architecture import canonicalise, describe
from volunteer.plan.project_plan import ProjectPlan
from volunteer.plan.shards import ShardLayout
from volunteer.training.build import build_model
from volunteer.training.gradients import Engine, MiniBatch
from volunteer.training.runtime import keras, prepare
from volunteer.training.variables import bind, describe_variables, read_frozen, read_weights

BATCH = 32
L = keras.layers


def _mlp() -> Any:
    layers = [keras.Input((784,)), L.Dense(256, "relu"), L.Dense(128, "relu"), L.Dense(10, "softmax")]
    return keras.Sequential(layers)


def _cnn() -> Any:
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            L.Conv2D(16, 3, activation="relu"),
            L.MaxPooling2D(),
            L.Conv2D(32, 3, activation="relu"),
            L.MaxPooling2D(),
            L.Flatten(),
            L.Dense(64, "relu"),
            L.Dense(10, "softmax"),
        ]
    )


def _cnn_with_batch_norm() -> Any:
    def block(filters: int) -> list[Any]:
        return [
            L.Conv2D(filters, 3, use_bias=False),
            L.BatchNormalization(),
            L.Activation("relu"),
            L.MaxPooling2D(),
        ]

    ends = [L.Flatten(), L.Dropout(0.2), L.Dense(10, "softmax")]
    return keras.Sequential([keras.Input((28, 28, 1)), *block(16), *block(32), *ends])


NETWORKS: dict[str, Callable[[], Any]] = {
    "MLP": _mlp,
    "CNN": _cnn,
    "CNN with BatchNorm": _cnn_with_batch_norm,
}


def _plan(model: Any, examples: int) -> ProjectPlan:
    described = keras.saving.serialize_keras_object
    architecture = canonicalise(described(model))
    shape = describe(architecture)
    return ProjectPlan(
        architecture=architecture,
        loss=described(keras.losses.SparseCategoricalCrossentropy()),
        metrics=[described(keras.metrics.SparseCategoricalAccuracy(name="accuracy"))],
        optimizer=described(keras.optimizers.SGD(0.01)),
        seed=1,
        layout=ShardLayout(examples, BATCH, BATCH * 100),
        inputs=list(shape.inputs),
        variables=list(describe_variables(model)),
        cost=shape.cost,
    )


def _engine_pass(model: Any, x: Any, y: Any) -> Callable[[], None]:
    plan = _plan(model, len(y))
    bound = bind(model, plan.variables)
    weights, frozen = read_weights(bound), read_frozen(bound)
    engine = Engine(plan, model=build_model(plan.architecture))
    name = plan.inputs[0].name

    def run() -> None:
        engine.begin(weights, frozen, 0)
        rows = [slice(start, start + BATCH) for start in range(0, len(y), BATCH)]
        engine.add([MiniBatch(number, {name: x[part]}, y[part]) for number, part in enumerate(rows)])
        engine.sums()

    return run


def _fit_pass(model: Any, x: Any, y: Any) -> Callable[[], None]:
    loss = keras.losses.SparseCategoricalCrossentropy()
    accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss=loss, metrics=[accuracy], jit_compile=False)

    def run() -> None:
        model.fit(x, y, batch_size=BATCH, epochs=1, shuffle=False, verbose=0)

    return run


def compare(make: Callable[[], Any], mini_batches: int, runs: int) -> tuple[float, float]:
    """Median seconds a mini-batch takes: (engine, fit)."""
    model = make()
    rng = np.random.default_rng(0)
    count = mini_batches * BATCH
    x = rng.random((count, *model.input_shape[1:]), np.float32)
    y = rng.integers(0, 10, count)
    passes = (_engine_pass(model, x, y), _fit_pass(model, x, y))
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(runs + 1):
        for run, seconds in zip(passes, times, strict=True):
            started = time.perf_counter()
            run()
            if turn > 0:
                seconds.append((time.perf_counter() - started) / mini_batches)
    return statistics.median(times[0]), statistics.median(times[1])


def main() -> None:
    """Print one line a network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--mini-batches", type=int, default=100)
    options = parser.parse_args()
    prepare(options.threads)
    print(f"{'ms a mini-batch':20}{'engine':>10}{'fit':>10}{'fit/engine':>12}   ({options.threads} threads)")
    for name, make in NETWORKS.items():
        engine, fit = compare(make, options.mini_batches, options.runs)
        print(f"{name:20}{engine * 1e3:10.3f}{fit * 1e3:10.3f}{fit / engine:12.2f}")


if __name__ == "__main__":
    main()
