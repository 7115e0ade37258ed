"""Letters and the postman: written with what they tell, sent at least once and ordinarily once."""

import contextlib
import datetime as dt
import itertools
import json
from typing import Any

import pytest

from server.domain.letters import Letters
from server.domain.postman import Postman
from server.errors import NotDelivered, NotFound
from server.rules.letters import MOST_TRIES, Outgoing
from server.storage.account_tables import Account, Letter
from tests.support.domain_grid import DomainGrid


class Post:
    """Keeps what it is given, after refusing as often as it was told."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.troubles: list[Exception] = []

    def send(self, letter: Outgoing) -> None:
        if self.troubles:
            raise self.troubles.pop(0)
        self.sent.append(letter)


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def postman(grid: DomainGrid, post: Post) -> Postman:
    return Postman(grid.stores, {"mail": post, "webhook": post}, {})


def reachable(account_id: int, grid: DomainGrid, **columns: Any) -> None:
    known = {"email": "owner@example.org", "email_verified_at": grid.now, "webhook_url": "https://example.org/hook",
             "webhook_secret": "s"}  # fmt: skip
    Account.update(**{**known, **columns}).where(Account.id == account_id).execute()


def write(grid: DomainGrid, account_id: int, sends_mail: bool = True) -> int:
    with grid.stores.database.write():
        letters = Letters(grid.stores, sends_mail, "the grid")
        return letters.write(account_id, "Digits is finished", "It is done.", grid.now, {"event": "project.finished"})


def test_a_person_is_told_in_every_way_that_was_chosen(grid: DomainGrid, owner: int, post: Post, postman: Any) -> None:
    reachable(owner, grid)
    assert write(grid, owner) == 2
    assert postman.run_pass(grid.now) == 2
    mail, hook = post.sent
    assert (mail.address, mail.subject, mail.body) == ("owner@example.org", "Digits is finished", "It is done.")
    assert (hook.address, hook.secret) == ("https://example.org/hook", "s")
    told = json.loads(hook.body)
    assert (told["event"], told["subject"], told["grid"]) == ("project.finished", "Digits is finished", "the grid")
    assert postman.run_pass(grid.now) == 0


@pytest.mark.parametrize(
    ("columns", "sends_mail", "count"),
    [
        ({"email_verified_at": None, "webhook_url": ""}, True, 0),
        ({"tell_by_mail": False, "webhook_url": ""}, True, 0),
        ({"webhook_url": ""}, False, 0),
        ({"webhook_url": ""}, True, 1),
        ({"tell_by_mail": False}, False, 1),
        ({"deleted_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}, True, 0),
    ],
)
def test_nobody_is_told_in_a_way_that_was_not_chosen(
    grid: DomainGrid, owner: int, columns: dict[str, Any], sends_mail: bool, count: int
) -> None:
    reachable(owner, grid, **columns)
    assert write(grid, owner, sends_mail) == count


def test_a_letter_goes_with_its_transaction(grid: DomainGrid, owner: int) -> None:
    reachable(owner, grid)
    with contextlib.suppress(ZeroDivisionError), grid.stores.database.write():
        assert write(grid, owner) == 2
        raise ZeroDivisionError
    assert Letter.select().count() == 0


def test_what_was_sent_is_forgotten(grid: DomainGrid, owner: int, postman: Any) -> None:
    reachable(owner, grid, webhook_url="")
    write(grid, owner)
    postman.run_pass(grid.now)
    row = Letter.get()
    assert (row.body, row.sent_at, row.trouble) == ("", grid.now, "")


def test_what_failed_is_tried_again_with_longer_and_longer_pauses_and_given_up_at_last(
    grid: DomainGrid, owner: int, post: Post, postman: Any
) -> None:
    reachable(owner, grid, webhook_url="")
    write(grid, owner)
    post.troubles = [NotDelivered("The mailbox is full.") for _ in range(100)]
    tries = []
    for _ in range(48 * 60):
        if postman.run_pass(grid.now):
            tries.append(grid.now)
        grid.wait(60)
    assert len(tries) == MOST_TRIES
    pauses = [after - before for before, after in itertools.pairwise(tries)]
    assert pauses == sorted(pauses)
    row = Letter.get()
    assert (row.body, row.trouble) == ("", "The mailbox is full.")
    assert row.given_up_at is not None


def test_what_can_never_arrive_is_given_up_at_once(grid: DomainGrid, owner: int, post: Post, postman: Any) -> None:
    reachable(owner, grid, email="")
    write(grid, owner)
    post.troubles = [NotDelivered("Not public.", for_good=True)]
    assert postman.run_pass(grid.now) == 1
    assert Letter.get().given_up_at == grid.now


def test_one_letter_that_fails_oddly_does_not_hold_up_the_others(
    grid: DomainGrid, owner: int, post: Post, postman: Any
) -> None:
    reachable(owner, grid)
    write(grid, owner)
    post.troubles = [RuntimeError("odd")]
    assert postman.run_pass(grid.now) == 2
    assert len(post.sent) == 1
    grid.wait(61)
    assert postman.run_pass(grid.now) == 1
    assert len(post.sent) == 2


def test_two_postmen_do_not_send_the_same_letter(grid: DomainGrid, owner: int, post: Post) -> None:
    reachable(owner, grid, webhook_url="")
    write(grid, owner)
    [letter] = grid.stores.letters.due(["mail"], grid.now, 8)
    assert grid.stores.letters.claim(letter, grid.now + dt.timedelta(minutes=1))
    assert not grid.stores.letters.claim(letter, grid.now + dt.timedelta(minutes=1))


def test_a_letter_whose_sender_was_killed_is_sent_by_the_next_one(
    grid: DomainGrid, owner: int, post: Post, postman: Any
) -> None:
    """At least once: it was claimed, and nobody knows whether it arrived."""
    reachable(owner, grid, webhook_url="")
    write(grid, owner)
    [letter] = grid.stores.letters.due(["mail"], grid.now, 8)
    grid.stores.letters.claim(letter, grid.now + dt.timedelta(minutes=1))
    assert postman.run_pass(grid.now) == 0
    grid.wait(60)
    assert postman.run_pass(grid.now) == 1
    assert len(post.sent) == 1


def test_mail_waits_where_no_server_is_configured_and_holds_no_webhook_up(
    grid: DomainGrid, owner: int, post: Post
) -> None:
    reachable(owner, grid)
    for _ in range(10):
        write(grid, owner)
    only_hooks = Postman(grid.stores, {"webhook": post}, {})
    while only_hooks.run_pass(grid.now):
        pass
    assert len(post.sent) == 10
    assert {row.channel for row in Letter.select().where(Letter.sent_at.is_null())} == {"mail"}


def test_nobody_can_pile_up_letters(grid: DomainGrid, owner: int) -> None:
    reachable(owner, grid, email="")
    assert sum(write(grid, owner) for _ in range(120)) == 100


def test_a_webhook_that_fails_all_day_silences_no_mail(grid: DomainGrid, owner: int, post: Post, postman: Any) -> None:
    reachable(owner, grid, email="")
    assert sum(write(grid, owner) for _ in range(120)) == 100
    with grid.stores.database.write():
        Letters(grid.stores, True).mail(owner, "owner@example.org", "Your password was changed", "", grid.now)
    grid.now += dt.timedelta(seconds=1)
    assert postman.run_pass(grid.now) == 8
    assert post.sent[0].subject == "Your password was changed", "mail goes before webhooks"


def test_no_two_letters_ever_have_the_same_number(grid: DomainGrid, owner: int, postman: Any) -> None:
    reachable(owner, grid, webhook_url="")
    numbers = []
    for _ in range(2):
        write(grid, owner)
        numbers.append(Letter.get().id)
        postman.run_pass(grid.now)
        grid.now += dt.timedelta(days=31)
        postman.run_pass(grid.now)
    assert numbers[0] != numbers[1]


def test_a_letter_that_waits_can_be_hurried_and_one_that_is_done_cannot(
    grid: DomainGrid, owner: int, post: Post, postman: Any
) -> None:
    reachable(owner, grid, webhook_url="")
    write(grid, owner)
    post.troubles = [NotDelivered("busy")]
    postman.run_pass(grid.now)
    letter_id = Letter.get().id
    assert postman.run_pass(grid.now) == 0
    grid.stores.letters.hurry(letter_id, grid.now)
    assert postman.run_pass(grid.now) == 1
    with pytest.raises(NotFound):
        grid.stores.letters.hurry(letter_id, grid.now)


def test_letters_that_are_done_are_forgotten_after_a_month(grid: DomainGrid, owner: int, postman: Any) -> None:
    reachable(owner, grid, webhook_url="")
    write(grid, owner)
    postman.run_pass(grid.now)
    grid.now += dt.timedelta(days=31)
    postman.run_pass(grid.now)
    assert Letter.select().count() == 0
