"""The token bucket by a clock of its own."""

import io
import threading
import time

import pytest

from volunteer.client.limits import LOOK_SECONDS, Bucket, Limits, Metered


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.at_sleep = lambda: None

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert 0 < seconds <= LOOK_SECONDS
        self.now += seconds
        self.at_sleep()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bucket(clock) -> Bucket:
    return Bucket(clock, clock.sleep)


def pass_through(bucket: Bucket, count: int, most: int = 2**18) -> None:
    while count > 0:
        portion = min(count, bucket.portion(most))
        bucket.take(portion)
        count -= portion


@pytest.mark.parametrize("rate", [3_000, 50_000, 1_000_000, 50_000_000])
def test_on_average_no_more_than_the_limit_passes(bucket, clock, rate):
    bucket.set_rate(rate)
    pass_through(bucket, 10 * rate)
    assert 9.5 <= clock.now <= 10.1


def test_without_a_limit_nothing_waits(bucket, clock):
    pass_through(bucket, 10**9)
    assert clock.now == 0


def test_an_idle_hour_does_not_buy_a_burst(bucket, clock):
    bucket.set_rate(1000)
    clock.now += 3600
    pass_through(bucket, 10_000)
    assert clock.now - 3600 >= 9.5


def test_a_limit_that_is_changed_counts_at_once_also_for_who_waits(bucket, clock):
    bucket.set_rate(1000)
    clock.at_sleep = lambda: bucket.set_rate(100_000)
    bucket.take(100_000)
    assert clock.now < 1.3
    clock.at_sleep = lambda: bucket.set_rate(0)
    bucket.set_rate(10)
    bucket.take(10**9)
    assert clock.now < 1.8


def test_a_low_limit_makes_small_portions_so_that_the_line_never_stands_still_for_long(bucket):
    assert bucket.portion(2**18) == 2**18
    bucket.set_rate(100_000)
    assert bucket.portion(2**18) == 25_000
    bucket.set_rate(1)
    assert bucket.portion(2**18) == 1024


def test_several_threads_share_one_limit():
    bucket = Bucket()
    bucket.set_rate(100_000)
    began = time.monotonic()
    threads = [threading.Thread(target=pass_through, args=(bucket, 20_000)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0.5 <= time.monotonic() - began < 3


def test_the_two_directions_are_apart(clock):
    limits = Limits(clock, clock.sleep)
    limits.set(download=0, upload=1)
    limits.down.take(10**6)
    assert clock.now == 0
    limits.up.take(1250)
    assert clock.now > 0.9


def test_a_metered_file_gives_its_bytes_and_no_more(bucket, clock):
    data = bytes(range(256)) * 40
    bucket.set_rate(10_240)
    assert b"".join(Metered(io.BytesIO(data), len(data), bucket)) == data
    assert len(Metered(io.BytesIO(data), len(data), bucket)) == len(data)
    assert 0.7 <= clock.now <= 1.1
