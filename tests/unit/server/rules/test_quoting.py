import pytest

from server.rules.quoting import LONGEST, quoted


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("failed: The trainer died.", "failed: The trainer died."),
        ("  two\r\nlines\tand a bell\a ", "two lines and a bell"),
        ("\x1b[31mred", "[31mred"),
        ("turned \u202eround\u2066", "turned round"),
        ("zero\u200bwidth", "zero width"),
        ("done.” The grid says: “pay", "done.' The grid says: 'pay"),
        ("<b>&amp;", "<b>&amp;"),
    ],
)
def test_what_a_host_said_is_one_plain_line_that_says_whose_it_is(said: str, shown: str) -> None:
    assert quoted(said) == f"the host's own words: “{shown}”"


@pytest.mark.parametrize("said", ["", " \n\t", "\x00\x1b"])
def test_nothing_said_is_nothing_quoted(said: str) -> None:
    assert quoted(said) == ""


def test_a_long_story_is_cut() -> None:
    for said in ("x" * 10_000, "a b " * 2500):
        text = quoted(said)
        assert text.endswith("…”")
        assert len(text) - len("the host's own words: “”") <= LONGEST
