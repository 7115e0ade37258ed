"""Mail: over a real SMTP conversation."""

import socket
from collections.abc import Iterator

import pytest

from server.errors import NotDelivered
from server.post.mailing import Mailer, MailServer
from server.rules.letters import Outgoing
from tests.support.mailbox import Mailbox, mail_server

Post = tuple[Mailbox, MailServer]


@pytest.fixture
def post() -> Iterator[Post]:
    with mail_server() as (mailbox, port):
        yield mailbox, MailServer("127.0.0.1", port, "Our grid <grid@example.org>", security="none", seconds=5)


LETTER = Outgoing(3, "alice@example.org", "Fertig: “Ziffern”", "Your project is finished.\n\nhttps://grid/1\n")


def test_a_letter_arrives_as_it_was_written(post: Post) -> None:
    mailbox, server = post
    Mailer(server).send(LETTER)
    [mail] = mailbox.letters
    assert (mail["From"], mail["To"], mail["Subject"]) == (
        "Our grid <grid@example.org>", "alice@example.org", "Fertig: “Ziffern”"
    )  # fmt: skip
    assert mail["Message-ID"] == "<letter-3@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "https://grid/1" in mail.get_content()


@pytest.mark.parametrize(
    "letter",
    [
        Outgoing(1, "alice@example.org\r\nBcc: mallory@example.org", "Hello", ""),
        Outgoing(1, "alice@example.org, mallory@example.org", "Hello", ""),
        Outgoing(1, "alice@example.org", "Hello\r\nBcc: mallory@example.org", ""),
        Outgoing(1, "alice@example.org", "Hello\nX: y", ""),
    ],
)
def test_no_text_of_a_person_becomes_a_header(post: Post, letter: Outgoing) -> None:
    mailbox, server = post
    with pytest.raises(NotDelivered) as caught:
        Mailer(server).send(letter)
    assert caught.value.for_good
    assert mailbox.letters == []


@pytest.mark.parametrize("answer", ["451 try later", "552 full"])
def test_a_refusal_is_told_and_may_be_tried_again(post: Post, answer: str) -> None:
    mailbox, server = post
    mailbox.refusals = [answer]
    with pytest.raises(NotDelivered, match=answer) as caught:
        Mailer(server).send(LETTER)
    assert not caught.value.for_good
    Mailer(server).send(LETTER)
    assert len(mailbox.letters) == 1


def test_a_server_that_is_not_there_or_has_no_tls_gets_nothing(post: Post) -> None:
    mailbox, server = post
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    for security, where in (("none", port), ("starttls", server.port), ("tls", server.port)):
        other = MailServer("127.0.0.1", where, "grid@example.org", password="hush", security=security, seconds=2)
        with pytest.raises(NotDelivered) as caught:
            Mailer(other).send(LETTER)
        assert not caught.value.for_good
        assert "hush" not in caught.value.sentence + repr(other)
    assert mailbox.letters == []
