"""The pass that lets go of drafts that nobody came back to, and of files of those that have become projects."""

import datetime as dt
import shutil

from server.domain.drafts import folder_of
from server.storage.stores import Stores

KEPT_DAYS = 30
"""How long a draft waits for its requestor."""


class DraftCollector:
    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def run_pass(self, now: dt.datetime) -> int:
        """How many drafts lost their files."""
        return self._untouched(now) + self._spent()

    def _untouched(self, now: dt.datetime) -> int:
        with self._stores.database.write():
            numbers = self._stores.drafts.delete_untouched(now - dt.timedelta(days=KEPT_DAYS))
        for number in numbers:
            shutil.rmtree(folder_of(self._stores, number), ignore_errors=True)
        return len(numbers)

    def _spent(self) -> int:
        """A project that was cancelled while it was prepared, or whose preparation was killed at its very end."""
        root = self._stores.folder / "drafts"
        spent = [path for path in (root.iterdir() if root.exists() else ()) if self._stores.drafts.is_spent(path.name)]
        for folder in spent:
            with self._stores.database.write():
                self._stores.drafts.drop_uploads(int(folder.name))
            shutil.rmtree(folder, ignore_errors=True)
        return len(spent)
