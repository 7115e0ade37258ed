"""Counts what may be asked for a few times only: reset letters, links, tests of a webhook."""

import datetime as dt

from server.errors import TooManyTries
from server.storage.stores import Stores

WINDOW = dt.timedelta(minutes=15)


class Throttle:
    """Counts in the table of failed log-ins, under words in parentheses: no account has such a name."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def count(self, what: str, who: str, most: int, now: dt.datetime) -> None:
        """One more of `what` by `who` (an address of the net, or an account's number). Raises TooManyTries.

        Inside or outside of a transaction; what is refused is not counted.
        """
        with self._stores.database.write():
            self.require(what, who, most, now)
            self._stores.accounts.record_try(f"({what})", who, now)

    def require(self, what: str, who: str, most: int, now: dt.datetime) -> None:
        """Counts nothing. Raises TooManyTries when there were so many of late."""
        if self._stores.accounts.failures(f"({what})", who, now - WINDOW).of_both >= most:
            raise TooManyTries()
