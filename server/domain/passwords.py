"""Passwords after the sign-up: changed with the old one, or set anew by a mailed link. Both end all sessions."""

import datetime as dt
import hashlib
import secrets

from server.domain.accounts import Accounts
from server.domain.hashing import MAX_PASSWORD, Hashing, require_good
from server.domain.letters import Letters
from server.domain.ports import Ring
from server.domain.secrets import hash_of, new_secret
from server.domain.throttle import Throttle
from server.errors import NotAcceptable, NotFound
from server.rules import views
from server.rules.addresses import mail_problem
from server.rules.letters import Outgoing
from server.storage.account_tables import Letter
from server.storage.stores import Stores

RESET_LASTS = dt.timedelta(hours=1)
_PURPOSE = "reset"
_MOST_ASKED_FROM_ONE_ADDRESS = 10
_MOST_ASKED_FOR_ONE_MAILBOX = 3
_MOST_LINKS_TRIED = 30
_KEPT = "Access tokens and machines go on working."
_REVOKED = "All access tokens and join keys were revoked. Machines go on working."


def new_session_key() -> str:
    return secrets.token_urlsafe(24)


class Passwords:
    def __init__(self, stores: Stores, accounts: Accounts, hashing: Hashing, letters: Letters, ring: Ring) -> None:
        self._stores = stores
        self._ring = ring
        self._accounts = accounts
        self._hashing = hashing
        self._letters = letters
        self._throttle = Throttle(stores)

    def require(self, account_id: int, password: str, field: str, remote: str, now: dt.datetime) -> None:
        """Raises NotAcceptable, beside the field, when it is not the account's; counted as a log-in.

        Raises TooManyTries, Busy.
        """
        row = self._stores.accounts.by_id(account_id)
        if row is None or self._accounts.log_in(row.name, password, remote, now) is None:
            raise NotAcceptable("This is not your password.", field)

    def change(self, account_id: int, old: str, new: str, remote: str, now: dt.datetime) -> None:
        """Raises NotAcceptable with the field, TooManyTries, Busy."""
        row = self._stores.accounts.by_id(account_id)
        if row is None:
            raise NotFound()
        require_good(new, row.name, "new_password")
        self.require(account_id, old, "old_password", remote, now)
        self._set(account_id, new, now)

    def ask_reset(self, address: str, remote: str, now: dt.datetime) -> None:
        """A link to this address, if an account has it. What is done here is the same whether or not one has.

        Raises NotAcceptable where it is no address at all, TooManyTries.
        """
        address = address.strip()
        problem = mail_problem(address)
        if problem:
            raise NotAcceptable(problem, "email")
        with self._stores.database.write():
            self._throttle.count("reset", remote, _MOST_ASKED_FROM_ONE_ADDRESS, now)
            mailbox = hashlib.sha256(address.lower().encode()).hexdigest()[:40]
            # Of one mailbox too many are dropped without a word: the answer must not depend on the address.
            if self._stores.accounts.failures("(reset to)", mailbox, now - RESET_LASTS).of_both < (
                _MOST_ASKED_FOR_ONE_MAILBOX
            ):
                self._stores.accounts.record_try("(reset to)", mailbox, now)
                self._letters.ask_reset(address, now)
        self._ring("letters")

    def owner_of(self, secret: str, remote: str, now: dt.datetime) -> str:
        """The name of the account whose link this is. Raises NotFound: unknown, used, or too old; TooManyTries."""
        with self._stores.database.read():
            proof = self._stores.proofs.live(_PURPOSE, hash_of(secret), now)
            row = None if proof is None else self._stores.accounts.by_id(proof.account_id)
        if row is None or row.deleted_at is not None:
            self._throttle.count("link", remote, _MOST_LINKS_TRIED, now)
            raise NotFound("This link has been used already, is too old, or was not copied whole. Ask for another.")
        return str(row.name)

    def reset(
        self, secret: str, new: str, remote: str, now: dt.datetime, revoke_all: bool = False
    ) -> views.Account:
        """A new password by the link's secret, worth nothing after that. Raises NotAcceptable, NotFound, Busy.

        `revoke_all`: with it go all access tokens and join keys; machines that were attached stay attached.
        """
        require_good(new, self.owner_of(secret, remote, now), "new_password")
        hashed = self._hashing.hash(new[:MAX_PASSWORD])
        with self._stores.database.write():
            proof = self._stores.proofs.live(_PURPOSE, hash_of(secret), now)
            if proof is None or not self._stores.proofs.use(proof):
                raise NotFound("This link has been used already. Ask for another.")
            if revoke_all:
                self._stores.tokens.delete_all_of(proof.account_id)
                self._stores.join_keys.delete_all_of(proof.account_id)
                self._stores.linkings.delete_all_of(proof.account_id)
            self._store(proof.account_id, hashed, now, _REVOKED if revoke_all else _KEPT)
            row = self._stores.accounts.by_id(proof.account_id)
        self._ring("letters")
        assert row is not None, "a proof goes with its account"
        return views.Account(row.id, row.name, row.is_operator)

    def _set(self, account_id: int, new: str, now: dt.datetime) -> None:
        hashed = self._hashing.hash(new)
        with self._stores.database.write():
            self._store(account_id, hashed, now)
        self._ring("letters")

    def _store(self, account_id: int, hashed: str, now: dt.datetime, of_the_rest: str = _KEPT) -> None:
        """With the new password all sessions end, and every link that was on its way."""
        self._stores.accounts.set_password(account_id, hashed, new_session_key())
        # Those for addresses too: whoever knew the old password may have asked for one to his own mailbox.
        self._stores.proofs.delete_of(account_id)
        row = self._stores.accounts.by_id(account_id)
        if row is not None and row.email_verified_at is not None:
            text = (
                f"The password of your account “{row.name}” was changed on {now:%-d %B %Y at %H:%M} UTC, and all other"
                f" sessions were ended. {of_the_rest}\n\nIf it was not you, ask for a new"
                " password at once, and revoke on your account page what is not yours."
            )
            self._letters.mail(account_id, row.email, "Your password was changed", text, now)


class ResetLetters:
    """Writes the letters that were asked for: only now the accounts are looked at, and only now the secret is made."""

    def __init__(self, stores: Stores, public_url: str, grid_name: str) -> None:
        self._stores = stores
        self._public_url = public_url.rstrip("/")
        self._grid_name = grid_name

    def compose(self, letter: Letter, now: dt.datetime) -> Outgoing | None:
        """None when no account has the address: nobody is written to, and nobody is told."""
        with self._stores.database.write():
            row = self._stores.accounts.with_email(letter.address)
            if row is None:
                return None
            secret = new_secret("daigreset")
            self._stores.proofs.add(row.id, _PURPOSE, hash_of(secret), row.email, now + RESET_LASTS, now)
        text = (
            f"Somebody, hopefully you, asked for a new password for the account “{row.name}” on {self._grid_name}.\n\n"
            f"Choose one here within an hour:\n\n{self._public_url}/reset/{secret}\n\n"
            "If it was not you, do nothing: your password stays as it is."
        )
        return Outgoing(letter.id, row.email, f"A new password for {self._grid_name}", text)
