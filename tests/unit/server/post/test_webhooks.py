"""Webhooks: signed, to public addresses only, with an end."""

import hashlib
import hmac
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from server.errors import NotDelivered
from server.post import public_addresses
from server.post.public_addresses import is_public
from server.post.webhooks import DELIVERY, SIGNATURE, WebhookPoster
from server.rules.letters import Outgoing
from tests.support.mailbox import Hook, webhook_receiver


@pytest.fixture
def hook() -> Iterator[Hook]:
    with webhook_receiver() as one:
        yield one


def letter(url: str) -> Outgoing:
    return Outgoing(7, url, "Test", '{"event":"test"}', "a secret")


def test_a_webhook_gets_the_body_with_a_signature_over_it(hook: Hook) -> None:
    WebhookPoster(to_private=True).send(letter(f"http://127.0.0.1:{hook.port}/daig"))
    [(headers, body)] = hook.posted
    assert body == b'{"event":"test"}'
    assert headers[SIGNATURE] == "sha256=" + hmac.new(b"a secret", body, hashlib.sha256).hexdigest()
    assert headers[DELIVERY] == "7"
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "127.1", "2130706433"])
def test_a_webhook_to_this_machine_is_refused_and_nothing_is_sent(hook: Hook, host: str) -> None:
    with pytest.raises(NotDelivered):
        WebhookPoster().send(letter(f"http://{host}:{hook.port}/"))
    assert hook.posted == []


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1",
     "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "192.0.2.1", "240.0.0.1"],
)  # fmt: skip
def test_addresses_that_are_not_public_are_known_also_in_disguise(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "1.1.1.1", "2606:4700::1111"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


def test_a_name_that_leads_to_one_private_address_among_public_ones_is_refused(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in ("1.1.1.1", "127.0.0.1")]

    monkeypatch.setattr(public_addresses.socket, "getaddrinfo", look_up)
    with pytest.raises(NotDelivered) as caught:
        WebhookPoster().send(letter(f"http://rebinding.example:{hook.port}/"))
    assert caught.value.for_good
    assert "does not lead to a public address" in caught.value.sentence
    assert hook.posted == []


def test_the_name_is_looked_up_once_and_the_checked_address_is_the_one_that_is_used(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a name could lead to a public address when it is checked, and to this machine when it is used."""
    asked = []

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(public_addresses.socket, "getaddrinfo", look_up)
    WebhookPoster(to_private=True).send(letter(f"http://hooks.example:{hook.port}/"))
    assert asked == ["hooks.example"]
    assert hook.posted[0][0]["Host"] == f"hooks.example:{hook.port}"


def test_redirects_are_not_followed(hook: Hook) -> None:
    with webhook_receiver() as inside:
        hook.status, hook.location = 307, f"http://127.0.0.1:{inside.port}/"
        with pytest.raises(NotDelivered, match="307"):
            WebhookPoster(to_private=True).send(letter(f"http://127.0.0.1:{hook.port}/"))
        assert inside.posted == []


@pytest.mark.parametrize(("status", "for_good"), [(500, False), (404, False), (410, True)])
def test_an_answer_that_is_no_success_is_tried_again_unless_it_is_gone(
    hook: Hook, status: int, for_good: bool
) -> None:
    hook.status = status
    with pytest.raises(NotDelivered, match=str(status)) as caught:
        WebhookPoster(to_private=True).send(letter(f"http://127.0.0.1:{hook.port}/"))
    assert caught.value.for_good is for_good


def test_a_receiver_that_drips_its_answer_is_cut_off_in_time(hook: Hook) -> None:
    hook.drip = True
    began = time.monotonic()
    with pytest.raises(NotDelivered):
        WebhookPoster(to_private=True, seconds=0.5).send(letter(f"http://127.0.0.1:{hook.port}/"))
    assert time.monotonic() - began < 5


def test_a_name_with_many_addresses_that_do_not_answer_takes_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
        port = deaf.getsockname()[1]
        # Its queue is full: further connections wait without an answer.
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        found = [(socket.AF_INET, "127.0.0.1")] * 20
        monkeypatch.setattr(public_addresses, "resolve", lambda *_: found)
        began = time.monotonic()
        with pytest.raises(NotDelivered):
            WebhookPoster(to_private=True, seconds=0.3).send(letter(f"http://many.example:{port}/"))
        assert time.monotonic() - began < 3
        for one in waiting:
            one.close()


def test_a_receiver_that_is_not_there_is_told_of(hook: Hook) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    with pytest.raises(NotDelivered, match="does not answer"):
        WebhookPoster(to_private=True).send(letter(f"http://127.0.0.1:{port}/"))


def test_what_is_sent_shows_nothing_of_itself_in_logs() -> None:
    assert "secret" not in repr(letter("https://example.org/token-in-the-path"))
    assert "token-in-the-path" not in repr(letter("https://example.org/token-in-the-path"))
