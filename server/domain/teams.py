"""Teams: volunteers who count their credit together. What was earned in one stays with it.

Everybody may join any that its founder has not closed, and leave it; its founder may take others out of it.
"""

import datetime as dt

from server.domain.action_log import ActionLog
from server.domain.office import require_operator
from server.domain.throttle import Throttle
from server.errors import NotAcceptable, NotAllowedNow, NotFound
from server.rules.credit import in_credits
from server.storage.account_tables import Account, Team
from server.storage.stores import Stores
from volunteer.protocol.credit_messages import (
    MOST_DESCRIPTION_LETTERS,
    MOST_TEAM_LETTERS,
    TeamInfo,
    TeamMember,
    TeamSeat,
)

_LEAST_LETTERS = 2
_MOST_MADE = 5
_MOST_NAMED = 500


class Teams:
    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._throttle = Throttle(stores)
        self._log = ActionLog(stores)

    def create(self, account_id: int, name: str, description: str, now: dt.datetime) -> TeamInfo:
        """A new team with this account as founder and first member.

        Raises NotAcceptable; NotAllowedNow for who is in a team; TooManyTries.
        """
        name, description = _name(name), _description(description)
        with self._stores.database.write():
            if self._stores.teams.of_account(account_id) is not None:
                raise NotAllowedNow("You are in a team already. Leave it first.")
            self._throttle.count("team", str(account_id), _MOST_MADE, now)
            team = self._stores.teams.add(name, description, account_id, now)
            self._stores.teams.put(account_id, team.id)
            return self._view(team)

    def change(
        self, account_id: int, team_id: int, name: str | None, description: str | None, now: dt.datetime,
        closed: bool | None = None,
    ) -> TeamInfo:  # fmt: skip
        """What is None stays. Raises NotAcceptable; NotFound for who is neither its founder nor an operator."""
        columns: dict[str, str | bool] = {} if name is None else {"name": _name(name)}
        columns |= {} if description is None else {"description": _description(description)}
        columns |= {} if closed is None else {"is_closed": closed}
        with self._stores.database.write():
            team = self._stores.teams.by_id(team_id)
            if self._acts_as_operator(account_id, team):
                said = " / ".join(text for text in columns.values() if isinstance(text, str) and text)
                self._log.note(account_id, "changed team", f"{team.name} ({team.id})", said, now)
            if columns:
                self._stores.teams.change(team_id, **columns)
            return self.view(team_id)

    def join(self, account_id: int, team_id: int, now: dt.datetime) -> TeamInfo:
        """From now on. Who is in another leaves it. Raises NotFound, and NotAllowedNow for one that is closed."""
        with self._stores.database.write():
            team = self._stores.teams.by_id(team_id)
            before = self._stores.teams.of_account(account_id)
            if before is None or before.id != team.id:
                is_empty = self._stores.teams.earliest_member(team.id) is None
                if team.is_closed and not is_empty:
                    raise NotAllowedNow("This team takes nobody new. Ask its founder.")
                leave_team(self._stores, account_id)
                if is_empty:
                    # All others have left it: it is this one's now.
                    self._stores.teams.change(team.id, founder=account_id, is_closed=False)
                self._stores.teams.put(account_id, team.id)
            return self.view(team_id)

    def leave(self, account_id: int, now: dt.datetime) -> None:
        with self._stores.database.write():
            leave_team(self._stores, account_id)

    def remove(self, account_id: int, team_id: int, member: int, now: dt.datetime) -> TeamInfo:
        """Out of the team, with another's hand; what the member has earned in it stays.

        Raises NotFound for who is neither its founder nor an operator, and for who is no member; NotAllowedNow for the
        founder's own place.
        """
        with self._stores.database.write():
            team = self._stores.teams.by_id(team_id)
            is_operator = self._acts_as_operator(account_id, team)
            its = self._stores.teams.of_account(member)
            if its is None or its.id != team.id:
                raise NotFound("There is no such member.")
            if member == account_id:
                raise NotAllowedNow("Leave the team instead: it is handed on to another member.")
            if is_operator:
                self._log.note(account_id, "took out of team", f"{team.name} ({team.id})", f"account {member}", now)
            leave_team(self._stores, member)
            return self._view(self._stores.teams.by_id(team_id))

    def seats(self, account_id: int, team_id: int) -> list[TeamSeat]:
        """Who sits in it, for who may take somebody out; a name only of those who are listed. Raises NotFound."""
        with self._stores.database.read():
            self._acts_as_operator(account_id, self._stores.teams.by_id(team_id))
            return [
                TeamSeat(one.id, one.name if _may_be_named(one) else "", in_credits(one.credit))
                for one in self._stores.teams.members(team_id, _MOST_NAMED)
            ]

    def view(self, team_id: int) -> TeamInfo:
        """Raises NotFound."""
        with self._stores.database.read():
            return self._view(self._stores.teams.by_id(team_id))

    def of(self, account_id: int) -> tuple[TeamInfo, bool] | None:
        """The account's team, and whether the account is its founder."""
        with self._stores.database.read():
            team = self._stores.teams.of_account(account_id)
            return None if team is None else (self._view(team), team.founder == account_id)

    def _acts_as_operator(self, account_id: int, team: Team) -> bool:
        """False for its founder. To all others it is as if there were no such team to change."""
        if team.founder == account_id:
            return False
        try:
            require_operator(self._stores, account_id)
        except NotFound:
            raise NotFound("There is no such team.") from None
        return True

    def _view(self, team: Team) -> TeamInfo:
        named = self._stores.teams.members(team.id, _MOST_NAMED, named=True)
        leader = self._stores.accounts.by_id(team.founder)
        founder = leader.name if leader and leader.team_id == team.id and _may_be_named(leader) else ""
        return TeamInfo(
            id=team.id, name=team.name, description=team.description, founder=founder, created_at=team.created_at,
            credit=in_credits(team.credit), closed=bool(team.is_closed),
            members=self._stores.teams.count_members(team.id),
            named=[TeamMember(one.name, in_credits(one.credit)) for one in named],
        )  # fmt: skip


def leave_team(stores: Stores, account_id: int) -> None:
    """In the caller's transaction. A founder who goes hands the team on; who is last leaves it behind, empty."""
    team = stores.teams.of_account(account_id)
    if team is None:
        return
    stores.teams.put(account_id, None)
    heir = stores.teams.earliest_member(team.id)
    if heir is None:
        stores.teams.delete_without_history(team.id)
    elif team.founder == account_id:
        stores.teams.change(team.id, founder=heir)


def _may_be_named(row: Account) -> bool:
    return bool(row.is_listed and row.deleted_at is None and row.blocked_at is None)


def _name(text: str) -> str:
    plain = _plain(text)
    if not _LEAST_LETTERS <= len(plain) <= MOST_TEAM_LETTERS:
        raise NotAcceptable(f"A team's name has {_LEAST_LETTERS} to {MOST_TEAM_LETTERS} letters.", "name")
    return plain


def _description(text: str) -> str:
    plain = "\n".join(_plain(line) for line in text.splitlines()).strip()
    if len(plain) > MOST_DESCRIPTION_LETTERS:
        raise NotAcceptable(f"A description has {MOST_DESCRIPTION_LETTERS} letters at most.", "description")
    return plain


def _plain(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
