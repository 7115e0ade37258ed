"""The chunk loop with an engine that only counts."""

import errno
import types
from pathlib import Path

import numpy as np
import pytest

from volunteer.trainer import unit
from volunteer.trainer.reins import Wish


class Batch:
    def __init__(self, number: int) -> None:
        self.number, self.y, self.x = number, np.zeros(8), {"input": np.zeros((8, 4))}


class CountingEngine:
    plan = None

    def __init__(self) -> None:
        self.chunks: list[list[int]] = []

    def add(self, chunk) -> None:
        self.chunks.append([batch.number for batch in chunk])


class FixedPace:
    def __init__(self, count: int, seconds_each: float | None = 0.1) -> None:
        self.count, self.seconds_each, self.told = count, seconds_each, []

    def next_count(self, remaining: int, _bytes_each: int) -> int:
        return min(self.count, remaining)

    def measured(self, count: int, _seconds: float) -> None:
        self.told.append(count)


@pytest.fixture
def batches():
    return lambda numbers: iter([Batch(number) for number in numbers])


def test_all_mini_batches_go_through_in_order(batches):
    engine, done = CountingEngine(), []
    pace = FixedPace(3)
    count = unit.run_chunks(engine, batches(range(7)), 7, pace, lambda: Wish.go_on, lambda n, _s: done.append(n))
    assert engine.chunks == [[0, 1, 2], [3, 4, 5], [6]]
    assert (count, done, pace.told) == (7, [3, 6, 7], [3, 3, 1])


def test_a_wish_is_obeyed_between_two_chunks(batches):
    engine, wishes = CountingEngine(), [Wish.go_on, Wish.go_on, Wish.finish]
    count = unit.run_chunks(engine, batches(range(9)), 9, FixedPace(2), lambda: wishes.pop(0), lambda _n, _s: None)
    assert count == 4
    assert engine.chunks == [[0, 1], [2, 3]]


def test_the_first_chunk_of_a_project_is_no_measure_of_speed_and_asks_for_no_rest(batches):
    pace, seconds = FixedPace(1, seconds_each=None), []
    unit.run_chunks(CountingEngine(), batches(range(2)), 2, pace, lambda: Wish.go_on, lambda _n, s: seconds.append(s))
    assert pace.told == [1]
    assert seconds[0] == 0.0 < seconds[1]


def test_a_chunk_is_as_slow_as_the_clock_says_that_stands_still_in_a_pause(batches):
    told, ticks = [], iter([10.0, 11.0, 20.0, 20.5])
    pace = FixedPace(1, seconds_each=1.0)
    unit.run_chunks(
        CountingEngine(), batches(range(2)), 2, pace, lambda: Wish.go_on, lambda _n, s: told.append(s),
        lambda: next(ticks),
    )  # fmt: skip
    assert told == [1.0, 0.5]


def test_a_gradient_that_does_not_fit_on_the_disk_leaves_nothing_of_itself(tmp_path, monkeypatch):
    def half(path, data):
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    class Summing:
        @staticmethod
        def sums():
            return types.SimpleNamespace(
                gradient=np.zeros(9, np.float32), moving=np.zeros(0, np.float32), sums=np.zeros(1), mini_batches=1,
                examples=8,
            )  # fmt: skip

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", half)
        with pytest.raises(OSError, match="No space"):
            unit.write_gradient(Summing(), tmp_path / "one.gradient", 0.0, lambda: 1.0)
    assert list(tmp_path.iterdir()) == []
    assert unit.write_gradient(Summing(), tmp_path / "one.gradient", 0.0, lambda: 1.0)["mini_batches"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["one.gradient"]
