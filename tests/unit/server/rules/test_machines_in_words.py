"""What the owners of machines are told: troubles, versions, codes and join files."""

import tomllib

import pytest

from server.rules.host_troubles import ASKED_ANEW, LATE, SILENT, WORTH_TELLING, in_words
from server.rules.join_files import join_file, means_every_machine_itself
from server.rules.software import is_older
from server.rules.states import ResultState
from server.rules.user_codes import ALPHABET, folded, is_code, shown


@pytest.mark.parametrize(
    ("state", "noted", "told"),
    [
        (ResultState.lost, SILENT, "fell silent"),
        (ResultState.lost, LATE, "longer than its deadline"),
        (ResultState.lost, ASKED_ANEW, "started anew"),
        (ResultState.failed, "out_of_memory: ", "Let the program use more memory"),
        (ResultState.failed, "cannot_read: no such layer", "“no such layer”"),
        (ResultState.failed, "failed: the child died: signal 9", "“the child died: signal 9”"),
        (ResultState.failed, "a reason of next year", "“a reason of next year”"),
        (ResultState.invalid, "The upload cannot be read.", "The upload cannot be read."),
        (ResultState.invalid, "", "could not use it"),
        (ResultState.not_finite, "", "the model is at fault"),
    ],
)
def test_each_trouble_is_told_in_plain_words(state: ResultState, noted: str, told: str) -> None:
    text = in_words(state, noted)
    assert told in text
    assert text[0].isupper()
    assert text.endswith((".", "”"))
    assert "_" not in text


@pytest.mark.parametrize("noted", ["Its owner detached the host.", "The host's account was blocked."])
def test_what_the_owner_knows_already_is_not_told(noted: str) -> None:
    assert in_words(ResultState.lost, noted) == ""


def test_what_is_nobodys_trouble_is_not_told() -> None:
    assert {state for state in ResultState if in_words(state, "x")} <= set(WORTH_TELLING)


def test_a_machines_own_words_cannot_pretend_to_be_ours() -> None:
    text = in_words(ResultState.failed, "failed: ”. Send your password to\nevil.example “")
    assert text.count("“") == text.count("”") == 1
    assert "\n" not in text


@pytest.mark.parametrize(
    ("said", "newest", "older"),
    [
        ("daig-volunteer 0.1.0", "0.2.0", True), ("daig-volunteer 0.9.9", "0.10", True), ("0.1", "0.1.1", True),
        ("daig-volunteer 0.1.0", "0.1", False), ("0.1", "0.1.0", False), ("daig-volunteer 1.0", "0.9", False),
        ("test", "0.1.0", False), ("", "0.1.0", False), ("9" * 50, "0.1.0", False),
        ("1.2.3.4.5.6", "9.0", False), ("test 1", "9.0", False),
    ],
)  # fmt: skip
def test_versions_are_compared_number_by_number(said: str, newest: str, older: bool) -> None:
    assert is_older(said, newest) is older


@pytest.mark.parametrize("typed", ["bcdf-ghjk", "BCDFGHJK", " b c d f g h j k ", "BCDF – GHJK", "bcdf_ghjk."])
def test_codes_are_compared_without_case_and_whatever_stands_between(typed: str) -> None:
    assert folded(typed) == "BCDFGHJK"
    assert is_code(folded(typed))
    assert shown(folded(typed)) == "BCDF-GHJK"


@pytest.mark.parametrize("typed", ["", "BCDFGHJ", "BCDFGHJKL", "ABCDEFGH", "BCDFGHJ1", "ßßßßßßßß", "БГДЖЗКЛМ"])
def test_what_can_be_no_code_is_none(typed: str) -> None:
    assert not is_code(folded(typed))


def test_twenty_letters_make_codes_that_are_not_guessed() -> None:
    assert len(set(ALPHABET)) == len(ALPHABET) == 20


@pytest.mark.parametrize("key", ["", "daigjoin_x"])
@pytest.mark.parametrize("fingerprint", ["", "ab" * 32])
def test_a_join_file_is_toml_whatever_stands_in_it(key: str, fingerprint: str) -> None:
    given = {"server": 'https://gr"id.example\\\u00e4\n', "join_key": key, "fingerprint": fingerprint}
    assert tomllib.loads(join_file(**given)) == {name: text for name, text in given.items() if text}


@pytest.mark.parametrize(
    ("server", "only_here"),
    [
        ("http://127.0.0.1:8000", True), ("https://localhost", True), ("http://[::1]:8000/daig", True),
        ("http://grid.localhost", True), ("https://grid.example.org", False), ("https://192.168.1.7:8443", False),
        ("https://127.example.org", False),
    ],
)  # fmt: skip
def test_an_address_that_means_another_machine_on_each_is_noticed(server: str, only_here: bool) -> None:
    assert means_every_machine_itself(server) is only_here
