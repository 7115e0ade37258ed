"""A whole grid in real processes, a real mail server and a real webhook receiver: letters arrive, once."""

import hashlib
import hmac
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.grid import RunningGrid, wait_for
from tests.support.mailbox import Hook, Mailbox, mail_server, webhook_receiver
from tests.support.person import PASSWORD, Person


@dataclass
class World:
    grid: RunningGrid
    mailbox: Mailbox
    hook: Hook


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("letters")
    with mail_server() as (mailbox, port), webhook_receiver() as hook:
        (folder / "grid").mkdir()
        (folder / "grid" / "daig.toml").write_text(
            f'smtp_host = "127.0.0.1"\nsmtp_port = {port}\nsmtp_security = "none"\nsmtp_from = "grid@example.org"\n'
            'public_url = "https://grid.example.org"\nwebhooks_to_private = true\nsmtp_password = "hush-hush"\n'
        )
        with RunningGrid(folder) as grid:
            yield World(grid, mailbox, hook)


@pytest.fixture(scope="module")
def owner(world: World) -> Person:
    return Person(world.grid.address, "owner").sign_up()


def _link(world: World, kind: str) -> str:
    """The path of the link in the one letter that comes; what is in the mailbox is taken out."""
    wait_for(lambda: world.mailbox.letters, 30, world.grid.tail)
    letter = world.mailbox.letters.pop(0)
    found = re.search(rf"https://grid\.example\.org(/{kind}/\S+)", letter.get_content())
    assert found, letter.get_content()
    return found[1]


def test_an_address_is_proven_and_a_forgotten_password_set_anew(world: World, owner: Person) -> None:
    given = {"email": "owner@example.org", "email_password": PASSWORD}
    assert owner.submit("/account/email", given, page="/account").ok
    link = _link(world, "verify")
    assert "is confirmed" in owner.submit(link, {}, page=link).text
    visitor = Person(world.grid.address, "visitor")
    assert visitor.submit("/forgot", {"email": "OWNER@example.org"}, page="/forgot").ok
    link = _link(world, "reset")
    assert visitor.submit(link, {"new_password": "a louder afternoon"}, page=link).ok
    wait_for(lambda: world.mailbox.letters, 30, world.grid.tail)
    assert world.mailbox.letters.pop(0)["Subject"] == "Your password was changed"
    answer = visitor.submit("/log-in", {"name": "owner", "password": "a louder afternoon"}, page="/log-in")
    assert answer.url.endswith("/projects")


def test_a_webhook_gets_a_signed_message(world: World) -> None:
    person = Person(world.grid.address, "hooked").sign_up()
    url = f"http://127.0.0.1:{world.hook.port}/daig"
    person.submit("/account/notifications", {"webhook_url": url}, page="/account")
    page = person.submit("/account/webhook-test", {}, page="/account").text
    found = re.search(r'id="webhook-secret">([0-9a-f]{64})<', page)
    assert found
    wait_for(lambda: world.hook.posted, 30, world.grid.tail)
    [(headers, body)] = world.hook.posted
    signature = hmac.new(found[1].encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-DAIG-Signature"] == f"sha256={signature}"
    assert b'"event":"test"' in body


def test_nothing_comes_twice(world: World) -> None:
    """The duty's period is 5 seconds."""
    time.sleep(6)
    assert world.mailbox.letters == []
    assert len(world.hook.posted) == 1


def test_the_log_holds_no_secret(world: World) -> None:
    log = world.grid.log.read_text()
    for secret in ("hush-hush", "daigreset_", "daigmail_", PASSWORD):
        assert secret not in log
