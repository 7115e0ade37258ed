"""`make bench`: the time of a round beyond its training, two hosts on loopback, for three sizes of weights.

Beyond its training: a round's duration less the longest time that a host spent computing for it. Flower's streaming
mode, on the same kind of machine with two clients: 0.015 s at 0.4 MB of weights, 0.09 s at 4.8 MB, 1.5 s at 47 MB.
"""

import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from server.storage.stores import open_stores
from server.storage.tables import Result, Round, Unit
from tests.support.digits import save
from tests.support.grid import RunningGrid
from tests.support.person import Person
from tests.support.volunteer import RunningVolunteer

SIZES = ((100, "0.4 MB"), (1_100, "4.8 MB"), (10_500, "47 MB"))
ROUNDS = 30
SKIPPED = 5


def main() -> None:
    print("a round beyond its training, two hosts on loopback, K = 2, batch size 8")
    with tempfile.TemporaryDirectory() as folder:
        for width, size in SIZES:
            beyond, whole = measure(Path(folder) / str(width), width)
            print(
                f"  {size:>7} of weights: median {statistics.median(beyond):.3f} s beyond training, "
                f"90th percentile {np.quantile(beyond, 0.9):.3f} s; whole round {statistics.median(whole):.3f} s"
            )


def measure(folder: Path, width: int) -> tuple[list[float], list[float]]:
    """Seconds beyond training, and whole durations, of the rounds after the first few."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    count = 16 * ROUNDS
    files = save(folder, rng.random((count, 1100), np.float32), rng.integers(0, 10, count))
    files["model"] = folder / "model.keras"
    network(width).save(files["model"])
    form = {"batch_size": "8", "k": "2", "epochs": "1", "validation_fraction": "0", "shard_examples": str(count)}
    with RunningGrid(folder) as grid:
        person = Person(grid.address, "bench").sign_up()
        key = person.join_key()
        with (
            RunningVolunteer(grid.address, key, folder, "one"),
            RunningVolunteer(grid.address, key, folder, "two"),
        ):
            # Both hosts must be there before the first round that counts.
            project = person.project(files, form)
            person.wait_until(project, "finished", 300, grid.tail)
    return read(grid.data)


def network(width: int) -> Any:
    import keras

    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((1100,)), keras.layers.Dense(width, "relu"), keras.layers.Dense(10, "softmax")]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def read(data: Path) -> tuple[list[float], list[float]]:
    """From the rows: each round's duration, and the most that one host computed for it."""
    open_stores(data)
    beyond, whole = [], []
    for round_ in Round.select().where(Round.closed_at.is_null(False)).order_by(Round.number).offset(SKIPPED):
        seconds: dict[int, float] = {}
        results = Result.select().join(Unit).where(Unit.round == round_.number, Result.state == "valid")
        for result in results:
            seconds[result.host_id] = seconds.get(result.host_id, 0.0) + result.seconds
        duration = (round_.closed_at - round_.opened_at).total_seconds()
        whole.append(duration)
        beyond.append(duration - max(seconds.values()))
    return beyond, whole


if __name__ == "__main__":
    main()
