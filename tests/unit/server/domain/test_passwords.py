"""Passwords and addresses: changed, mailed for, proven. With real letters, into a list instead of a mailbox."""

import datetime as dt
import functools
import re
from typing import Any

import pytest
from argon2 import PasswordHasher

from server.bootstrap import people
from server.config import Settings
from server.domain import hashing
from server.domain.join_keys import JoinKeys
from server.domain.passwords import ResetLetters
from server.domain.postman import Postman
from server.domain.tokens import Tokens
from server.errors import AccountBlocked, NotAcceptable, NotAllowedNow, NotFound, TooManyTries
from server.rules.letters import Outgoing
from server.storage.account_tables import Account, Letter, MailProof
from server.web.people import People
from tests.support.domain_grid import PASSWORD, DomainGrid

NEW = "another long password"
SETTINGS = Settings(public_url="https://grid.example.org/", smtp_host="mail", smtp_from="grid@example.org")


class Person:
    """Signed up, with the grid's services at hand and a mailbox."""

    def __init__(self, grid: DomainGrid, name: str) -> None:
        self.grid = grid
        self.accounts = grid.accounts
        self.id = self.accounts.sign_up(name, PASSWORD, grid.now).id
        self.name = name
        self.mails: list[Outgoing] = []
        self.services: People = people(
            SETTINGS, grid.stores, grid.hashing, self.accounts, grid.projects, grid.hosts, grid.rings.append
        )

    def send(self, letter: Outgoing) -> None:
        self.mails.append(letter)

    def post(self) -> list[Outgoing]:
        """What arrives when the postman goes."""
        del self.mails[:]
        resets = ResetLetters(self.grid.stores, SETTINGS.public_url, "the grid")
        postman = Postman(self.grid.stores, {"mail": self, "reset": self}, {"reset": resets.compose})
        while postman.run_pass(self.grid.now):
            pass
        return list(self.mails)

    def link(self, kind: str) -> str:
        """The secret of the link in the one letter that arrives."""
        [letter] = self.post()
        found = re.search(rf"https://grid\.example\.org/{kind}/(\S+)", letter.body)
        assert found is not None, letter.body
        return found[1]

    def has(self, address: str) -> "Person":
        self.services.addresses.give_email(self.id, address, self.grid.now)
        self.services.addresses.confirm(self.link("verify"), "here", self.grid.now)
        return self

    def may_enter(self, password: str) -> bool:
        return self.accounts.log_in(self.name, password, "elsewhere", self.grid.now) is not None


@pytest.fixture
def alice(grid: DomainGrid, monkeypatch: pytest.MonkeyPatch) -> Person:
    quick = functools.partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(hashing, "PasswordHasher", quick)
    return Person(grid, "alice")


def test_a_password_is_changed_by_who_knows_the_old_one_and_sessions_end(grid: DomainGrid, alice: Person) -> None:
    key = alice.accounts.session_key(alice.id)
    with pytest.raises(NotAcceptable) as caught:
        alice.services.passwords.change(alice.id, "a wrong password", NEW, "here", grid.now)
    assert caught.value.field == "old_password"
    assert alice.accounts.of_session(alice.id, key) is not None
    alice.services.passwords.change(alice.id, PASSWORD, NEW, "here", grid.now)
    assert alice.accounts.of_session(alice.id, key) is None
    assert alice.accounts.of_session(alice.id, alice.accounts.session_key(alice.id)) is not None
    assert (alice.may_enter(PASSWORD), alice.may_enter(NEW)) == (False, True)


def test_who_guesses_the_old_password_is_throttled(grid: DomainGrid, alice: Person) -> None:
    for _ in range(8):
        with pytest.raises(NotAcceptable):
            alice.services.passwords.change(alice.id, "a guess", NEW, "here", grid.now)
    with pytest.raises(TooManyTries):
        alice.services.passwords.change(alice.id, PASSWORD, NEW, "here", grid.now)


def test_an_address_is_the_accounts_once_its_link_was_followed(grid: DomainGrid, alice: Person) -> None:
    alice.services.addresses.give_email(alice.id, " alice@example.org ", grid.now)
    before = alice.services.addresses.view(alice.id, grid.now)
    assert (before.email, before.pending_email) == ("", "alice@example.org")
    secret = alice.link("verify")
    assert secret not in repr(grid.dump()), "it is kept as a hash only"
    assert alice.services.addresses.pending(secret, "here", grid.now) == ("alice", "alice@example.org")
    alice.services.addresses.confirm(secret, "here", grid.now)
    after = alice.services.addresses.view(alice.id, grid.now)
    assert (after.email, after.pending_email) == ("alice@example.org", "")
    with pytest.raises(NotFound):
        alice.services.addresses.confirm(secret, "here", grid.now)


def test_a_link_ends_after_a_day_and_a_newer_one_replaces_it(grid: DomainGrid, alice: Person) -> None:
    alice.services.addresses.give_email(alice.id, "alice@example.org", grid.now)
    first = alice.link("verify")
    alice.services.addresses.give_email(alice.id, "alice@example.org", grid.now)
    second = alice.link("verify")
    with pytest.raises(NotFound):
        alice.services.addresses.confirm(first, "here", grid.now)
    grid.now += dt.timedelta(hours=24)
    with pytest.raises(NotFound):
        alice.services.addresses.confirm(second, "here", grid.now)


