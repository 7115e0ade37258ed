from datetime import UTC, datetime, timedelta

import pytest

from volunteer.preferences.pausing import Pause, PauseFile

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def file(tmp_path) -> PauseFile:
    return PauseFile(tmp_path / "state" / "pause.json")


@pytest.mark.parametrize("pause", [Pause(), Pause(NOW), Pause(None, "not_started"), Pause(None, "damaged")])
def test_a_pause_is_read_as_it_was_kept(file, pause):
    file.save(pause)
    assert file.load() == pause
    file.clear()
    assert file.load() is None


def test_a_pause_ends_only_when_it_was_given_an_end():
    assert not Pause().over(NOW + timedelta(days=3650))
    assert not Pause(NOW).over(NOW - timedelta(seconds=1))
    assert Pause(NOW).over(NOW)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"until": "soon", "why": "person"}', '{"until": 3, "why": "x"}',
                                  '{"until": "2026-11-23T09:00:00", "why": "person"}'])  # fmt: skip
def test_a_file_that_makes_no_sense_pauses_for_good(tmp_path, text):
    path = tmp_path / "pause.json"
    path.write_text(text)
    assert PauseFile(path).load() == Pause(None, "damaged")
