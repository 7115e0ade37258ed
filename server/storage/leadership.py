"""Which process leads: a lease in the database with a fencing token (Kleppmann 2016, How to do distributed locking)."""

import datetime as dt

from server.errors import LeadershipLost
from server.storage.grid_tables import GridFact, Leadership

LEASE = dt.timedelta(seconds=4)


class LeadershipStore:
    def take(self, name: str, holder: str, now: dt.datetime) -> int | None:
        """Lead, or go on leading: the token; None while somebody else's lease lasts. Inside a write transaction."""
        row = Leadership.get_or_none(Leadership.name == name)
        if row is None:
            Leadership.create(name=name, holder=holder, token=1, expires_at=now + LEASE)
            return 1
        if row.holder != holder and row.expires_at > now:
            return None
        token = int(row.token) if row.holder == holder else int(row.token) + 1
        Leadership.update(holder=holder, token=token, expires_at=now + LEASE).where(Leadership.name == name).execute()
        return token

    def give_up(self, name: str, holder: str, now: dt.datetime) -> None:
        Leadership.update(expires_at=now).where(Leadership.name == name, Leadership.holder == holder).execute()

    def require(self, name: str, token: int) -> None:
        """Raises LeadershipLost unless the token is still the newest. Inside the transaction that it guards."""
        row = Leadership.get_or_none(Leadership.name == name)
        if row is None or row.token != token:
            raise LeadershipLost()


class FactStore:
    def get(self, name: str) -> str | None:
        row = GridFact.get_or_none(GridFact.name == name)
        return None if row is None else str(row.value)

    def set(self, name: str, value: str) -> None:
        GridFact.insert(name=name, value=value).on_conflict_replace().execute()
