"""`make bench`: the time of a round beyond its training, two hosts on loopback, for three sizes of weights.

Beyond its training: a round's duration less the longest time that a host spent computing for it. Flower's streaming
mode, on the same kind of machine with two clients: 0.015 s at 0.4 MB of weights, 0.09 s at 4.8 MB, 1.5 s at 47 MB.

Then what safety costs: whole rounds of a grid that believes everybody beside those of one that looks again at what
trusted strangers send, in turns. There the grid has one half of this machine's cores and the hosts the other: the
learner that audits would else take its time from the hosts, whom it never shares a machine with.
"""

import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from server.storage.stores import open_stores
from server.storage.tables import Result, Round, Unit
from tests.support.cast import Cast
from tests.support.digits import save
from tests.support.grid import RunningGrid, wait_for
from tests.support.ledger import Ledger
from tests.support.person import Person
from tests.support.volunteer import RunningVolunteer

SIZES = ((100, "0.4 MB"), (1_100, "4.8 MB"), (10_500, "47 MB"))
ROUNDS = 30
SKIPPED = 5
TURNS = 4
TRUST = 100
LOADS = (("next to nothing", 8, 2), ("16 batches of 128", 128, 16))
"""In words, batch size, K."""


def main() -> None:
    print("a round beyond its training, two hosts on loopback, K = 2, batch size 8")
    with tempfile.TemporaryDirectory() as folder:
        for width, size in SIZES:
            beyond, whole = measure(Path(folder) / str(width), width)
            print(
                f"  {size:>7} of weights: median {statistics.median(beyond):.3f} s beyond training, "
                f"90th percentile {np.quantile(beyond, 0.9):.3f} s; whole round {statistics.median(whole):.3f} s"
            )
        cores = sorted(os.sched_getaffinity(0))
        print(f"rounds whole, all hosts trusted; the grid on cores {cores[::2]}, hosts on {cores[1::2] or cores}")
        for words, batch_size, k in LOADS:
            compare(Path(folder) / f"safety-{k}", words, batch_size, k)


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


def compare(folder: Path, words: str, batch_size: int, k: int) -> None:
    """Prints the time of a round with quorum 1 and with quorum 2, all hosts trusted from the start."""
    count = batch_size * k * ROUNDS
    rng = np.random.default_rng(0)
    files = save(folder, rng.random((count, 1100), np.float32), rng.integers(0, 10, count))
    files["model"] = folder / "model.keras"
    network(1_100).save(files["model"])
    form = {
        "batch_size": str(batch_size), "k": str(k), "epochs": "1", "validation_fraction": "0",
        "shard_examples": str(count),
    }  # fmt: skip
    seconds: dict[int, list[float]] = {1: [], 2: []}
    afterwards = 0.0
    with contextlib.ExitStack() as stack:
        with half_of_the_cores(0):
            casts = {quorum: stack.enter_context(Cast(folder / str(quorum), quorum)) for quorum in seconds}
        with half_of_the_cores(1):
            for cast in casts.values():
                trusted_hosts(cast)
        for turn in range(TURNS + 1):
            for quorum in (1, 2) if turn % 2 else (2, 1):
                cast = casts[quorum]
                project = cast.owner.project(files, form)
                cast.finished(project, 400)
                # The first of each only warms everything up.
                seconds[quorum] += rounds_of(cast, project) if turn else []
                ended = time.monotonic()
                settled(cast)
                afterwards += time.monotonic() - ended if turn and quorum > 1 else 0.0
        looked = Ledger(casts[2].grid.data).rows(
            "SELECT purpose, COUNT(*) FROM result WHERE state IN ('valid', 'unneeded') GROUP BY purpose ORDER BY 1"
        )
    believed, checked = (statistics.median(seconds[quorum]) for quorum in (1, 2))
    print(
        f"  rounds of {words}: {believed:.3f} s where everybody is believed, {checked:.3f} s with opinions and audits: "
        f"{checked / believed:.2f} times (means {statistics.mean(seconds[2]) / statistics.mean(seconds[1]):.2f}; "
        f"{len(seconds[1])} and {len(seconds[2])} rounds; results {dict(looked)}; opinions "
        f"that came after the last round took {afterwards:.0f} s more)",
        flush=True,
    )


@contextlib.contextmanager
def half_of_the_cores(which: int) -> Iterator[None]:
    """Processes started meanwhile have these cores only; all of them where there is but one."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[which::2] or cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def trusted_hosts(cast: Cast) -> None:
    """Two, of two volunteers who have earned their trust."""
    for name in ("one", "two"):
        cast.host_of(f"volunteer {name}", name)
    ledger = Ledger(cast.grid.data)
    wait_for(lambda: ledger.one("SELECT COUNT(*) FROM host WHERE name IN ('one', 'two')") == 2, 60, cast.explain)
    ledger.change("UPDATE host SET trust = ?", TRUST)
    ledger.change("UPDATE account SET trust = ?", TRUST)


def rounds_of(cast: Cast, project: int) -> list[float]:
    found = Ledger(cast.grid.data).rows(
        "SELECT closed_at - opened_at FROM round WHERE project_id = ? AND state = 'closed' ORDER BY number", project
    )
    return [seconds for (seconds,) in found][SKIPPED:]


def settled(cast: Cast) -> None:
    """Until no opinion is wanted any more: it would be computed while the other grid is measured."""
    wanted = "SELECT COUNT(*) FROM unit WHERE seeks OR audit = 'wanted'"
    wait_for(lambda: Ledger(cast.grid.data).one(wanted) == 0, 400, cast.explain)


if __name__ == "__main__":
    main()
