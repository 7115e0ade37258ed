import sys

import pytest

from volunteer.config import read_settings
from volunteer.errors import StopAndTell
from volunteer.join_file import JOIN_FILE, JoinFile, beside_program, read_join_file

FINGERPRINT = "ab" * 32
WHOLE = f'server = "https://grid.example"\njoin_key = "the-join-key"\nfingerprint = "{FINGERPRINT}"\nnewer = [1]\n'


@pytest.fixture
def join_file(tmp_path):
    path = tmp_path / "given" / JOIN_FILE
    path.parent.mkdir()
    path.write_text(WHOLE)
    return path


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The folder of a bundled program."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "program" / "daig-volunteer"))
    (tmp_path / "program").mkdir()
    return tmp_path / "program" / JOIN_FILE


def read(home, arguments=None, environment=None, **options):
    return read_settings({"home": str(home), **(arguments or {})}, environment or {}, lambda: "", **options)


def test_it_says_where_the_grid_is_and_how_to_be_sure_of_it(join_file):
    assert read_join_file(join_file) == JoinFile("https://grid.example", "the-join-key", FINGERPRINT)
    join_file.write_text('server = "https://grid.example"\njoin_key = ""\n')
    assert read_join_file(join_file) == JoinFile("https://grid.example")


def test_its_key_is_not_in_what_it_prints(join_file):
    assert "the-join-key" not in repr(read_join_file(join_file))


@pytest.mark.parametrize(
    "text", ["", "server = 3", "server = ''", "join_key = 'abc'", "no toml", "\0", "fingerprint = 1"]
)
def test_what_is_none_is_told(join_file, text):
    join_file.write_text(text)
    with pytest.raises(StopAndTell, match="join file"):
        read_join_file(join_file)
    with pytest.raises(StopAndTell, match="cannot be read"):
        read_join_file(join_file.with_name("nowhere"))


def test_settings_take_it_from_the_command_line_before_environment_and_file(tmp_path, join_file):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "volunteer.toml").write_text('server = "https://file.example"\n')
    settings = read(tmp_path, {"join_file": str(join_file)}, {"DAIG_SERVER": "https://environment.example"})
    assert (settings.server, settings.join_key) == ("https://grid.example", "the-join-key")
    assert settings.fingerprint == FINGERPRINT


def test_the_one_beside_the_program_is_believed_where_nothing_else_is_said(tmp_path, installed):
    assert beside_program() is None
    installed.write_text(WHOLE)
    settings = read(tmp_path)
    assert (settings.server, settings.join_key, settings.fingerprint) == (
        "https://grid.example", "the-join-key", FINGERPRINT,
    )  # fmt: skip
    same = read(tmp_path, {"server": "https://grid.example"})
    assert (same.join_key, same.fingerprint) == ("the-join-key", FINGERPRINT)


def test_a_key_that_nobody_gave_now_is_known_as_such(tmp_path, installed):
    installed.write_text(WHOLE)
    assert read(tmp_path).key_beside_program
    assert not read(tmp_path, {"join_key": "mine"}).key_beside_program
    assert not read(tmp_path, environment={"DAIG_JOIN_KEY": "mine"}).key_beside_program
    assert not read(tmp_path, {"join_file": str(installed)}).key_beside_program


def test_its_key_goes_to_no_other_grid(tmp_path, installed):
    installed.write_text(WHOLE)
    settings = read(tmp_path, {"server": "https://other.example"})
    assert (settings.server, settings.join_key, settings.fingerprint) == ("https://other.example", None, "")


def test_a_broken_one_beside_the_program_stops_nobody(tmp_path, installed):
    installed.write_text("nonsense")
    assert read(tmp_path, need_server=False).server == ""


def test_a_program_that_is_not_bundled_looks_beside_nothing(join_file, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(join_file.with_name("python")))
    assert beside_program() is None


def test_without_an_address_the_app_starts_and_headless_does_not(tmp_path):
    assert read(tmp_path, need_server=False).server == ""
    with pytest.raises(StopAndTell, match="--server"):
        read(tmp_path)
