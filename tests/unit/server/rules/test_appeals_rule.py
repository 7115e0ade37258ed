"""When an appeal may be written."""

import datetime as dt

import pytest

from server.rules.appeals import AGAIN_AFTER, may_appeal

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("quarantined_at", "appealed_at", "answer", "may"),
    [
        (None, None, "", False),
        (NOW, None, "", True),
        (NOW, NOW - 9 * AGAIN_AFTER, "", False),
        (NOW, NOW - AGAIN_AFTER / 2, "no", False),
        (NOW, NOW - AGAIN_AFTER, "no", True),
    ],
)
def test_one_waits_at_a_time_and_another_may_follow_a_day_later(
    quarantined_at: dt.datetime | None, appealed_at: dt.datetime | None, answer: str, may: bool
) -> None:
    assert may_appeal(quarantined_at, appealed_at, answer, NOW) is may
