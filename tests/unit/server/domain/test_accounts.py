"""Accounts: sign-up and log-in, and how often they may be tried."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from server.domain import accounts as accounts_module
from server.domain import hashing as hashing_module
from server.domain.accounts import Accounts
from server.errors import Busy, NotAcceptable, TooManyTries
from server.storage.account_tables import Account
from tests.support.domain_grid import PASSWORD, DomainGrid


@pytest.fixture
def accounts(grid: DomainGrid) -> Accounts:
    return grid.accounts


def test_the_first_account_is_the_operators(grid: DomainGrid, accounts: Accounts) -> None:
    first = accounts.sign_up("Alice", PASSWORD, grid.now)
    second = accounts.sign_up("Bob", PASSWORD, grid.now)
    assert (first.is_operator, second.is_operator) == (True, False)
    assert accounts.by_id(first.id) == first
    assert accounts.by_id(999) is None


def test_passwords_are_kept_as_argon2id_only(grid: DomainGrid, accounts: Accounts) -> None:
    accounts.sign_up("Alice", PASSWORD, grid.now)
    assert Account.get().password_hash.startswith("$argon2id$")
    assert PASSWORD not in (grid.folder / "grid.db").read_bytes().decode("latin-1")


def test_names_differ_by_more_than_case_and_spaces(grid: DomainGrid, accounts: Accounts) -> None:
    accounts.sign_up("Alice  B", PASSWORD, grid.now)
    with pytest.raises(NotAcceptable) as caught:
        accounts.sign_up(" aLICE B ", PASSWORD, grid.now)
    assert caught.value.field == "name"
    assert accounts.log_in("ALICE B", PASSWORD, "here", grid.now) is not None


@pytest.mark.parametrize(
    ("name", "password", "field"),
    [
        ("a", PASSWORD, "name"),
        ("x" * 41, PASSWORD, "name"),
        ("<b>", PASSWORD, "name"),
        ("", PASSWORD, "name"),
        # By that name the log calls what nobody's hand did.
        ("The  Grid", PASSWORD, "name"),
        ("alice", "short", "password"),
        ("alice", "x" * 1001, "password"),
        ("a long name indeed", "A Long Name Indeed", "password"),
        ("alice", "1234567890", "password"),
    ],
)
def test_a_sign_up_that_cannot_be_accepted_names_its_field(
    grid: DomainGrid, accounts: Accounts, name: str, password: str, field: str
) -> None:
    with pytest.raises(NotAcceptable) as caught:
        accounts.sign_up(name, password, grid.now)
    assert caught.value.field == field
    assert Account.select().count() == 0


def test_tries_of_one_name_from_one_address_are_throttled_and_let_in_again_later(
    grid: DomainGrid, accounts: Accounts
) -> None:
    accounts.sign_up("Alice", PASSWORD, grid.now)
    for _ in range(8):
        assert accounts.log_in("alice", "wrong password", "here", grid.now) is None
    with pytest.raises(TooManyTries):
        accounts.log_in("Alice", PASSWORD, "here", grid.now)
    assert accounts.log_in("Bob", PASSWORD, "here", grid.now) is None
    grid.wait(16 * 60)
    assert accounts.log_in("Alice", PASSWORD, "here", grid.now) is not None


def test_nobody_can_lock_another_person_out(grid: DomainGrid) -> None:
    pauses: list[float] = []
    accounts = Accounts(grid.stores, grid.hashing, pauses.append)
    accounts.sign_up("Alice", PASSWORD, grid.now)
    for number in range(30):
        assert accounts.log_in("alice", "wrong password", f"address {number}", grid.now) is None
    assert accounts.log_in("Alice", PASSWORD, "Alice's own address", grid.now) is not None
    assert len(pauses) == 23
    assert pauses == sorted(pauses)
    assert max(pauses) <= 3, "slowed down, not shut out"


def test_a_success_forgives_the_typing_errors_of_this_address(grid: DomainGrid, accounts: Accounts) -> None:
    accounts.sign_up("Alice", PASSWORD, grid.now)
    for _ in range(4):
        for _ in range(7):
            accounts.log_in("alice", "wrong password", "here", grid.now)
        assert accounts.log_in("Alice", PASSWORD, "here", grid.now) is not None


def test_guesses_that_come_at_once_do_not_pass_the_limit(
    grid: DomainGrid, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.sign_up("Alice", PASSWORD, grid.now)
    verified: list[str] = []
    monkeypatch.setattr(grid.hashing, "matches", lambda hashed, password: verified.append(password) or time.sleep(0.05))

    def guess(number: int) -> None:
        with contextlib.suppress(TooManyTries):
            accounts.log_in("Alice", f"guess {number}", "here", grid.now)
        grid.stores.database.close()

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(guess, range(32)))
    assert len(verified) == 8


def test_at_most_two_passwords_are_hashed_at_once(
    grid: DomainGrid, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes 64 MiB: sixty at once would be the server's death."""
    lock, at_work, most = threading.Lock(), 0, 0

    class SlowHasher:
        def hash(self, password: str) -> str:
            nonlocal at_work, most
            with lock:
                at_work += 1
                most = max(most, at_work)
            time.sleep(0.02)
            with lock:
                at_work -= 1
            return "$argon2id$"

    monkeypatch.setattr(grid.hashing, "_hasher", SlowHasher())

    def join(number: int) -> None:
        accounts.sign_up(f"person {number}", PASSWORD, grid.now, f"address {number}")
        grid.stores.database.close()

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(join, range(12)))
    assert most == 2


