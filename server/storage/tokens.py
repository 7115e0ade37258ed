"""Access tokens: the rows of what people give to their scripts."""

import datetime as dt
from collections.abc import Sequence

from server.errors import NotFound
from server.storage.account_tables import AccessToken, Account


class TokenStore:
    def add(
        self, account_id: int, token_hash: str, label: str, scopes: Sequence[str], expires_at: dt.datetime | None,
        now: dt.datetime,
    ) -> AccessToken:  # fmt: skip
        return AccessToken.create(
            account=account_id, token_hash=token_hash, label=label, scopes=list(scopes), created_at=now,
            expires_at=expires_at,
        )  # fmt: skip

    def by_hash(self, token_hash: str) -> tuple[AccessToken, Account] | None:
        """The token with its account."""
        row = AccessToken.row_where("token_hash = ?", token_hash)
        account = None if row is None else Account.row_where("id = ?", row.account_id)
        return None if row is None or account is None else (row, account)

    def of_account(self, account_id: int) -> list[AccessToken]:
        return AccessToken.rows_where("account_id = ? ORDER BY id DESC", account_id)

    def used(self, token_id: int, now: dt.datetime) -> None:
        AccessToken.update(last_used_at=now).where(AccessToken.id == token_id).execute()

    def delete(self, account_id: int, token_id: int) -> None:
        owned = (AccessToken.id == token_id) & (AccessToken.account == account_id)
        if AccessToken.delete().where(owned).execute() != 1:
            raise NotFound("There is no such access token.")

    def delete_dead(self, account_id: int, before: dt.datetime) -> None:
        """Those that ran out before then."""
        AccessToken.delete().where(AccessToken.account == account_id, AccessToken.expires_at < before).execute()

    def delete_all_of(self, account_id: int) -> None:
        AccessToken.delete().where(AccessToken.account == account_id).execute()