def test_letters_to_prove_an_address_are_throttled(grid: DomainGrid, alice: Person) -> None:
    for _ in range(5):
        alice.services.addresses.give_email(alice.id, "victim@example.org", grid.now)
    with pytest.raises(TooManyTries):
        alice.services.addresses.give_email(alice.id, "victim@example.org", grid.now)


@pytest.mark.parametrize("address", ["alice@example.org\r\nBcc: eve@example.org", "alice", "a@b.de\nX: y"])
def test_an_address_that_would_write_headers_is_refused(grid: DomainGrid, alice: Person, address: str) -> None:
    with pytest.raises(NotAcceptable) as caught:
        alice.services.addresses.give_email(alice.id, address, grid.now)
    assert caught.value.field == "email"
    with pytest.raises(NotAcceptable):
        alice.services.passwords.ask_reset(address, "here", grid.now)
    assert Letter.select().count() == 0


def test_an_address_belongs_to_one_account(grid: DomainGrid, alice: Person) -> None:
    alice.has("us@example.org")
    bob = Person(grid, "bob")
    bob.services.addresses.give_email(bob.id, "US@example.org", grid.now)
    with pytest.raises(NotAllowedNow):
        bob.services.addresses.confirm(bob.link("verify"), "here", grid.now)
    assert bob.services.addresses.view(bob.id, grid.now).email == ""


def test_the_address_before_is_told_when_it_is_replaced_or_removed(grid: DomainGrid, alice: Person) -> None:
    alice.has("old@example.org")
    alice.has("new@example.org")
    assert [(mail.address, mail.subject) for mail in alice.post()] == [("old@example.org", "Your address was changed")]
    alice.services.addresses.remove_email(alice.id, grid.now)
    assert [mail.address for mail in alice.post()] == ["new@example.org"]
    assert alice.services.addresses.view(alice.id, grid.now).email == ""


def test_a_forgotten_password_is_set_anew_once_and_sessions_end(grid: DomainGrid, alice: Person) -> None:
    alice.has("alice@example.org")
    key = alice.accounts.session_key(alice.id)
    alice.services.passwords.ask_reset("ALICE@example.org", "here", grid.now)
    secret = alice.link("reset")
    assert secret not in repr(grid.dump())
    assert alice.services.passwords.owner_of(secret, "here", grid.now) == "alice"
    assert alice.services.passwords.reset(secret, NEW, "here", grid.now).id == alice.id
    assert alice.accounts.of_session(alice.id, key) is None
    assert (alice.may_enter(PASSWORD), alice.may_enter(NEW)) == (False, True)
    assert [mail.subject for mail in alice.post()] == ["Your password was changed"]
    with pytest.raises(NotFound):
        alice.services.passwords.reset(secret, "a third long password", "here", grid.now)
    assert alice.may_enter(NEW)


@pytest.mark.parametrize("revoke_all", [False, True])
def test_with_a_new_password_go_all_tokens_and_keys_where_that_is_wanted(
    grid: DomainGrid, alice: Person, revoke_all: bool
) -> None:
    tokens, keys = Tokens(grid.stores), JoinKeys(grid.stores)
    for owner_id in (alice.id, bob := Person(grid, "bob").id):
        tokens.create(owner_id, "mine", ["read"], None, grid.now)
        keys.create(owner_id, "mine", 5, 5, grid.now)
    alice.has("alice@example.org").services.passwords.ask_reset("alice@example.org", "here", grid.now)
    alice.services.passwords.reset(alice.link("reset"), NEW, "here", grid.now, revoke_all)
    left = [len(found) for found in (tokens.list_for(alice.id, grid.now), keys.list_for(alice.id, grid.now))]
    assert left == ([0, 0] if revoke_all else [1, 1])
    assert len(tokens.list_for(bob, grid.now)) == len(keys.list_for(bob, grid.now)) == 1
    assert ("join keys were revoked" in alice.post()[0].body) is revoke_all


def test_a_link_for_a_new_password_ends_after_an_hour(grid: DomainGrid, alice: Person) -> None:
    alice.has("alice@example.org").services.passwords.ask_reset("alice@example.org", "here", grid.now)
    secret = alice.link("reset")
    grid.now += dt.timedelta(hours=1)
    with pytest.raises(NotFound):
        alice.services.passwords.reset(secret, NEW, "here", grid.now)


def test_a_weak_new_password_does_not_use_the_link_up(grid: DomainGrid, alice: Person) -> None:
    alice.has("alice@example.org").services.passwords.ask_reset("alice@example.org", "here", grid.now)
    secret = alice.link("reset")
    with pytest.raises(NotAcceptable):
        alice.services.passwords.reset(secret, "short", "here", grid.now)
    assert alice.services.passwords.reset(secret, NEW, "here", grid.now).name == "alice"


