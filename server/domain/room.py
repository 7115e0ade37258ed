"""How much an account may still put on the disk: its quota, with what its drafts were unpacked to, and what is free."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from server.rules.quotas import UploadBounds, refusal
from server.storage.stores import Stores

CHECKS = "check-*"
"""The folders of a draft where its checks put what they unpacked and converted."""


@dataclass(frozen=True)
class Measured:
    """The disk at one moment: free bytes, those there of each unfinished upload, and the account's converted ones."""

    free: int
    received: Mapping[str, int]
    converted: int


class Room:
    def __init__(self, stores: Stores, bounds: UploadBounds) -> None:
        self._stores = stores
        self._bounds = bounds

    def measure(self, owner_id: int, but: int | None = None) -> Measured:
        """Looks at many files, so never inside of a write transaction. Converted data of draft `but` does not count."""
        drafts = [number for number in self._stores.drafts.numbers_with_files(owner_id) if number != but]
        return Measured(
            shutil.disk_usage(self._stores.folder).free,
            self._stores.partial_uploads.received_of_unfinished(),
            sum(_converted(self._stores.folder / "drafts" / str(number)) for number in drafts),
        )

    def why_not(self, owner_id: int, new: int, measured: Measured, on_disk: int = 0, counted: int = 0) -> str | None:
        """Why `new` bytes cannot be taken; None when they can.

        `on_disk`: so many of the new ones are on the disk already; `counted`: so many bytes of what the account
        holds are the new ones, or go when they come.
        """
        free = measured.free - self._stores.partial_uploads.outstanding_bytes(measured.received) - (new - on_disk)
        return refusal(new, self._held(owner_id, measured) - counted, free, self._bounds)

    def left(self, owner_id: int, measured: Measured) -> int:
        """What is left of the account's quota."""
        return max(0, self._bounds.account_bytes - self._held(owner_id, measured))

    def _held(self, owner_id: int, measured: Measured) -> int:
        stores = self._stores
        uploaded = stores.drafts.uploaded_bytes(owner_id) + stores.partial_uploads.declared_bytes(owner_id)
        return uploaded + measured.converted


def _converted(folder: Path) -> int:
    total = 0
    for check in folder.glob(CHECKS):
        for place, _, names in os.walk(check):
            for name in names:
                try:
                    total += os.stat(os.path.join(place, name)).st_size
                except FileNotFoundError:
                    continue
    return total
