"""Join keys: by one of these a machine becomes a host of an account, without a password on the machine."""

import datetime as dt

from server.domain.secrets import hash_of, new_secret
from server.errors import NotAcceptable
from server.rules.views import JoinKeyView
from server.storage.stores import Stores

MAX_USES = 10_000
MAX_HOURS = 24 * 366
_MAX_KEYS = 200


class JoinKeys:
    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def create(self, owner_id: int, label: str, uses: int, hours: int, now: dt.datetime) -> str:
        """A new key, limited in uses and time; this is the only time that it is shown."""
        if not 1 <= uses <= MAX_USES:
            raise NotAcceptable(f"A key is for 1 to {MAX_USES:,} machines.", "uses")
        if not 1 <= hours <= MAX_HOURS:
            raise NotAcceptable(f"A key lasts for 1 to {MAX_HOURS:,} hours.", "hours")
        secret = new_secret("daigjoin")
        with self._stores.database.write():
            self._stores.join_keys.delete_dead(owner_id, now)
            if len(self._stores.join_keys.of_account(owner_id)) >= _MAX_KEYS:
                raise NotAcceptable("You have very many keys. Revoke some first.", "label")
            self._stores.join_keys.add(
                owner_id, hash_of(secret), label.strip()[:80] or "join key", uses, now + dt.timedelta(hours=hours), now
            )
        return secret

    def list_for(self, owner_id: int, now: dt.datetime) -> list[JoinKeyView]:
        """Keys that can still be used."""
        return [
            JoinKeyView(row.id, row.label, row.uses_left, row.expires_at, row.created_at)
            for row in self._stores.join_keys.of_account(owner_id)
            if row.uses_left > 0 and row.expires_at > now
        ]

    def revoke(self, owner_id: int, key_id: int, now: dt.datetime) -> None:
        """Machines that were attached by it stay attached."""
        with self._stores.database.write():
            self._stores.join_keys.delete(owner_id, key_id)
