"""Invitations: an operator makes them, and who brings one may sign up where the grid is by invitation only."""

import datetime as dt

from server.domain.action_log import ActionLog
from server.domain.office import require_operator
from server.domain.secrets import hash_of, new_secret
from server.errors import NotAcceptable
from server.storage.stores import Stores
from volunteer.protocol.operator_messages import Invitation

MAX_USES = 10_000
MAX_DAYS = 366
_MOST = 500


class Invitations:
    """Every method raises NotFound to who is no operator."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._log = ActionLog(stores)

    def create(self, operator_id: int, label: str, uses: int, days: int, now: dt.datetime) -> str:
        """A new code; this is the only time that it is shown. Raises NotAcceptable."""
        if not 1 <= uses <= MAX_USES:
            raise NotAcceptable(f"An invitation is for 1 to {MAX_USES:,} people.", "uses")
        if not 1 <= days <= MAX_DAYS:
            raise NotAcceptable(f"An invitation lasts for 1 to {MAX_DAYS} days.", "days")
        label = " ".join(label.split())[:80] or "invitation"
        code = new_secret("daiginvite")
        with self._stores.database.write():
            require_operator(self._stores, operator_id)
            self._stores.invitations.delete_dead(now)
            if len(self._stores.invitations.every()) >= _MOST:
                raise NotAcceptable("There are very many invitations. Revoke some first.", "label")
            self._stores.invitations.add(operator_id, hash_of(code), label, uses, now + dt.timedelta(days=days), now)
            self._log.note(operator_id, "made an invitation", label, f"for {uses} sign-ups, {days} days", now)
        return code

    def list_for(self, operator_id: int, now: dt.datetime) -> list[Invitation]:
        """Those that can still be used, whoever made them."""
        require_operator(self._stores, operator_id)
        return [
            Invitation(row.id, row.label, maker, row.uses_left, row.expires_at, row.created_at)
            for row, maker in self._stores.invitations.every()
            if row.uses_left > 0 and row.expires_at > now
        ]

    def revoke(self, operator_id: int, invitation_id: int, now: dt.datetime) -> None:
        """Accounts that were made by it stay."""
        with self._stores.database.write():
            require_operator(self._stores, operator_id)
            row = self._stores.invitations.delete(invitation_id)
            self._log.note(operator_id, "revoked an invitation", row.label, "", now)