def test_asking_does_the_same_whether_or_not_the_address_is_known(grid: DomainGrid, alice: Person) -> None:
    """No account is looked at, so neither the answer nor its time can tell."""
    alice.has("alice@example.org")
    rows = []
    for address in ("alice@example.org", "nobody@example.org"):
        alice.services.passwords.ask_reset(address, "here", grid.now)
        row = Letter.select().order_by(Letter.id.desc()).get()
        rows.append((row.account_id, row.channel, row.subject, row.body))
    assert rows[0] == rows[1]
    assert [mail.address for mail in alice.post()] == ["alice@example.org"]
    assert MailProof.select().count() == 1


def test_an_address_that_was_not_proven_opens_nothing(grid: DomainGrid, alice: Person) -> None:
    alice.services.addresses.give_email(alice.id, "victim@example.org", grid.now)
    alice.post()
    alice.services.passwords.ask_reset("victim@example.org", "here", grid.now)
    assert alice.post() == []


def test_asking_is_throttled_by_address_of_the_net_and_quietly_by_mailbox(grid: DomainGrid, alice: Person) -> None:
    alice.has("alice@example.org")
    arrived = 0
    for number in range(6):
        alice.services.passwords.ask_reset("alice@example.org", f"address {number}", grid.now)
        arrived += len(alice.post())
    assert arrived == 3
    for _ in range(10):
        alice.services.passwords.ask_reset("bob@example.org", "one address", grid.now)
    with pytest.raises(TooManyTries):
        alice.services.passwords.ask_reset("carol@example.org", "one address", grid.now)


def test_guessing_links_is_throttled(grid: DomainGrid, alice: Person) -> None:
    for _ in range(30):
        with pytest.raises(NotFound):
            alice.services.passwords.reset("daigreset_guess", NEW, "here", grid.now)
    with pytest.raises(TooManyTries):
        alice.services.passwords.reset("daigreset_guess", NEW, "here", grid.now)


def test_a_link_to_prove_an_address_sets_no_password(grid: DomainGrid, alice: Person) -> None:
    alice.services.addresses.give_email(alice.id, "alice@example.org", grid.now)
    secret = alice.link("verify")
    with pytest.raises(NotFound):
        alice.services.passwords.reset(secret, NEW, "here", grid.now)


def test_a_blocked_account_cannot_log_in_and_only_its_owner_learns_why(grid: DomainGrid, alice: Person) -> None:
    key = alice.accounts.session_key(alice.id)
    Account.update(blocked_at=grid.now).where(Account.id == alice.id).execute()
    assert alice.accounts.log_in("alice", "a wrong password", "here", grid.now) is None
    with pytest.raises(AccountBlocked):
        alice.accounts.log_in("alice", PASSWORD, "here", grid.now)
    assert alice.accounts.of_session(alice.id, key) is None


def test_a_webhook_has_a_secret_of_its_own_and_can_be_tested_a_few_times(grid: DomainGrid, alice: Person) -> None:
    addresses: Any = alice.services.addresses
    with pytest.raises(NotAcceptable) as caught:
        addresses.choose(alice.id, True, "file:///etc/passwd", grid.now)
    assert caught.value.field == "webhook_url"
    addresses.choose(alice.id, True, "https://example.org/a", grid.now)
    first = addresses.view(alice.id, grid.now).webhook_secret
    addresses.choose(alice.id, False, "https://example.org/a", grid.now)
    assert addresses.view(alice.id, grid.now).webhook_secret == first
    addresses.choose(alice.id, False, "https://example.org/b", grid.now)
    assert addresses.view(alice.id, grid.now).webhook_secret not in ("", first)
    for _ in range(5):
        addresses.test_webhook(alice.id, grid.now)
    with pytest.raises(TooManyTries):
        addresses.test_webhook(alice.id, grid.now)
    addresses.choose(alice.id, False, "", grid.now)
    with pytest.raises(NotAllowedNow):
        addresses.test_webhook(alice.id, grid.now)


def test_a_new_password_ends_what_a_thief_has_begun_with_the_old_one(grid: DomainGrid, alice: Person) -> None:
    alice.has("alice@example.org")
    alice.services.addresses.give_email(alice.id, "thief@example.org", grid.now)
    his = alice.link("verify")
    alice.services.passwords.ask_reset("alice@example.org", "here", grid.now)
    alice.services.passwords.reset(alice.link("reset"), NEW, "here", grid.now)
    with pytest.raises(NotFound):
        alice.services.addresses.confirm(his, "there", grid.now)
    assert alice.services.addresses.view(alice.id, grid.now).email == "alice@example.org"


def test_a_link_that_went_to_the_address_before_sets_no_password(grid: DomainGrid, alice: Person) -> None:
    alice.has("old@example.org")
    alice.services.addresses.give_email(alice.id, "new@example.org", grid.now)
    confirming = alice.link("verify")
    alice.services.passwords.ask_reset("old@example.org", "here", grid.now)
    old = alice.link("reset")
    alice.services.addresses.confirm(confirming, "here", grid.now)
    with pytest.raises(NotFound):
        alice.services.passwords.reset(old, NEW, "there", grid.now)
    assert alice.may_enter(PASSWORD)
