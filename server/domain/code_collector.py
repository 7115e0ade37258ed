"""The pass that forgets codes that ran out, and from where machines asked for them."""

import datetime as dt

from server.storage.stores import Stores


class CodeCollector:
    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def run_pass(self, now: dt.datetime) -> int:
        """How many codes were forgotten."""
        linkings = self._stores.linkings
        if not linkings.has_dead(now):
            return 0
        with self._stores.database.write():
            return linkings.delete_dead(now)