def test_who_would_wait_long_for_a_hashing_is_told_to_come_again_and_it_counts_as_no_try(
    grid: DomainGrid, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.sign_up("Alice", PASSWORD, grid.now)
    monkeypatch.setattr(hashing_module, "_PATIENCE", 0.01)
    with grid.hashing.place(), grid.hashing.place():
        for _ in range(10):
            with pytest.raises(Busy):
                accounts.log_in("Alice", PASSWORD, "here", grid.now)
    assert accounts.log_in("Alice", PASSWORD, "here", grid.now) is not None


def test_sign_ups_are_throttled_by_address(
    grid: DomainGrid, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts_module, "_MAX_SIGN_UPS", 3)
    for number in range(3):
        accounts.sign_up(f"person {number}", PASSWORD, grid.now, "here")
    with pytest.raises(TooManyTries):
        accounts.sign_up("person 3", PASSWORD, grid.now, "here")
    accounts.sign_up("person 3", PASSWORD, grid.now, "there")
    grid.wait(16 * 60)
    accounts.sign_up("person 4", PASSWORD, grid.now, "here")


def test_tries_are_throttled_by_address(
    grid: DomainGrid, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts_module, "_MAX_OF_ADDRESS", 5)
    for number in range(5):
        assert accounts.log_in(f"name {number}", PASSWORD, "one address", grid.now) is None
    with pytest.raises(TooManyTries):
        accounts.log_in("name 99", PASSWORD, "one address", grid.now)


def test_an_unknown_name_takes_a_hash_too(
    grid: DomainGrid, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the time of an answer does not tell which names exist."""
    accounts.sign_up("Alice", PASSWORD, grid.now)
    verified = []

    class Watched:
        def verify(self, hashed: str, password: str) -> bool:
            verified.append(hashed)
            return False

    monkeypatch.setattr(grid.hashing, "_hasher", Watched())
    accounts.log_in("Alice", "wrong password", "here", grid.now)
    accounts.log_in("Nobody", "wrong password", "here", grid.now)
    assert len(verified) == 2
    assert all(hashed.startswith("$argon2id$") for hashed in verified)


def test_all_addresses_of_a_network_of_ipv6_are_one_senders(grid: DomainGrid, accounts: Accounts) -> None:
    accounts.sign_up("Alice", PASSWORD, grid.now)
    for number in range(8):
        assert accounts.log_in("Alice", "a wrong guess", f"2001:db8:1:2::{number:x}", grid.now) is None
    with pytest.raises(TooManyTries):
        accounts.log_in("Alice", PASSWORD, "2001:db8:1:2:ffff::1", grid.now)
    for elsewhere in ("2001:db8:1:3::1", "192.0.2.1", "::ffff:192.0.2.2"):
        assert accounts.log_in("Alice", PASSWORD, elsewhere, grid.now) is not None
