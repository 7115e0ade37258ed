"""Where a grid is by invitation only, one use of an invitation makes one account."""

import datetime as dt

import pytest

from server.domain.accounts import Accounts
from server.domain.invitations import Invitations
from server.errors import NotAcceptable, NotFound
from server.rules.admission import Admission
from server.storage.account_tables import Account
from tests.support.domain_grid import PASSWORD, DomainGrid


@pytest.fixture
def invitations(grid: DomainGrid) -> Invitations:
    return Invitations(grid.stores)


@pytest.fixture
def closed(grid: DomainGrid) -> Accounts:
    return Accounts(grid.stores, grid.hashing, admission=Admission(invitation_only=True))


def refused(grid: DomainGrid, closed: Accounts, code: str) -> bool:
    count = Account.select().count()
    with pytest.raises(NotAcceptable) as caught:
        closed.sign_up("somebody", PASSWORD, grid.now, "here", code)
    assert Account.select().count() == count
    return caught.value.field == "invitation"


def test_the_first_account_needs_none(grid: DomainGrid, closed: Accounts) -> None:
    assert not closed.needs_invitation()
    assert closed.sign_up("operator", PASSWORD, grid.now).is_operator
    assert closed.needs_invitation()
    assert refused(grid, closed, "")


def test_each_use_makes_one_account_and_the_log_says_by_whose_invitation(
    grid: DomainGrid, operator: int, closed: Accounts, invitations: Invitations
) -> None:
    code = invitations.create(operator, "the physics  class", 2, 7, grid.now)
    for name in ("Ada", "Ben"):
        closed.sign_up(name, PASSWORD, grid.now, "here", f" {code} ")
    assert refused(grid, closed, code)
    assert invitations.list_for(operator, grid.now) == []
    newest = grid.stores.actions.newest(1)[0]
    assert (newest.actor_name, newest.what) == ("Ben", "signed up")
    assert newest.detail == "by the invitation “the physics class” of operator"


def test_a_name_that_is_taken_uses_nothing_up(
    grid: DomainGrid, operator: int, closed: Accounts, invitations: Invitations
) -> None:
    code = invitations.create(operator, "", 1, 7, grid.now)
    with pytest.raises(NotAcceptable):
        closed.sign_up("OPERATOR", PASSWORD, grid.now, "here", code)
    closed.sign_up("Ada", PASSWORD, grid.now, "here", code)


def test_one_that_is_too_old_revoked_or_of_no_operator_any_more_opens_nothing(
    grid: DomainGrid, operator: int, owner: int, closed: Accounts, invitations: Invitations
) -> None:
    old = invitations.create(operator, "old", 1, 1, grid.now)
    grid.now += dt.timedelta(days=1)
    revoked = invitations.create(operator, "revoked", 1, 7, grid.now)
    [listed] = invitations.list_for(operator, grid.now)
    invitations.revoke(operator, listed.id, grid.now)
    dismissed = invitations.create(operator, "dismissed", 1, 7, grid.now)
    Account.update(is_operator=False).where(Account.id == operator).execute()
    for code in (old, revoked, dismissed, "daiginvite_guess"):
        assert refused(grid, closed, code), code


def test_nobody_else_makes_sees_or_revokes_one(
    grid: DomainGrid, operator: int, owner: int, invitations: Invitations
) -> None:
    invitations.create(operator, "mine", 1, 7, grid.now)
    before = grid.dump()
    with pytest.raises(NotFound):
        invitations.create(owner, "", 1, 7, grid.now)
    with pytest.raises(NotFound):
        invitations.list_for(owner, grid.now)
    with pytest.raises(NotFound):
        invitations.revoke(owner, 1, grid.now)
    with pytest.raises(NotFound):
        invitations.revoke(operator, 99, grid.now)
    assert grid.dump() == before


@pytest.mark.parametrize(
    ("uses", "days", "field"), [(0, 1, "uses"), (10_001, 1, "uses"), (1, 0, "days"), (1, 367, "days")]
)
def test_what_it_may_be_is_bounded(
    grid: DomainGrid, operator: int, invitations: Invitations, uses: int, days: int, field: str
) -> None:
    with pytest.raises(NotAcceptable) as caught:
        invitations.create(operator, "", uses, days, grid.now)
    assert caught.value.field == field


def test_the_code_itself_is_kept_nowhere(grid: DomainGrid, operator: int, invitations: Invitations) -> None:
    code = invitations.create(operator, "mine", 1, 7, grid.now)
    assert code not in repr(grid.dump())
    assert code not in repr(invitations.list_for(operator, grid.now))


def test_who_was_not_invited_does_not_learn_which_names_are_taken(
    grid: DomainGrid, operator: int, closed: Accounts
) -> None:
    with pytest.raises(NotAcceptable) as caught:
        closed.sign_up("operator", PASSWORD, grid.now, "here", "daiginvite_x")
    assert caught.value.field == "invitation"
