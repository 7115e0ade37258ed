"""Addresses that people give: what may be one."""

import pytest

from server.rules.addresses import mail_problem, webhook_problem
from server.rules.letters import MOST_TRIES, pause_after


@pytest.mark.parametrize("address", ["a@b.de", "first.last+tag@sub.example.org", "o'neil@example.co", "x@1a.example"])
def test_ordinary_addresses_are_taken(address: str) -> None:
    assert mail_problem(address) == ""


@pytest.mark.parametrize(
    "address",
    ["", "a", "a@", "@b.de", "a@b", "a b@c.de", "a@b.de\n", "a@b.de\r\nBcc: c@d.de", "a@b.de,c@d.de", "<a@b.de>",
     "A <a@b.de>", "a@-b.de", "a@b..de", ".a@b.de", "a.@b.de", "a..b@c.de", "a@b.de\x00", "ä@b.de", "a" * 65 + "@b.de",
     "a@" + "b" * 250 + ".de", '"a b"@c.de', "a@[127.0.0.1]"],
)  # fmt: skip
def test_what_is_no_plain_address_is_named_so(address: str) -> None:
    assert "e-mail address" in mail_problem(address)


@pytest.mark.parametrize("url", ["https://example.org", "http://example.org:8080/a?b=c", "https://[2606:4700::1]/x"])
def test_whole_addresses_may_be_webhooks(url: str) -> None:
    assert webhook_problem(url) == ""


@pytest.mark.parametrize(
    "url",
    ["example.org", "ftp://example.org", "https://", "file:///etc/passwd", "https://user:word@example.org/",
     "https://example.org/a b", "https://example.org/\r\nX: y", "https://example.org:99999/", "https://exämple.org",
     "https://example.org\\@evil.example", "gopher://127.0.0.1", "https://[::1", "https://e.org/" + "x" * 500,
     "javascript:alert(1)"],
)  # fmt: skip
def test_what_is_no_webhook_is_refused_with_a_sentence(url: str) -> None:
    assert webhook_problem(url).endswith(".")


def test_the_pauses_between_tries_grow_and_make_about_a_day() -> None:
    pauses = [pause_after(tries).total_seconds() for tries in range(1, MOST_TRIES)]
    assert pauses[:4] == [60, 120, 240, 480]
    assert max(pauses) == 6 * 3600
    assert 12 * 3600 < sum(pauses) < 36 * 3600
