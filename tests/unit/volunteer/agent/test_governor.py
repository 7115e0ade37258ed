from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from volunteer.agent.brake import Hold
from volunteer.agent.governor import Governor
from volunteer.preferences.pausing import Pause, PauseFile


class Wall:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
        self.reasons: list[str] = []
        self.looked = 0

    def why_not(self, _now: datetime) -> list:
        self.looked += 1
        return [SimpleNamespace(sentence=sentence) for sentence in self.reasons]


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def start(tmp_path, wall):
    """A governor as after a start of the program."""
    return lambda: Governor(PauseFile(tmp_path / "state" / "pause.json"), wall.why_not, lambda: wall.now)


def test_with_nothing_against_it_a_host_works(start):
    assert start().look().hold is Hold.none


def test_a_pause_survives_a_restart_and_never_ends_by_itself(start, wall):
    start().pause(None, False)
    wall.now += timedelta(days=400)
    again = start()
    assert again.look().hold is Hold.now
    again.resume()
    assert start().look().hold is Hold.none


def test_a_pause_with_an_end_ends_then_also_over_a_restart(start, wall):
    governor = start()
    governor.pause(wall.now + timedelta(hours=1), False)
    wall.now += timedelta(minutes=59)
    assert governor.look().hold is start().look().hold is Hold.now
    wall.now += timedelta(minutes=1)
    assert governor.look().hold is start().look().hold is Hold.none
    # It does not come back when the clock is set back.
    wall.now -= timedelta(hours=1)
    assert governor.look().hold is start().look().hold is Hold.none


def test_nobody_having_said_go_is_a_pause_without_an_end(start, wall):
    governor = start()
    governor.not_started()
    assert governor.look().pause == start().look().pause == Pause(None, "not_started")
    governor.resume()
    assert governor.look().hold is Hold.none


def test_a_pause_before_anybody_said_go_does_not_say_it_when_it_ends(start, wall):
    governor = start()
    governor.not_started()
    governor.pause(wall.now + timedelta(hours=2), False)
    wall.now += timedelta(hours=3)
    assert governor.look().pause == start().look().pause == Pause(None, "not_started")


def test_a_pause_with_an_end_from_before_the_first_start_does_not_begin_the_work(start, wall):
    start().pause(wall.now + timedelta(hours=2), False)
    governor = start()
    governor.not_started()
    wall.now += timedelta(hours=3)
    assert governor.look().hold is Hold.now


def test_a_pause_of_the_persons_is_not_taken_for_not_started(start):
    governor = start()
    governor.pause(None, False)
    governor.not_started()
    assert governor.look().pause == Pause(None, "person")


def test_finish_this_unit_counts_until_the_restart_then_it_is_a_pause(start):
    governor = start()
    governor.pause(None, True)
    assert governor.look().hold is Hold.after_unit
    assert start().look().hold is Hold.now


def test_finish_this_unit_does_not_set_a_paused_host_going(start, wall):
    governor = start()
    governor.pause(None, False)
    governor.pause(wall.now + timedelta(hours=1), True)
    standing = governor.look()
    assert (standing.hold, standing.pause) == (Hold.now, Pause(wall.now + timedelta(hours=1)))


def test_a_unit_that_is_finished_before_the_pause_gives_way_to_the_preferences(start, wall):
    governor = start()
    wall.reasons = ["Waiting: battery."]
    assert governor.look().hold is Hold.now
    governor.pause(None, True)
    standing = governor.look()
    assert (standing.hold, standing.pause, standing.reasons) == (Hold.now, Pause(), ("Waiting: battery.",))
    wall.reasons = []
    assert governor.look().hold is Hold.after_unit


def test_no_pause_waits_for_a_sensor(start, wall):
    governor = start()
    wall.reasons = ["Waiting: battery."]
    governor.look()
    heard = []
    for after_unit in (True, False):
        governor.pause(None, after_unit, lambda standing: heard.append((standing.hold, standing.reasons)))
    assert heard == [(Hold.now, ("Waiting: battery.",)), (Hold.now, ())]
    assert wall.looked == 1


def test_a_pause_counts_before_it_is_written_down(tmp_path, wall):
    held = []

    class BusyDisk(PauseFile):
        def save(self, _pause: Pause) -> None:
            held.append("written")

    governor = Governor(BusyDisk(tmp_path / "pause.json"), wall.why_not, lambda: wall.now)
    governor.pause(None, False, lambda standing: held.append(standing.hold))
    assert held == [Hold.now, "written"]


def test_the_preferences_hold_a_host_with_their_reasons_and_let_it_go(start, wall):
    governor = start()
    wall.reasons = ["Waiting: battery.", "Waiting: game."]
    standing = governor.look()
    assert (standing.hold, standing.reasons) == (Hold.now, ("Waiting: battery.", "Waiting: game."))
    wall.reasons = []
    assert governor.look().hold is Hold.none


def test_while_the_person_pauses_no_sensor_is_read(start, wall):
    governor = start()
    governor.pause(None, False)
    governor.look()
    assert wall.looked == 0


def test_after_a_resume_the_preferences_count_again(start, wall):
    governor = start()
    wall.reasons = ["Waiting: battery."]
    governor.pause(None, False)
    assert governor.look().reasons == ()
    governor.resume()
    assert governor.look().reasons == ("Waiting: battery.",)


def test_sensors_that_break_change_nothing(start, wall):
    governor = start()
    for held in (["Waiting: battery."], []):
        wall.reasons = held
        before = governor.look()
        wall.reasons = None
        assert governor.look() == before


def test_a_look_from_before_the_persons_last_word_can_be_told(start):
    governor = start()
    before = governor.look()
    governor.pause(None, False)
    assert before.turn != governor.turn == governor.look().turn


def test_a_pause_that_cannot_be_kept_counts_all_the_same(tmp_path, wall):
    (tmp_path / "state").write_text("a file where the folder should be")
    governor = Governor(PauseFile(tmp_path / "state" / "pause.json"), wall.why_not, lambda: wall.now)
    governor.resume()
    assert governor.look().hold is Hold.none
    governor.pause(None, False)
    assert governor.look().hold is Hold.now
