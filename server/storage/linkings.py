"""Machines that wait for somebody to confirm their code."""

import datetime as dt
from typing import Any

from server.errors import SomebodyElseWasFirst
from server.rules.states import LinkState, may_move
from server.storage.account_tables import Linking
from server.storage.accounts import sender_of


class LinkingStore:
    def add(self, remote: str, now: dt.datetime, **columns: Any) -> Linking:
        return Linking.create(
            state=LinkState.pending, remote=remote[:60], sender=sender_of(remote), created_at=now, **columns
        )

    def by_device(self, device_hash: str, now: dt.datetime) -> Linking | None:
        """None when it is too old, too."""
        return Linking.row_where("device_hash = ? AND expires_at > ?", device_hash, now.timestamp())

    def by_user(self, user_hash: str, now: dt.datetime) -> Linking | None:
        return Linking.row_where("user_hash = ? AND expires_at > ?", user_hash, now.timestamp())

    def move(self, linking: Linking, new: LinkState, **columns: Any) -> None:
        """A guarded change of state."""
        if not may_move(linking.state, new):
            raise SomebodyElseWasFirst(f"A code that is {linking.state} cannot become {new}.")
        chosen = (Linking.id == linking.id) & (Linking.state == linking.state)
        if Linking.update(state=new, **columns).where(chosen).execute() != 1:
            raise SomebodyElseWasFirst()
        linking.state = new

    def count_of(self, remote: str, since: dt.datetime) -> int:
        """How many this address, or its network, has asked for since then."""
        return int(Linking.select().where(Linking.sender == sender_of(remote), Linking.created_at > since).count())

    def count_approved(self, account_id: int, now: dt.datetime) -> int:
        """How many machines this account has confirmed that have not fetched their token yet."""
        chosen = (Linking.account == account_id) & (Linking.state == LinkState.approved) & (Linking.expires_at > now)
        return int(Linking.select().where(chosen).count())

    def count(self) -> int:
        return int(Linking.select().count())

    def has_dead(self, now: dt.datetime) -> bool:
        """Takes no lock."""
        return Linking.row_where("expires_at <= ?", now.timestamp()) is not None

    def delete_dead(self, now: dt.datetime) -> int:
        return int(Linking.delete().where(Linking.expires_at <= now).execute())

    def delete_all_of(self, account_id: int) -> None:
        """Those that the account has answered: nothing comes of them any more."""
        Linking.delete().where(Linking.account == account_id).execute()
