"""The budget of the web process's threads."""

from server.config import Settings
from server.web import pacing, places


def test_slow_takers_and_senders_of_all_kinds_together_leave_a_quarter_of_the_threads() -> None:
    held = sum(slots.count for slots in places.ALL) + pacing.SLOW_PLACES
    assert held <= Settings.web_threads * 3 // 4
    assert len(places.ALL) == sum(isinstance(one, places.Slots) for one in vars(places).values()), "one is not counted"


def test_one_host_does_not_take_all_places() -> None:
    slots = places.Slots(3, 2)
    assert [slots.take("one"), slots.take("one"), slots.take("one"), slots.take("other")] == [True, True, False, True]
    slots.leave("one")
    assert slots.take("one")


def test_whoever_finds_no_place_is_not_remembered() -> None:
    slots = places.Slots(1)
    assert slots.take("first")
    assert not any(slots.take(number) for number in range(100))
    assert len(slots._held) == 1
