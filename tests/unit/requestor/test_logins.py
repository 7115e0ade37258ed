import stat
from pathlib import Path

import pytest

from requestor import login
from requestor.errors import NotLoggedIn, Unreachable
from requestor.login import Login
from requestor.transport import read_url

HERE = Login("https://here.example", "daigtoken_here")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("platformdirs.user_config_dir", lambda name, appauthor: str(tmp_path / name))
    for name in (login.URL, login.TOKEN, login.INSECURE, login.FINGERPRINT):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_what_was_stored_is_found_again_and_can_be_forgotten() -> None:
    with pytest.raises(NotLoggedIn, match="daig login"):
        login.load()
    place = login.store(HERE)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert login.load() == HERE
    login.store(Login("https://there.example", "daigtoken_there"))
    assert login.load().url == "https://there.example"
    assert login.forget() is True
    assert login.forget() is False


def test_the_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    login.store(HERE)
    monkeypatch.setenv(login.TOKEN, "daigtoken_other")
    assert login.load() == Login(HERE.url, "daigtoken_other")


def test_the_certificate_that_was_named_is_kept_with_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    login.store(Login(HERE.url, HERE.token, fingerprint="ab" * 32))
    assert login.load().fingerprint == "ab" * 32
    monkeypatch.setenv(login.FINGERPRINT, "cd" * 32)
    assert login.load().fingerprint == "cd" * 32
    monkeypatch.setenv(login.URL, "https://elsewhere.example")
    monkeypatch.setenv(login.TOKEN, "daigtoken_there")
    monkeypatch.delenv(login.FINGERPRINT)
    assert login.load().fingerprint == "", "it is another grid's"


def test_a_stored_token_is_never_sent_to_another_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    login.store(HERE)
    monkeypatch.setenv(login.URL, "https://elsewhere.example")
    with pytest.raises(NotLoggedIn):
        login.load()


def test_a_file_that_cannot_be_read_is_no_login(home: Path) -> None:
    login.store(HERE).write_text("{")
    with pytest.raises(NotLoggedIn):
        login.load()


def test_a_token_does_not_show() -> None:
    assert HERE.token not in repr(HERE)


@pytest.mark.parametrize("url", ["grid.example", "ftp://grid.example", "https://me:secret@grid.example", "https://"])
def test_what_is_no_address_is_said_so(url: str) -> None:
    with pytest.raises(Unreachable, match="no grid's address"):
        read_url(url)


def test_a_token_travels_in_clear_only_where_that_was_said() -> None:
    assert read_url("http://127.0.0.1:8000/") == "http://127.0.0.1:8000"
    assert read_url("https://grid.example/") == "https://grid.example"
    with pytest.raises(Unreachable, match="travel in clear"):
        read_url("http://grid.example")
    assert read_url("http://grid.example", insecure_http=True) == "http://grid.example"
