"""The pass that lets go of uploads that nobody went on with, and of their files."""

import contextlib
import datetime as dt

from server.domain.uploads import KEPT
from server.storage.stores import Stores

YOUNG_SECONDS = 3600.0


class UploadCollector:
    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def run_pass(self, now: dt.datetime) -> int:
        """How many uploads and files were dropped."""
        return self._expired(now) + self._nobodys()

    def _expired(self, now: dt.datetime) -> int:
        """Also those whose file a draft has taken, or that lost it."""
        partial = self._stores.partial_uploads
        dropped = 0
        for row in partial.every():
            quiet = partial.quiet_seconds(row.name)
            # One that takes days is being written to all the time.
            if (row.touched_at + KEPT <= now or quiet == float("inf")) and quiet > YOUNG_SECONDS:
                with self._stores.database.write():
                    dropped += partial.forget(row.owner_id, row.name)
                partial.path(row.name).unlink(missing_ok=True)
        return dropped

    def _nobodys(self) -> int:
        partial = self._stores.partial_uploads
        dropped = 0
        for path in partial.folder.iterdir():
            if partial.quiet_seconds(path.name) > YOUNG_SECONDS and not partial.is_known(path.name):
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()
                    dropped += 1
        return dropped
