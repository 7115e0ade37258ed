import dataclasses
from pathlib import Path

import pytest

from server.config import CHOICES, RANGES, BadSettings, Settings, read_settings


def test_the_defaults_need_nothing(tmp_path: Path) -> None:
    settings = read_settings({"data": tmp_path}, {})
    assert settings == Settings(data=tmp_path)
    assert settings.data.is_absolute()


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "daig.toml").write_text('port = 1111\nname = "from the file"\nhost = "0.0.0.0"\nhttps = true\n')
    environment = {"DAIG_PORT": "2222", "DAIG_NAME": "from the environment", "DAIG_DATA": str(tmp_path)}
    settings = read_settings({"port": 3333, "host": None}, environment)
    assert (settings.port, settings.name, settings.host) == (3333, "from the environment", "0.0.0.0")
    assert settings.https is True
    assert settings.data == tmp_path


@pytest.mark.parametrize("field", dataclasses.fields(Settings), ids=lambda field: field.name)
def test_every_setting_can_be_given_by_the_environment(tmp_path: Path, field: dataclasses.Field[object]) -> None:
    word = CHOICES.get(field.name, ("word",))[0]
    least = RANGES.get(field.name, (0, 0))[0]
    texts = {bool: "yes", int: str(int(least)), float: "0.25", str: word, Path: str(tmp_path)}
    kind = type(field.default) if not isinstance(field.default, Path) else Path
    settings = read_settings({"data": tmp_path}, {f"DAIG_{field.name.upper()}": texts[kind]})
    assert isinstance(getattr(settings, field.name), kind)
    if field.name != "data":
        assert getattr(settings, field.name) == {bool: True, int: least, float: 0.25, str: word}[kind]


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"DAIG_PORT": "eighty"}, "port"),
        ({"DAIG_HTTPS": "perhaps"}, "https"),
        ({"DAIG_WEB_THREADS": ""}, "web_threads"),
        ({"DAIG_PORT": "65536"}, "port"),
        ({"DAIG_PORT": "-1"}, "port"),
        ({"DAIG_WEB_THREADS": "0"}, "web_threads"),
        ({"DAIG_SMTP_SECURITY": "ssl"}, "smtp_security"),
        ({"DAIG_LEARNER_MEMORY_BYTES": "-5"}, "learner_memory_bytes"),
        ({"DAIG_QUORUM": "0"}, "quorum"),
        ({"DAIG_AUDIT_SHARE": "nan"}, "audit_share"),
        ({"DAIG_LEAST_CHECK": "3 %"}, "least_check"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(tmp_path: Path, environment: dict[str, str], named: str) -> None:
    with pytest.raises(BadSettings, match=named):
        read_settings({"data": tmp_path}, environment)


@pytest.mark.parametrize("text", ["colour = 1", "port = ", "port = 'x'", "\x00"])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "daig.toml").write_text(text)
    with pytest.raises(BadSettings):
        read_settings({"data": tmp_path}, {})


def test_every_number_has_its_range() -> None:
    numbers = {field.name for field in dataclasses.fields(Settings) if type(field.default) in (int, float)}
    assert numbers == set(RANGES)


def test_other_variables_are_nobodys_business(tmp_path: Path) -> None:
    assert read_settings({"data": tmp_path}, {"PORT": "1", "DAIG_UNKNOWN": "x"}).port == 8000


def test_the_password_of_the_mail_server_is_not_shown() -> None:
    assert "hush" not in repr(Settings(smtp_password="hush"))


def test_mail_is_sent_only_where_links_have_an_address_of_their_own() -> None:
    whole = Settings(smtp_host="mail", smtp_from="grid@example.org", public_url="https://grid.example.org")
    assert whole.sends_mail
    for name in ("smtp_host", "smtp_from", "public_url"):
        assert not dataclasses.replace(whole, **{name: ""}).sends_mail
