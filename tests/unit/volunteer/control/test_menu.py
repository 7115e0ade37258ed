"""What the menu offers in each state, and what a choice asks for."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.fake_app import TRAINING
from volunteer.control.menu import (
    AT_WORK,
    PICTURES,
    Browse,
    Item,
    Picture,
    counted,
    menu_of,
    shortened,
    tooltip_of,
)
from volunteer.control.messages import (
    Activity,
    CheckForUpdates,
    InstallUpdate,
    PauseRequest,
    QuitRequest,
    ResumeRequest,
    ShowRequest,
    Status,
    Window,
)

NOW = datetime(2026, 3, 5, 14, 0, tzinfo=UTC)


def status(activity: Activity = Activity.training, **changes) -> Status:
    fields = {name: getattr(TRAINING, name) for name in TRAINING.__struct_fields__}
    return Status(**{**fields, "activity": activity, **changes})


def items(of: Status) -> dict[str, Item]:
    return {one.name: one for item in menu_of(of) for one in (item, *item.below)}


def asks(item: Item):
    assert item.enabled
    assert item.action is not None
    return item.action(NOW)


@pytest.mark.parametrize("activity", list(Activity))
def test_in_every_state_the_menu_has_the_same_lines_and_a_picture(activity):
    extra = {"link"} if activity is Activity.needs_attention else set()
    assert [name for name in items(status(activity)) if name not in extra] == list(items(TRAINING))
    assert extra <= set(items(status(activity)))
    assert PICTURES[activity] in Picture
    shown = items(status(activity, sentence="A sentence."))
    assert shown["status"].text == "A sentence"
    assert [one.name for one in shown.values() if one.default] == ["status"]
    assert asks(shown["status"]) == ShowRequest(Window.control)
    assert asks(shown["preferences"]) == ShowRequest(Window.preferences)
    assert asks(shown["about"]) == ShowRequest(Window.about)
    assert shown["quit"].enabled == (activity is not Activity.stopping)
    assert shown["finish"].enabled == (activity in AT_WORK)


def test_every_state_that_differs_for_a_person_has_a_picture_of_its_own():
    assert set(PICTURES) == set(Activity)
    assert set(PICTURES.values()) == set(Picture)
    same = [one for one in Activity if PICTURES[one] is Picture.training]
    assert set(same) == AT_WORK


def test_at_work_it_offers_to_pause_for_ever_for_a_while_and_after_this_unit():
    shown = items(TRAINING)
    assert (shown["pause"].text, asks(shown["pause"])) == ("Pause", PauseRequest())
    assert asks(shown["pause-1"]) == PauseRequest(until=NOW + timedelta(hours=1))
    assert asks(shown["pause-4"]) == PauseRequest(until=NOW + timedelta(hours=4))
    tomorrow = asks(shown["pause-tomorrow"])
    assert tomorrow.until.date() == NOW.date() + timedelta(days=1)
    assert asks(shown["finish"]) == PauseRequest(after_unit=True)
    assert shown["finish"].checked is False
    assert asks(shown["quit"]) == QuitRequest()


def test_paused_by_the_person_it_offers_to_go_on_or_to_give_the_pause_an_end():
    shown = items(status(Activity.paused, pause_why="person"))
    assert (shown["pause"].text, asks(shown["pause"])) == ("Resume", ResumeRequest())
    assert not shown["finish"].enabled
    assert isinstance(asks(shown["pause-1"]), PauseRequest)


def test_paused_by_the_preferences_it_still_offers_to_pause():
    shown = items(status(Activity.paused, reasons=["The computer runs on its battery."]))
    assert (shown["pause"].text, asks(shown["pause"])) == ("Pause", PauseRequest())


def test_a_pause_after_the_unit_is_marked_and_can_be_taken_back():
    shown = items(status(Activity.training, pause_why="person"))
    assert (shown["finish"].checked, shown["finish"].enabled) == (True, False)
    assert asks(shown["pause"]) == ResumeRequest()


def test_before_the_first_start_it_offers_to_start():
    assert items(status(Activity.paused, pause_why="not_started"))["pause"].text == "Start now"


def test_without_a_grid_it_offers_to_link_and_nothing_that_needs_one():
    shown = items(status(Activity.not_attached, server=""))
    assert asks(shown["pause"]) == ShowRequest(Window.first_run)
    assert [name for name in ("pause-for", "finish", "contributions", "update") if shown[name].enabled] == []


def test_where_something_is_for_the_person_to_do_it_offers_to_try_again_and_to_link():
    shown = items(status(Activity.needs_attention, sentence="This host was detached."))
    assert (shown["pause"].text, asks(shown["pause"])) == ("Try again", ResumeRequest())
    assert asks(shown["link"]) == ShowRequest(Window.first_run)
    assert items(status(Activity.needs_attention, pause_why="person"))["pause"].text == "Resume"


def test_contributions_are_the_grids_own_page():
    assert asks(items(TRAINING)["contributions"]) == Browse("https://grid.example/computers")


def test_it_looks_for_updates_and_installs_one_only_when_asked():
    assert asks(items(TRAINING)["update"]) == CheckForUpdates()
    shown = items(status(update="0.2.0"))["update"]
    assert shown.text == "Install update 0.2.0…"
    assert asks(shown) == InstallUpdate()


def test_the_tooltip_says_state_and_numbers_within_what_windows_shows():
    assert tooltip_of(TRAINING) == "DAIG: Training\n12 units today · credit 1,234"
    assert tooltip_of(status(units_today=1, credit=None)).endswith("\n1 unit today")
    assert tooltip_of(status(Activity.not_attached, sentence="Not linked.")) == "DAIG: Not linked"
    long = tooltip_of(status(sentence="word " * 100))
    assert len(long) <= 120
    assert long.endswith("12 units today · credit 1,234")


def test_long_sentences_are_cut_between_words():
    assert shortened("Paused\nuntil  three.", 70) == "Paused until three."
    assert shortened("one two three four", 13) == "one two…"
    assert shortened("x" * 50, 10) == "x" * 9 + "…"
    assert counted(1234, "unit") == "1,234 units"
