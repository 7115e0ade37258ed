"""Sign up, log in, and whose session it is. Tries are throttled."""

import datetime as dt
import re
import secrets
import threading
import time
from collections.abc import Callable

from server.domain.action_log import THE_GRID, ActionLog
from server.domain.hashing import MAX_PASSWORD, Hashing, require_good
from server.domain.secrets import hash_of
from server.errors import AccountBlocked, Busy, NotAcceptable, TooManyTries
from server.rules import views
from server.rules.admission import ANYBODY, Admission
from server.storage.account_tables import Account
from server.storage.stores import Stores

_NAME = re.compile(r"[\w.\- ]{2,40}")
_WINDOW = dt.timedelta(minutes=15)
_MAX_OF_BOTH = 8
_MAX_OF_ADDRESS = 40
_MAX_SIGN_UPS = 30
_SIGN_UP = "(sign-up)"
"""No account has this name: under it the sign-ups of an address are counted."""

_SLOW_FROM = 8
_LONGEST_PAUSE = 2.0

class Accounts:
    def __init__(
        self, stores: Stores, hashing: Hashing, pause: Callable[[float], None] = time.sleep,
        admission: Admission = ANYBODY,
    ) -> None:  # fmt: skip
        self._stores = stores
        self._admission = admission
        self._hashing = hashing
        self._pause = pause
        self._pausing = threading.BoundedSemaphore(4)

    def needs_invitation(self) -> bool:
        """Whether a sign-up needs an operator's invitation. The first one, the operator's own, never does."""
        return self._admission.invitation_only and self._stores.operating.count_accounts() > 0

    def sign_up(
        self, name: str, password: str, now: dt.datetime, remote: str = "", invitation: str = ""
    ) -> views.Account:
        """Raises NotAcceptable with the field that is wrong, TooManyTries from one address, Busy.

        An invitation that is not needed is not used up.
        """
        name = " ".join(name.split())
        if not _NAME.fullmatch(name):
            raise NotAcceptable("A name has 2 to 40 letters, digits, spaces, dots, dashes or underscores.", "name")
        require_good(password, name)
        # Whoever was not invited, or asks for many names, does not learn which are taken; and hashing costs.
        self._count_sign_up(remote, now)
        if self.needs_invitation() and not self._stores.invitations.is_live(hash_of(invitation.strip()), now):
            raise _not_invited(invitation)
        if name.casefold() == THE_GRID or self._stores.accounts.named(name) is not None:
            raise NotAcceptable("This name is taken.", "name")
        hashed = self._hashing.hash(password)
        with self._stores.database.write():
            needed = self.needs_invitation()
            row = self._stores.accounts.add(name, hashed, now)
            if needed:
                self._use(invitation, row, now)
        return _view(row)

    def log_in(self, name: str, password: str, remote: str, now: dt.datetime) -> views.Account | None:
        """None when name or password is wrong. Raises TooManyTries, Busy, and AccountBlocked to its owner only.

        Too many tries of one name from one address are refused there; tries of one name from many addresses only make
        all of them slower, so that nobody can lock another person out.
        """
        name = " ".join(name.split())[:60]
        accounts, database = self._stores.accounts, self._stores.database
        with database.write():
            # Counted before it is verified: else as many as come at once would all be let through.
            failures = accounts.failures(name, remote, now - _WINDOW)
            if failures.of_both >= _MAX_OF_BOTH or failures.of_address >= _MAX_OF_ADDRESS:
                raise TooManyTries()
            this = accounts.record_try(name, remote, now)
            accounts.forget_failures(now - 4 * _WINDOW)
        self._slow_down(failures.of_name)
        row = accounts.named(name)
        try:
            right = self._hashing.matches(row.password_hash if row else None, password[:MAX_PASSWORD])
        except Busy:
            with database.write():
                accounts.forget_try(this)
            raise
        if not right or row is None:
            return None
        with database.write():
            accounts.forget_tries_of(name, remote)
        if row.blocked_at is not None:
            raise AccountBlocked()
        if self._hashing.is_outdated(row.password_hash):
            hashed = self._hashing.hash(password)
            with database.write():
                accounts.set_password(row.id, hashed)
        return _view(row)

    def by_id(self, account_id: int) -> views.Account | None:
        row = self._stores.accounts.by_id(account_id)
        return None if row is None else _view(row)

    def session_key(self, account_id: int) -> str:
        """What a session of this account must hold: it changes with the password."""
        row = self._stores.accounts.by_id(account_id)
        return "" if row is None else row.session_key

    def of_session(self, account_id: int, session_key: str) -> views.Account | None:
        """The account of a session, unless it has ended: by a new password, by a deletion, or blocked."""
        row = self._stores.accounts.by_id(account_id)
        if row is None or row.deleted_at is not None or row.blocked_at is not None:
            return None
        return _view(row) if secrets.compare_digest(row.session_key, session_key) else None

    def _use(self, invitation: str, row: Account, now: dt.datetime) -> None:
        """In the transaction that adds the account: one use makes one."""
        used = self._stores.invitations.use(hash_of(invitation.strip()), now)
        if used is None:
            raise _not_invited(invitation)
        what = f"by the invitation “{used.label}” of {used.inviter}"
        ActionLog(self._stores).note(row.id, "signed up", f"{row.name} ({row.id})", what, now)

    def _count_sign_up(self, remote: str, now: dt.datetime) -> None:
        with self._stores.database.write():
            failures = self._stores.accounts.failures(_SIGN_UP, remote, now - _WINDOW)
            if failures.of_both >= _MAX_SIGN_UPS:
                raise TooManyTries()
            self._stores.accounts.record_try(_SIGN_UP, remote, now)

    def _slow_down(self, failures: int) -> None:
        """Waiting holds a thread, so a few wait; the others are slowed by the hashing itself."""
        if failures >= _SLOW_FROM and self._pausing.acquire(blocking=False):
            try:
                self._pause(min(0.1 * (failures - _SLOW_FROM + 1), _LONGEST_PAUSE))
            finally:
                self._pausing.release()


def _view(row: Account) -> views.Account:
    return views.Account(row.id, row.name, row.is_operator)


def _not_invited(invitation: str) -> NotAcceptable:
    why = "This invitation is unknown, used up or out of date." if invitation else "Ask its operator for an invitation."
    return NotAcceptable(f"This grid is by invitation only. {why}", "invitation")
