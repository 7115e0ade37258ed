"""Accounts, join keys and failed log-ins."""

import datetime as dt
import ipaddress
from typing import Any, NamedTuple

from peewee import IntegrityError

from server.errors import NotAcceptable, NotFound
from server.storage.account_tables import Account, JoinKey, LoginFailure


class Failures(NamedTuple):
    """Tries of late that failed: of this name from this address, of this name, from this address."""

    of_both: int
    of_name: int
    of_address: int


class AccountStore:
    def add(self, name: str, password_hash: str, now: dt.datetime) -> Account:
        """The first account of a grid is its operator's. Raises NotAcceptable when the name is taken."""
        first = Account.row_where("deleted_at IS NULL") is None
        try:
            return Account.create(
                name=name, folded=name.casefold(), password_hash=password_hash, is_operator=first, created_at=now
            )
        except IntegrityError:
            raise NotAcceptable("This name is taken.", "name") from None

    def named(self, name: str) -> Account | None:
        return Account.get_or_none(Account.folded == name.casefold())

    def is_blocked(self, account_id: int) -> bool:
        return Account.row_where("id = ? AND blocked_at IS NOT NULL", account_id) is not None

    def departed_with_belongings(self) -> list[int]:
        """Deleted accounts whose projects or drafts are still there: whoever deleted them was interrupted."""
        rows = Account.rows_where(
            "deleted_at IS NOT NULL AND (EXISTS (SELECT 1 FROM project WHERE owner_id = account.id) OR"
            " EXISTS (SELECT 1 FROM draft WHERE owner_id = account.id) OR"
            " EXISTS (SELECT 1 FROM partial_upload WHERE owner_id = account.id))"
        )
        return [int(row.id) for row in rows]

    def by_id(self, account_id: int) -> Account | None:
        return Account.get_or_none(Account.id == account_id)

    def set_password(self, account_id: int, password_hash: str, session_key: str | None = None) -> None:
        """With a new session key all sessions end."""
        columns = {"password_hash": password_hash} | ({} if session_key is None else {"session_key": session_key})
        Account.update(**columns).where(Account.id == account_id).execute()

    def change(self, account_id: int, **columns: Any) -> None:
        Account.update(**columns).where(Account.id == account_id).execute()

    def with_email(self, email: str) -> Account | None:
        """Whose verified address it is; addresses differ by more than case."""
        return Account.row_where(
            "lower(email) = ? AND email_verified_at IS NOT NULL AND deleted_at IS NULL", email.lower()
        )

    def record_try(self, name: str, remote: str, now: dt.datetime) -> int:
        """Counts as a failure until it is forgotten. Returns its id."""
        return int(LoginFailure.create(folded=_folded(name), remote=sender_of(remote), at=now).id)

    def forget_try(self, try_id: int) -> None:
        LoginFailure.delete().where(LoginFailure.id == try_id).execute()

    def forget_tries_of(self, name: str, remote: str) -> None:
        tries = (LoginFailure.folded == _folded(name)) & (LoginFailure.remote == sender_of(remote))
        LoginFailure.delete().where(tries).execute()

    def failures(self, name: str, remote: str, since: dt.datetime) -> Failures:
        recent = LoginFailure.select().where(LoginFailure.at >= since)
        of_name = recent.where(LoginFailure.folded == _folded(name))
        return Failures(
            of_both=of_name.where(LoginFailure.remote == sender_of(remote)).count(),
            of_name=of_name.count(),
            of_address=recent.where(LoginFailure.remote == sender_of(remote)).count(),
        )

    def forget_failures(self, before: dt.datetime) -> int:
        return LoginFailure.delete().where(LoginFailure.at < before).execute()


class JoinKeyStore:
    def add(
        self, account_id: int, key_hash: str, label: str, uses: int, expires_at: dt.datetime, now: dt.datetime
    ) -> JoinKey:
        return JoinKey.create(
            account=account_id, key_hash=key_hash, label=label, uses_left=uses, expires_at=expires_at, created_at=now
        )

    def delete_dead(self, account_id: int, now: dt.datetime) -> None:
        """Those that are used up or too old: nobody sees them any more."""
        dead = (JoinKey.uses_left <= 0) | (JoinKey.expires_at <= now)
        JoinKey.delete().where(JoinKey.account == account_id, dead).execute()

    def is_live(self, key_hash: str, now: dt.datetime) -> bool:
        """Whether the key can be used at this instant; takes no lock."""
        row = JoinKey.get_or_none(JoinKey.key_hash == key_hash)
        return row is not None and row.uses_left > 0 and row.expires_at > now

    def of_account(self, account_id: int) -> list[JoinKey]:
        return list(JoinKey.select().where(JoinKey.account == account_id).order_by(JoinKey.id.desc()))

    def use(self, key_hash: str, now: dt.datetime) -> int | None:
        """Take one use of the key; the owner's account id, or None when the key is unknown, used up or too old."""
        used = (
            JoinKey.update(uses_left=JoinKey.uses_left - 1)
            .where(JoinKey.key_hash == key_hash, JoinKey.uses_left > 0, JoinKey.expires_at > now)
            .execute()
        )
        return JoinKey.get(JoinKey.key_hash == key_hash).account_id if used == 1 else None

    def delete_all_of(self, account_id: int) -> None:
        JoinKey.delete().where(JoinKey.account == account_id).execute()

    def delete(self, account_id: int, key_id: int) -> None:
        if JoinKey.delete().where(JoinKey.id == key_id, JoinKey.account == account_id).execute() != 1:
            raise NotFound("There is no such join key.")


def sender_of(remote: str) -> str:
    """Whom an address of the net stands for: of IPv6 everybody has 2**64, so the network counts."""
    try:
        address = ipaddress.IPv6Address(remote.partition("%")[0])
    except ValueError:
        return remote[:60]
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, 64), strict=False))


def _folded(name: str) -> str:
    return name.casefold()[:60]
