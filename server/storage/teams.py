"""Teams and who is in them."""

import datetime as dt
from typing import Any

from peewee import IntegrityError, fn

from server.errors import NotAcceptable, NotFound
from server.storage.account_tables import Account, Team
from server.storage.credit_boards import LISTED


class TeamStore:
    def add(self, name: str, description: str, founder: int, now: dt.datetime) -> Team:
        """Raises NotAcceptable when the name is taken."""
        try:
            return Team.create(
                name=name, folded=name.casefold(), description=description, founder=founder, created_at=now
            )
        except IntegrityError:
            raise NotAcceptable("This name is taken.", "name") from None

    def change(self, team_id: int, **columns: Any) -> None:
        """Raises NotAcceptable when the name is taken."""
        if "name" in columns:
            columns["folded"] = columns["name"].casefold()
        try:
            Team.update(**columns).where(Team.id == team_id).execute()
        except IntegrityError:
            raise NotAcceptable("This name is taken.", "name") from None

    def by_id(self, team_id: int) -> Team:
        team = Team.row_where("id = ?", team_id)
        if team is None:
            raise NotFound("There is no such team.")
        return team

    def of_account(self, account_id: int) -> Team | None:
        return Team.row_where("id = (SELECT team_id FROM account WHERE id = ?)", account_id)

    def members(self, team_id: int, most: int, named: bool = False) -> list[Account]:
        """The most credit first; `named`: those only whose name everybody may see."""
        listed = f"AND {LISTED} " if named else ""
        return Account.rows_where(f"team_id = ? {listed}ORDER BY credit DESC, id LIMIT ?", team_id, most)

    def count_members(self, team_id: int) -> int:
        return int(Account.select(fn.COUNT(Account.id)).where(Account.team_id == team_id).scalar())

    def put(self, account_id: int, team_id: int | None) -> None:
        """Into a team, or into none."""
        Account.update(team_id=team_id).where(Account.id == account_id).execute()

    def earliest_member(self, team_id: int) -> int | None:
        """By the account; nobody notes when somebody joined."""
        row = Account.row_where("team_id = ? ORDER BY id", team_id)
        return None if row is None else int(row.id)

    def delete_without_history(self, team_id: int) -> None:
        """Unless something was ever earned in it: its credit is somebody's."""
        earned = "EXISTS (SELECT 1 FROM credit_entry WHERE team = ?)"
        if Team.row_where(f"id = ? AND NOT {earned}", team_id, team_id) is not None:
            Team.delete().where(Team.id == team_id).execute()
