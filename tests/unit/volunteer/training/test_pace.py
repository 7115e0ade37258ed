"""Chunks of about half a second, and never too many bytes."""

from volunteer.training.pace import Pace


def test_the_first_chunk_is_one_mini_batch() -> None:
    assert Pace().next_count(50, 1000) == 1


def test_chunks_grow_to_the_target() -> None:
    pace = Pace(target_seconds=0.5)
    pace.measured(1, 0.01)
    assert pace.next_count(1000, 1000) == 50


def test_a_machine_that_became_slow_gets_smaller_chunks() -> None:
    pace = Pace(target_seconds=0.5)
    pace.measured(10, 0.1)
    pace.measured(50, 5.0)
    assert pace.next_count(1000, 1000) == 9


def test_a_chunk_never_exceeds_the_bytes_nor_what_remains() -> None:
    pace = Pace(max_bytes=1000)
    pace.measured(1, 0.001)
    assert pace.next_count(50, 300) == 3
    assert pace.next_count(2, 300) == 2
    assert pace.next_count(50, 5000) == 1


def test_a_clock_that_measured_nothing_divides_nothing_by_zero() -> None:
    pace = Pace()
    pace.measured(5, 0.0)
    assert pace.next_count(7, 1) == 7
