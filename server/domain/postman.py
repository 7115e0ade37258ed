"""The pass that sends letters, outside of transactions: each at least once, in the ordinary case exactly once."""

import datetime as dt
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from server.domain.ports import Post
from server.errors import NotDelivered
from server.rules.letters import MOST_TRIES, WEBHOOK, Outgoing, pause_after
from server.storage.account_tables import Letter
from server.storage.stores import Stores

_LOG = logging.getLogger(__name__)
_AT_ONCE = 8
"""Side by side, so that a webhook that lets us wait does not hold up the letters of others."""
_KEPT = dt.timedelta(days=30)
_TIDY_EVERY = dt.timedelta(hours=1)

Compose = Callable[[Letter, dt.datetime], Outgoing | None]
"""Writes the text of a letter that holds a secret; None when there is nobody to send it to."""


class Postman:
    def __init__(self, stores: Stores, posts: Mapping[str, Post], composers: Mapping[str, Compose]) -> None:
        """`posts`: by channel; a channel without one is not served here, and its letters wait."""
        self._stores = stores
        self._posts = posts
        self._composers = composers
        self._tidied: dt.datetime | None = None

    def run_pass(self, now: dt.datetime) -> int:
        """How many letters were tried."""
        self._tidy(now)
        due = self._stores.letters.due(list(self._posts), now, _AT_ONCE)
        claimed = [letter for letter in due if self._claim(letter, now)]
        if not claimed:
            return 0
        written = [(letter, self._write(letter, now)) for letter in claimed]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            # The threads know no database: only what to send, and how it went.
            outcomes = list(pool.map(lambda pair: self._send(*pair), written))
        for letter, trouble in zip(claimed, outcomes, strict=True):
            self._record(letter, trouble, now)
        return len(claimed)

    def _tidy(self, now: dt.datetime) -> None:
        if self._tidied is None or now - self._tidied >= _TIDY_EVERY:
            self._tidied = now
            with self._stores.database.write():
                self._stores.letters.delete_old(now - _KEPT)
                self._stores.proofs.delete_old(now)

    def _claim(self, letter: Letter, now: dt.datetime) -> bool:
        with self._stores.database.write():
            return self._stores.letters.claim(letter, now + pause_after(letter.tries + 1))

    def _write(self, letter: Letter, now: dt.datetime) -> Outgoing | None:
        compose = self._composers.get(letter.channel)
        if compose is not None:
            return compose(letter, now)
        secret = ""
        if letter.channel == WEBHOOK:
            # Read now: the person may have made a new one since.
            account = self._stores.accounts.by_id(letter.account_id or 0)
            secret = account.webhook_secret if account is not None else ""
        return Outgoing(letter.id, letter.address, letter.subject, letter.body, secret)

    def _send(self, letter: Letter, outgoing: Outgoing | None) -> NotDelivered | None:
        if outgoing is None:
            return None
        try:
            self._posts[letter.channel].send(outgoing)
        except NotDelivered as trouble:
            return trouble
        except Exception as error:
            _LOG.exception("letter %d could not be sent", letter.id)
            return NotDelivered(f"It could not be sent: {type(error).__name__}.")
        return None

    def _record(self, letter: Letter, trouble: NotDelivered | None, now: dt.datetime) -> None:
        letters = self._stores.letters
        with self._stores.database.write():
            if trouble is None:
                letters.sent(letter.id, now)
            elif trouble.for_good or letter.tries + 1 >= MOST_TRIES:
                _LOG.warning("letter %d is given up: %s", letter.id, trouble.sentence)
                letters.given_up(letter.id, trouble.sentence, now)
            else:
                letters.failed(letter.id, trouble.sentence)
