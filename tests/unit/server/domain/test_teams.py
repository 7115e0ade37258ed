"""Teams: made, joined, left; who leads them; what they keep."""

import pytest

from server.domain.standings import Leaderboards
from server.domain.teams import Teams
from server.errors import NotAcceptable, NotAllowedNow, NotFound, TooManyTries
from server.storage.account_tables import Account, Team
from tests.support.domain_grid import Cast, DomainGrid


@pytest.fixture
def teams(grid: DomainGrid) -> Teams:
    return Teams(grid.stores)


def work(grid: DomainGrid, host: Cast) -> None:
    host.deliver(host.lease())
    grid.rounds()


def test_who_makes_a_team_is_its_founder_and_first_member(grid: DomainGrid, owner: int, teams: Teams) -> None:
    made = teams.create(owner, "  The   Reds\n", "We are\x07 red.\n\nReally.", grid.now)
    assert (made.name, made.description) == ("The Reds", "We are red.\n\nReally.")
    assert (made.founder, made.members) == ("owner", 1)
    assert teams.of(owner) == (made, True)


@pytest.mark.parametrize("name", ["", " x ", "y" * 61, "the REDS"])
def test_a_name_is_refused_that_is_too_short_too_long_or_taken(
    grid: DomainGrid, owner: int, stranger: int, teams: Teams, name: str
) -> None:
    teams.create(stranger, "The Reds", "", grid.now)
    with pytest.raises(NotAcceptable) as caught:
        teams.create(owner, name, "", grid.now)
    assert caught.value.field == "name"
    assert teams.of(owner) is None


def test_nobody_is_in_two_teams(grid: DomainGrid, owner: int, stranger: int, teams: Teams) -> None:
    reds, blues = teams.create(owner, "Reds", "", grid.now), teams.create(stranger, "Blues", "", grid.now)
    with pytest.raises(NotAllowedNow):
        teams.create(owner, "Greens", "", grid.now)
    teams.join(owner, blues.id, grid.now)
    assert teams.view(blues.id).members == 2
    # It was left by everybody and had earned nothing.
    with pytest.raises(NotFound):
        teams.view(reds.id)


def test_who_joins_twice_stays_its_founder(grid: DomainGrid, owner: int, teams: Teams) -> None:
    reds = teams.create(owner, "Reds", "", grid.now)
    assert teams.join(owner, reds.id, grid.now) == reds


def test_a_founder_who_leaves_hands_the_team_on(grid: DomainGrid, owner: int, stranger: int, teams: Teams) -> None:
    reds = teams.create(owner, "Reds", "", grid.now)
    teams.join(stranger, reds.id, grid.now)
    teams.leave(owner, grid.now)
    assert teams.view(reds.id).founder == "stranger"
    with pytest.raises(NotFound):
        teams.change(owner, reds.id, "Mine", None, grid.now)
    assert teams.change(stranger, reds.id, None, "Ours.", grid.now).description == "Ours."


def test_a_team_that_has_earned_stays_and_who_joins_then_leads_it(
    grid: DomainGrid, owner: int, stranger: int, teams: Teams
) -> None:
    reds = teams.create(owner, "Reds", "", grid.now)
    grid.project(owner)
    work(grid, grid.host(owner, "a"))
    teams.leave(owner, grid.now)
    work(grid, grid.host(owner, "b"))
    left = teams.view(reds.id)
    assert (left.members, left.founder) == (0, "")
    (line,) = Leaderboards(grid.stores).teams(grid.now).ever
    assert (line.team, line.members, line.credit) == (reds.id, 0, left.credit)
    assert 1000 * left.credit < Account.get_by_id(owner).credit, "what was earned outside does not count"
    assert teams.join(stranger, reds.id, grid.now).founder == "stranger"
    assert grid.audit.findings(grid.now) == []


def test_who_is_not_listed_is_a_member_without_a_name(
    grid: DomainGrid, owner: int, stranger: int, teams: Teams
) -> None:
    reds = teams.create(owner, "Reds", "", grid.now)
    teams.join(stranger, reds.id, grid.now)
    Account.update(is_listed=False).where(Account.id == owner).execute()
    seen = teams.view(reds.id)
    assert (seen.members, [one.name for one in seen.named], seen.founder) == (2, ["stranger"], "")


def test_teams_are_not_made_by_the_dozen(grid: DomainGrid, owner: int, teams: Teams) -> None:
    for number in range(5):
        teams.create(owner, f"Reds {number}", "", grid.now)
        teams.leave(owner, grid.now)
    with pytest.raises(TooManyTries):
        teams.create(owner, "Reds again", "", grid.now)
    assert Team.select().count() == 0


def test_a_founder_takes_somebody_out_and_lets_nobody_new_in(
    grid: DomainGrid, operator: int, owner: int, stranger: int, teams: Teams
) -> None:
    reds = teams.create(owner, "Reds", "", grid.now)
    teams.join(stranger, reds.id, grid.now)
    Account.update(is_listed=False).where(Account.id == stranger).execute()
    assert [(one.member, one.name) for one in teams.seats(owner, reds.id)] == [(owner, "owner"), (stranger, "")]
    assert teams.change(owner, reds.id, None, None, grid.now, closed=True).closed
    assert teams.remove(owner, reds.id, stranger, grid.now).members == 1
    with pytest.raises(NotAllowedNow, match="nobody new"):
        teams.join(stranger, reds.id, grid.now)
    with pytest.raises(NotFound):
        teams.remove(owner, reds.id, stranger, grid.now)
    with pytest.raises(NotAllowedNow, match="Leave"):
        teams.remove(owner, reds.id, owner, grid.now)
    assert grid.stores.actions.newest(9) == [], "a founder's own affair"


def test_nobody_but_founder_and_operator_takes_anybody_out(
    grid: DomainGrid, operator: int, owner: int, stranger: int, teams: Teams
) -> None:
    reds = teams.create(owner, "Reds", "", grid.now)
    blues = teams.create(stranger, "Blues", "", grid.now)
    with pytest.raises(NotFound):
        teams.seats(stranger, reds.id)
    with pytest.raises(NotFound):
        teams.remove(stranger, reds.id, owner, grid.now)
    with pytest.raises(NotFound):
        teams.remove(stranger, blues.id, owner, grid.now)
    grid.project(owner)
    work(grid, grid.host(owner, "a"))
    teams.remove(operator, reds.id, owner, grid.now)
    assert teams.of(owner) is None
    assert teams.view(reds.id).credit > 0, "what was earned in it stays"
    assert grid.stores.actions.newest(1)[0].what == "took out of team"
    assert grid.audit.findings(grid.now) == []


def test_a_closed_team_that_everybody_has_left_can_be_joined(
    grid: DomainGrid, owner: int, stranger: int, teams: Teams
) -> None:
    reds = teams.create(owner, "Reds", "", grid.now)
    grid.project(owner)
    work(grid, grid.host(owner, "a"))
    teams.change(owner, reds.id, None, None, grid.now, closed=True)
    teams.leave(owner, grid.now)
    joined = teams.join(stranger, reds.id, grid.now)
    assert (joined.founder, joined.closed) == ("stranger", False)
