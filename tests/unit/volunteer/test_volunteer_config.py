import pytest

from volunteer.config import read_settings, server_address
from volunteer.errors import StopAndTell


def read(arguments=None, environment=None, line=""):
    return read_settings(arguments or {}, environment or {}, lambda: line)


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "volunteer.toml").write_text(
        'server = "https://file.example"\nname = "file"\nmemory = 2048\n'
    )
    arguments = {"home": str(tmp_path), "name": None}
    assert read(arguments) == read({**arguments, "server": "https://file.example", "name": "file"})
    assert read(arguments, {"DAIG_NAME": "environment"}).name == "environment"
    assert read({**arguments, "name": "given"}, {"DAIG_NAME": "environment"}).name == "given"


def test_everything_lies_below_home(tmp_path):
    folders = read({"home": str(tmp_path), "server": "https://grid.example"}).folders
    assert all(path.is_relative_to(tmp_path) for path in (folders.config, folders.cache, folders.state))


def test_without_home_the_systems_own_folders_are_used():
    folders = read({"server": "https://grid.example"}).folders
    assert len({folders.config, folders.cache, folders.state}) == 3
    assert all("daig" in str(path) for path in (folders.config, folders.cache, folders.state))


def test_a_join_key_comes_from_the_environment_a_file_or_standard_input(tmp_path):
    url = {"server": "https://grid.example", "home": str(tmp_path)}
    file = tmp_path / "key"
    file.write_text("from-file\n")
    assert read(url, {"DAIG_JOIN_KEY": "from-env"}).join_key == "from-env"
    assert read({**url, "join_key_file": str(file)}).join_key == "from-file"
    assert read({**url, "join_key_file": "-"}, line="from-stdin\n").join_key == "from-stdin"
    assert read({**url, "join_key": "-"}, line="from-stdin\n").join_key == "from-stdin"
    assert read({**url, "join_key": "given"}, {"DAIG_JOIN_KEY": "from-env"}).join_key == "given"
    assert read(url).join_key is None


@pytest.mark.parametrize(
    "given", [{"join_key": "-"}, {"join_key_file": "-"}, {"join_key": " "}, {"join_key_file": "f"}]
)
def test_an_empty_join_key_is_said_to_be_empty(tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f").write_text("\n")
    with pytest.raises(StopAndTell, match=r"^The join key was empty\.$"):
        read({"server": "https://grid.example", "home": str(tmp_path), **given}, line="\n")


def test_without_an_address_the_one_grid_counts_that_this_machine_is_a_host_of(tmp_path):
    home = {"home": str(tmp_path)}
    config = tmp_path / "config"
    config.mkdir()
    (config / "one.json").write_text('{"server": "https://one.example", "token": "t"}')
    (config / "damaged.json").write_text("[")
    (config / "left.left").write_text('{"server": "https://left.example"}')
    assert read(home).server == "https://one.example"
    assert read({**home, "server": "https://other.example"}).server == "https://other.example"
    (config / "two.json").write_text('{"server": "https://two.example", "token": "t"}')
    with pytest.raises(StopAndTell, match="Say which grid"):
        read(home)
    (config / "volunteer.toml").write_text('server = "https://two.example"\n')
    assert read(home).server == "https://two.example"


def test_a_join_key_is_not_in_what_settings_print(tmp_path):
    settings = read({"server": "https://grid.example", "home": str(tmp_path), "join_key": "secret-key"})
    assert "secret-key" not in repr(settings)


@pytest.mark.parametrize(
    "text",
    ["http://127.0.0.1:8000/", "http://localhost:1", "http://[::1]:80", "https://grid.example/daig/"],
)
def test_good_addresses(text):
    assert server_address(text, False) == text.rstrip("/")


@pytest.mark.parametrize(
    "text",
    ["grid.example", "ftp://grid.example", "https://", "https://me:pw@grid.example", "https://x/?a=1", "http://[:"],
)
def test_addresses_that_are_none(text):
    with pytest.raises(StopAndTell):
        server_address(text, True)


def test_a_token_does_not_travel_in_clear_unless_told_to():
    with pytest.raises(StopAndTell, match="in clear"):
        server_address("http://grid.example", False)
    assert server_address("http://grid.example", True) == "http://grid.example"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "--server"),
        ({"server": "https://grid.example", "join_key_file": "/nowhere/key"}, "join key file"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path, arguments, words):
    with pytest.raises(StopAndTell, match=words):
        read({"home": str(tmp_path), **arguments})


def test_plain_http_is_allowed_by_true_and_nothing_else(tmp_path):
    (tmp_path / "config").mkdir()
    file = tmp_path / "config" / "volunteer.toml"
    file.write_text('server = "http://grid.example"\ninsecure_http = "no"\n')
    with pytest.raises(StopAndTell, match="in clear"):
        read({"home": str(tmp_path)})
    file.write_text('server = "http://grid.example"\ninsecure_http = true\n')
    assert read({"home": str(tmp_path)}).server == "http://grid.example"


def test_two_grids_have_two_folders(tmp_path):
    one, two = (read({"server": f"https://grid{n}.example", "home": str(tmp_path)}).grid_key for n in (1, 2))
    assert one != two


def test_what_was_said_of_one_grids_certificate_and_network_says_nothing_of_anothers(tmp_path):
    (tmp_path / "config").mkdir()
    kept = f'server = "http://one.example"\ninsecure_http = true\nfingerprint = "{"ab" * 32}"\n'
    (tmp_path / "config" / "volunteer.toml").write_text(kept)
    assert read({"home": str(tmp_path)}).fingerprint == "ab" * 32
    assert read({"home": str(tmp_path), "server": " http://one.example/"}).fingerprint == "ab" * 32
    assert read({"home": str(tmp_path), "server": "https://two.example"}).fingerprint == ""
    with pytest.raises(StopAndTell, match="in clear"):
        read({"home": str(tmp_path), "server": "http://two.example"})


def test_a_grid_is_the_same_however_the_name_of_its_host_is_written(tmp_path):
    (tmp_path / "config").mkdir()
    kept = f'server = "https://Grid.Example/Daig"\nfingerprint = "{"ab" * 32}"\n'
    (tmp_path / "config" / "volunteer.toml").write_text(kept)
    one, two = (
        read({"home": str(tmp_path), "server": f"https://{host}/Daig"}) for host in ("GRID.example", "grid.example")
    )
    assert one == two
    assert (one.server, one.fingerprint) == ("https://grid.example/Daig", "ab" * 32)
    assert read({"home": str(tmp_path)}).grid_key == one.grid_key
    assert read({"home": str(tmp_path), "server": "https://grid.example/daig"}).grid_key != one.grid_key


def test_where_a_window_can_ask_about_plain_http_the_address_is_read_and_not_agreed_to(tmp_path):
    home = {"home": str(tmp_path)}
    for word, agreed in ((None, False), (True, True)):
        given = {**home, "server": "http://grid.example", "insecure_http": word}
        settings = read_settings(given, {}, lambda: "", need_server=False)
        assert (settings.server, settings.insecure_http) == ("http://grid.example", agreed)
