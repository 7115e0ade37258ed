"""Accounts, join keys and failed log-ins."""

import datetime as dt

from peewee import IntegrityError

from server.errors import NotAcceptable, NotFound
from server.storage.tables import Account, JoinKey, LoginFailure


class AccountStore:
    def add(self, name: str, password_hash: str, now: dt.datetime) -> Account:
        """The first account of a grid is its operator's. Raises NotAcceptable when the name is taken."""
        first = Account.select().count() == 0
        try:
            return Account.create(
                name=name, folded=name.casefold(), password_hash=password_hash, is_operator=first, created_at=now
            )
        except IntegrityError:
            raise NotAcceptable("This name is taken.", "name") from None

    def named(self, name: str) -> Account | None:
        return Account.get_or_none(Account.folded == name.casefold())

    def by_id(self, account_id: int) -> Account | None:
        return Account.get_or_none(Account.id == account_id)

    def set_password(self, account_id: int, password_hash: str) -> None:
        Account.update(password_hash=password_hash).where(Account.id == account_id).execute()

    def record_failure(self, name: str, remote: str, now: dt.datetime) -> None:
        LoginFailure.create(folded=name.casefold()[:60], remote=remote[:60], at=now)

    def failures(self, name: str, remote: str, since: dt.datetime) -> tuple[int, int]:
        """Failed log-ins since then: (of this name, from this address)."""
        recent = LoginFailure.select().where(LoginFailure.at >= since)
        return (
            recent.where(LoginFailure.folded == name.casefold()[:60]).count(),
            recent.where(LoginFailure.remote == remote[:60]).count(),
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

    def delete(self, account_id: int, key_id: int) -> None:
        if JoinKey.delete().where(JoinKey.id == key_id, JoinKey.account == account_id).execute() != 1:
            raise NotFound("There is no such join key.")
