"""Sign up, log in. Passwords by Argon2id (RFC 9106); tries are throttled."""

import datetime as dt
import re

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from server.errors import NotAcceptable, TooManyTries
from server.rules import views
from server.storage.stores import Stores

MIN_PASSWORD = 10
MAX_PASSWORD = 1000
_NAME = re.compile(r"[\w.\- ]{2,40}")
_WINDOW = dt.timedelta(minutes=15)
_MAX_OF_NAME = 8
_MAX_OF_ADDRESS = 40


class Accounts:
    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._hasher = PasswordHasher()
        # Verified where the name is unknown, so that the time taken does not tell which names exist.
        self._decoy = self._hasher.hash("nobody's password")

    def sign_up(self, name: str, password: str, now: dt.datetime) -> views.Account:
        """Raises NotAcceptable with the field that is wrong."""
        name = " ".join(name.split())
        if not _NAME.fullmatch(name):
            raise NotAcceptable("A name has 2 to 40 letters, digits, spaces, dots, dashes or underscores.", "name")
        if len(password) < MIN_PASSWORD:
            raise NotAcceptable(f"The password needs at least {MIN_PASSWORD} characters.", "password")
        if len(password) > MAX_PASSWORD:
            raise NotAcceptable(f"The password may have {MAX_PASSWORD} characters at most.", "password")
        if password.casefold() in (name.casefold(), "password12", "1234567890"):
            raise NotAcceptable("This password would be the first one tried.", "password")
        hashed = self._hasher.hash(password)
        with self._stores.database.write():
            row = self._stores.accounts.add(name, hashed, now)
        return views.Account(row.id, row.name, row.is_operator)

    def log_in(self, name: str, password: str, remote: str, now: dt.datetime) -> views.Account | None:
        """None when name or password is wrong. Raises TooManyTries."""
        name = " ".join(name.split())[:60]
        of_name, of_address = self._stores.accounts.failures(name, remote, now - _WINDOW)
        if of_name >= _MAX_OF_NAME or of_address >= _MAX_OF_ADDRESS:
            raise TooManyTries()
        row = self._stores.accounts.named(name)
        if not self._matches(row.password_hash if row else self._decoy, password[:MAX_PASSWORD]) or row is None:
            with self._stores.database.write():
                self._stores.accounts.record_failure(name, remote, now)
                self._stores.accounts.forget_failures(now - 4 * _WINDOW)
            return None
        if self._hasher.check_needs_rehash(row.password_hash):
            with self._stores.database.write():
                self._stores.accounts.set_password(row.id, self._hasher.hash(password))
        return views.Account(row.id, row.name, row.is_operator)

    def by_id(self, account_id: int) -> views.Account | None:
        row = self._stores.accounts.by_id(account_id)
        return None if row is None else views.Account(row.id, row.name, row.is_operator)

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (Argon2Error, InvalidHashError):
            return False
