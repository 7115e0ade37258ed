import pytest

from volunteer.client.transport import MAX_RETRY_AFTER, error_of
from volunteer.errors import DropResult, RetryLater, StopAndTell, printable
from volunteer.protocol.refusals import KINDS, Consequence, Refusal, RefusalCode

ERRORS = {
    Consequence.retry_later: RetryLater,
    Consequence.drop_result: DropResult,
    Consequence.stop: StopAndTell,
}


@pytest.mark.parametrize("code", list(RefusalCode))
def test_every_refusal_has_its_consequence(code):
    error = error_of(Refusal(code.value, "a sentence"), KINDS[code].status)
    assert type(error) is ERRORS[KINDS[code].consequence]
    assert (error.code, error.sentence) == (code.value, "a sentence")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (500, RetryLater),
        (502, RetryLater),
        (429, RetryLater),
        (401, StopAndTell),
        (426, StopAndTell),
        (404, DropResult),
    ],
)
def test_codes_of_a_newer_server_go_by_their_status(status, kind):
    assert type(error_of(Refusal("brand_new", "?"), status)) is kind


@pytest.mark.parametrize(
    ("header", "after"),
    [
        ("3", 3.0),
        ("0.25", 0.25),
        ("999999", MAX_RETRY_AFTER),
        *((odd, None) for odd in ("soon", "-1", "", "²", "1e9", "nan", "inf", ".5")),
    ],
)
def test_retry_after_is_taken_as_seconds_or_not_at_all(header, after):
    error = error_of(Refusal("busy", ""), 503, header)
    assert isinstance(error, RetryLater)
    assert error.after == after


def test_what_came_from_the_network_is_one_printable_line():
    assert printable("a\x1b[31m\r\nb\u202ec") == "a [31m  b c"
