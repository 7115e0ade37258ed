"""Sign up, log in. Passwords by Argon2id (RFC 9106); tries are throttled."""

import contextlib
import datetime as dt
import re
import threading
import time
from collections.abc import Callable, Iterator

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from server.errors import Busy, NotAcceptable, TooManyTries
from server.rules import views
from server.storage.stores import Stores

MIN_PASSWORD = 10
MAX_PASSWORD = 1000
_NAME = re.compile(r"[\w.\- ]{2,40}")
_WINDOW = dt.timedelta(minutes=15)
_MAX_OF_BOTH = 8
_MAX_OF_ADDRESS = 40
_MAX_SIGN_UPS = 30
_SIGN_UP = "(sign-up)"
"""No account has this name: under it the sign-ups of an address are counted."""

_SLOW_FROM = 8
_LONGEST_PAUSE = 2.0
_HASHINGS = 2
"""At once: each takes 64 MiB and a processor."""
_HASHING_PATIENCE = 3.0


class Accounts:
    def __init__(self, stores: Stores, pause: Callable[[float], None] = time.sleep) -> None:
        self._stores = stores
        self._pause = pause
        self._hashing = threading.BoundedSemaphore(_HASHINGS)
        self._pausing = threading.BoundedSemaphore(4)
        self._hasher = PasswordHasher()
        # Verified where the name is unknown, so that the time taken does not tell which names exist.
        self._decoy = self._hasher.hash("nobody's password")

    def sign_up(self, name: str, password: str, now: dt.datetime, remote: str = "") -> views.Account:
        """Raises NotAcceptable with the field that is wrong, TooManyTries from one address, Busy."""
        name = " ".join(name.split())
        if not _NAME.fullmatch(name):
            raise NotAcceptable("A name has 2 to 40 letters, digits, spaces, dots, dashes or underscores.", "name")
        if len(password) < MIN_PASSWORD:
            raise NotAcceptable(f"The password needs at least {MIN_PASSWORD} characters.", "password")
        if len(password) > MAX_PASSWORD:
            raise NotAcceptable(f"The password may have {MAX_PASSWORD} characters at most.", "password")
        if password.casefold() in (name.casefold(), "password12", "1234567890"):
            raise NotAcceptable("This password would be the first one tried.", "password")
        if self._stores.accounts.named(name) is not None:
            raise NotAcceptable("This name is taken.", "name")
        self._count_sign_up(remote, now)
        with self._hashing_place():
            hashed = self._hasher.hash(password)
        with self._stores.database.write():
            row = self._stores.accounts.add(name, hashed, now)
        return views.Account(row.id, row.name, row.is_operator)

    def log_in(self, name: str, password: str, remote: str, now: dt.datetime) -> views.Account | None:
        """None when name or password is wrong. Raises TooManyTries, Busy.

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
            right = self._matches(row.password_hash if row else self._decoy, password[:MAX_PASSWORD])
        except Busy:
            with database.write():
                accounts.forget_try(this)
            raise
        if not right or row is None:
            return None
        with database.write():
            accounts.forget_tries_of(name, remote)
        if self._hasher.check_needs_rehash(row.password_hash):
            with self._hashing_place():
                hashed = self._hasher.hash(password)
            with database.write():
                accounts.set_password(row.id, hashed)
        return views.Account(row.id, row.name, row.is_operator)

    def by_id(self, account_id: int) -> views.Account | None:
        row = self._stores.accounts.by_id(account_id)
        return None if row is None else views.Account(row.id, row.name, row.is_operator)

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

    @contextlib.contextmanager
    def _hashing_place(self) -> Iterator[None]:
        if not self._hashing.acquire(timeout=_HASHING_PATIENCE):
            raise Busy()
        try:
            yield
        finally:
            self._hashing.release()

    def _matches(self, hashed: str, password: str) -> bool:
        with self._hashing_place():
            try:
                return self._hasher.verify(hashed, password)
            except (Argon2Error, InvalidHashError):
                return False
