"""Access tokens: by one of these a script acts for a person, within its scopes, until it is revoked or runs out."""

import datetime as dt
from collections.abc import Collection

from server.domain.secrets import hash_of, new_secret
from server.errors import AccountBlocked, NotAcceptable, UnknownToken
from server.rules.scopes import SCOPES
from server.rules.views import Account, TokenOwner
from server.storage.stores import Stores
from volunteer.protocol.account_messages import AccessToken

PREFIX = "daigtoken"
MAX_DAYS = 10 * 366
_MAX_TOKENS = 100
_NOTE_EVERY = dt.timedelta(minutes=1)
_SHOW_DEAD_FOR = dt.timedelta(days=30)
_UNKNOWN = "This access token is unknown, revoked or out of date. Make a new one on your account page."


class Tokens:
    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def create(
        self, owner_id: int, label: str, scopes: Collection[str], days: int | None, now: dt.datetime
    ) -> str:
        """A new token; this is the only time that it is shown. Without `days` it lasts until it is revoked.

        Raises NotAcceptable with the field.
        """
        if not scopes or not set(scopes) <= set(SCOPES):
            raise NotAcceptable("Choose what the token may be used for.", "scopes")
        if days is not None and not 1 <= days <= MAX_DAYS:
            raise NotAcceptable(f"A token lasts for 1 to {MAX_DAYS:,} days.", "days")
        secret = new_secret(PREFIX)
        ends = None if days is None else now + dt.timedelta(days=days)
        with self._stores.database.write():
            self._stores.tokens.delete_dead(owner_id, now - _SHOW_DEAD_FOR)
            if len(self._stores.tokens.of_account(owner_id)) >= _MAX_TOKENS:
                raise NotAcceptable("You have very many access tokens. Revoke some first.", "label")
            label = " ".join(label.split())[:80] or "access token"
            self._stores.tokens.add(owner_id, hash_of(secret), label, sorted(scopes), ends, now)
        return secret

    def by_secret(self, secret: str, now: dt.datetime) -> TokenOwner:
        """Whose token it is and what it permits. Raises UnknownToken, AccountBlocked."""
        found = self._stores.tokens.by_hash(hash_of(secret)) if secret.startswith(f"{PREFIX}_") else None
        if found is None:
            raise UnknownToken(_UNKNOWN)
        token, account = found
        if account.deleted_at is not None or (token.expires_at is not None and token.expires_at <= now):
            raise UnknownToken(_UNKNOWN)
        if account.blocked_at is not None:
            raise AccountBlocked()
        if token.last_used_at is None or now - token.last_used_at >= _NOTE_EVERY:
            # Seldom: every commit wakes all hosts that wait.
            with self._stores.database.write():
                self._stores.tokens.used(token.id, now)
        return TokenOwner(Account(account.id, account.name, account.is_operator), frozenset(token.scopes))

    def list_for(self, owner_id: int, now: dt.datetime) -> list[AccessToken]:
        """Newest first; one that ran out is still shown for a month."""
        return [
            AccessToken(row.id, row.label, list(row.scopes), row.created_at, row.expires_at, row.last_used_at)
            for row in self._stores.tokens.of_account(owner_id)
            if row.expires_at is None or row.expires_at > now - _SHOW_DEAD_FOR
        ]

    def revoke(self, owner_id: int, token_id: int, now: dt.datetime) -> None:
        """From this instant on it opens nothing. Raises NotFound, also for a stranger."""
        with self._stores.database.write():
            self._stores.tokens.delete(owner_id, token_id)
