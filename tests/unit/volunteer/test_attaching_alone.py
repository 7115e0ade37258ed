"""Becoming a host by the command line alone, where no app runs."""

import pytest

from volunteer import bootstrap
from volunteer.agent import attaching
from volunteer.bootstrap import attach_alone
from volunteer.config import Folders, Settings
from volunteer.control.messages import Link
from volunteer.errors import RetryLater, StopAndTell
from volunteer.preferences.file import read_file
from volunteer.protocol.messages import Attached, DeviceCode
from volunteer.spool.identity import IdentityFile

SERVER = "https://grid.example"


class Grid:
    """Nobody confirms the first code in time."""

    def __init__(self, *_arguments) -> None:
        self.codes = ["AAAA-AAAA", "BBBB-BBBB"]
        self.answers = [StopAndTell("", "expired_token"), Attached("1", "token", "grid")]

    def device(self, _request):
        return DeviceCode("secret", self.codes.pop(0), "u", "u", 900, 0)

    def device_token(self, _code):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def attach(self, _request):
        raise AssertionError("the key is used up")

    def use_token(self, _token) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def folders(tmp_path, monkeypatch) -> Folders:
    monkeypatch.setattr(bootstrap, "GridClient", Grid)
    monkeypatch.setattr(attaching, "_LEAST_INTERVAL", 0.01)
    return Folders.below(tmp_path)


def test_who_is_slow_to_confirm_gets_a_second_code(folders):
    shown: list[Link] = []
    settings = Settings(SERVER, folders)
    attach_alone(settings, shown.append)
    assert [link.user_code for link in shown] == ["AAAA-AAAA", "BBBB-BBBB"]
    assert IdentityFile(folders.config / f"{settings.grid_key}.json").load().token == "token"
    assert read_file(folders.config / "volunteer.toml")["server"] == SERVER


def test_a_grid_that_is_away_is_said_at_once(folders, monkeypatch):
    def away(_self, _request):
        raise RetryLater("The server cannot be reached.")

    monkeypatch.setattr(Grid, "device", away)
    with pytest.raises(RetryLater):
        attach_alone(Settings(SERVER, folders), lambda _link: None)


def test_no_key_is_used_up_where_a_token_cannot_be_kept(folders, monkeypatch):
    def full(_self) -> None:
        raise StopAndTell("The disk is full.")

    monkeypatch.setattr(IdentityFile, "require_room", full)
    with pytest.raises(StopAndTell, match="full"):
        attach_alone(Settings(SERVER, folders, "the-key"), lambda _link: None)
