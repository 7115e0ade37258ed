"""Blobs that no row names any more are deleted at once, and never one that a row is just about to name.

Equal blobs are one file: a new project may be about to name the very shards that another lets go of. Both sides do it
inside a write transaction, so one of them comes first: who names a blob sees that it is gone, who deletes it that
it is named.
"""

from collections.abc import Iterable

from server.errors import SomebodyElseWasFirst
from server.storage.stores import Stores


def delete_unused(stores: Stores, names: Iterable[str]) -> None:
    """Delete those that no row names.

    After the transaction that let go of them: a kill in between leaves a blob too many, never a row that names none.
    """
    with stores.database.write():
        for sha256 in names:
            if sha256 and not stores.references.is_used(sha256):
                stores.blobs.delete(sha256)


def require_blobs(stores: Stores, names: Iterable[str]) -> None:
    """Inside the transaction that names them. Raises SomebodyElseWasFirst when one was deleted since it was stored."""
    for sha256 in names:
        if not stores.blobs.has(sha256):
            raise SomebodyElseWasFirst(f"The blob {sha256[:12]} was deleted meanwhile.")
