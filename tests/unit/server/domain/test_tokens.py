"""Access tokens: whom they speak for, and until when."""

import datetime as dt

import pytest

from server.errors import AccountBlocked, NotAcceptable, NotFound, UnknownToken
from server.rules.scopes import READ, WRITE, permits
from server.storage.account_tables import AccessToken, Account
from tests.support.domain_grid import DomainGrid


def test_a_token_speaks_for_its_owner_within_its_scopes(grid: DomainGrid, owner: int) -> None:
    secret = grid.tokens.create(owner, " my  notebook ", {READ}, 30, grid.now)
    found = grid.tokens.by_secret(secret, grid.now)
    assert (found.account.id, found.account.name, found.scopes) == (owner, "owner", frozenset({READ}))
    assert [view.label for view in grid.tokens.list_for(owner, grid.now)] == ["my notebook"]


def test_only_the_hash_of_a_token_is_kept(grid: DomainGrid, owner: int) -> None:
    secret = grid.tokens.create(owner, "", {READ}, None, grid.now)
    assert secret.startswith("daigtoken_")
    assert secret not in repr(grid.dump())


def test_who_may_write_may_read_but_not_the_other_way_round() -> None:
    assert permits({WRITE}, READ)
    assert not permits({READ}, WRITE)
    assert not permits(set(), READ)


@pytest.mark.parametrize("secret", ["", "daigtoken_", "daigtoken_wrong", "daighost_wrong", "é"])
def test_an_unknown_token_opens_nothing(grid: DomainGrid, owner: int, secret: str) -> None:
    with pytest.raises(UnknownToken):
        grid.tokens.by_secret(secret, grid.now)


def test_a_token_ends_with_its_days_and_one_without_days_does_not(grid: DomainGrid, owner: int) -> None:
    short = grid.tokens.create(owner, "short", {READ}, 1, grid.now)
    endless = grid.tokens.create(owner, "endless", {READ}, None, grid.now)
    grid.now += dt.timedelta(days=1)
    with pytest.raises(UnknownToken):
        grid.tokens.by_secret(short, grid.now)
    assert grid.tokens.by_secret(endless, grid.now).account.id == owner


def test_a_revoked_token_is_worth_nothing_and_a_stranger_cannot_revoke_it(
    grid: DomainGrid, owner: int, stranger: int
) -> None:
    secret = grid.tokens.create(owner, "", {READ}, None, grid.now)
    [view] = grid.tokens.list_for(owner, grid.now)
    with pytest.raises(NotFound):
        grid.tokens.revoke(stranger, view.id, grid.now)
    assert grid.tokens.by_secret(secret, grid.now).account.id == owner
    grid.tokens.revoke(owner, view.id, grid.now)
    with pytest.raises(UnknownToken):
        grid.tokens.by_secret(secret, grid.now)


def test_the_last_use_is_noted_once_a_minute_at_most(grid: DomainGrid, owner: int) -> None:
    secret = grid.tokens.create(owner, "", {READ}, None, grid.now)
    noted = []
    for _ in range(5):
        grid.tokens.by_secret(secret, grid.now)
        noted.append((AccessToken.get().last_used_at - grid.now).total_seconds())
        grid.wait(25)
    assert noted == [0, -25, -50, 0, -25]


def test_a_blocked_account_and_a_deleted_one_cannot_use_their_tokens(grid: DomainGrid, owner: int) -> None:
    secret = grid.tokens.create(owner, "", {READ}, None, grid.now)
    Account.update(blocked_at=grid.now).where(Account.id == owner).execute()
    with pytest.raises(AccountBlocked):
        grid.tokens.by_secret(secret, grid.now)
    Account.update(blocked_at=None, deleted_at=grid.now).where(Account.id == owner).execute()
    with pytest.raises(UnknownToken):
        grid.tokens.by_secret(secret, grid.now)


@pytest.mark.parametrize(
    ("scopes", "days", "field"),
    [(set(), 1, "scopes"), ({"everything"}, 1, "scopes"), ({READ}, 0, "days"), ({READ}, 10**6, "days")],
)
def test_a_token_that_cannot_be_made_names_the_field(
    grid: DomainGrid, owner: int, scopes: set[str], days: int, field: str
) -> None:
    with pytest.raises(NotAcceptable) as caught:
        grid.tokens.create(owner, "", scopes, days, grid.now)
    assert caught.value.field == field
