"""Invitations: by one of these somebody makes an account where the grid is by invitation only."""

import datetime as dt
from typing import NamedTuple

from peewee import SQL

from server.errors import NotFound
from server.storage.account_tables import Account, Invitation

_LIVE = (
    "code_hash = ? AND uses_left > 0 AND expires_at > ? AND account_id IN (SELECT id FROM account WHERE is_operator)"
)


class UsedInvitation(NamedTuple):
    """Whose invitation it was, for the log."""

    label: str
    inviter: str


class InvitationStore:
    def add(
        self, account_id: int, code_hash: str, label: str, uses: int, expires_at: dt.datetime, now: dt.datetime
    ) -> Invitation:
        return Invitation.create(
            account=account_id, code_hash=code_hash, label=label, uses_left=uses, expires_at=expires_at, created_at=now
        )

    def delete_dead(self, now: dt.datetime) -> None:
        Invitation.delete().where((Invitation.uses_left <= 0) | (Invitation.expires_at <= now)).execute()

    def every(self) -> list[tuple[Invitation, str]]:
        """The newest first, each with the name of who made it."""
        chosen = Invitation.select(Invitation, Account.name).join(Account).order_by(Invitation.id.desc())
        return [(row, row.account.name) for row in chosen]

    def is_live(self, code_hash: str, now: dt.datetime) -> bool:
        """Whether somebody could sign up by it at this instant; takes no lock."""
        return Invitation.row_where(_LIVE, code_hash, now.timestamp()) is not None

    def use(self, code_hash: str, now: dt.datetime) -> UsedInvitation | None:
        """Take one use of it; None when it is unknown, used up, too old or of an account that is no operator's now."""
        used = (
            Invitation.update(uses_left=Invitation.uses_left - 1)
            .where(SQL(_LIVE, (code_hash, now.timestamp())))
            .execute()
        )
        if used != 1:
            return None
        row = Invitation.select(Invitation, Account.name).join(Account).where(Invitation.code_hash == code_hash).get()
        return UsedInvitation(row.label, row.account.name)

    def delete_all_of(self, account_id: int) -> None:
        Invitation.delete().where(Invitation.account == account_id).execute()

    def delete(self, invitation_id: int) -> Invitation:
        """The one that was there. Raises NotFound."""
        row = Invitation.get_or_none(Invitation.id == invitation_id)
        if row is None:
            raise NotFound("There is no such invitation.")
        Invitation.delete().where(Invitation.id == invitation_id).execute()
        return row
