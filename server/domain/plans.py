"""The projects' plans, read once a process: what is to be computed, where each mini-batch lies, an epoch's order."""

import functools

import numpy as np
from numpy.typing import NDArray

from server.storage.blobs import BlobFolder
from volunteer.plan.order import epoch_order
from volunteer.plan.project_plan import ProjectPlan

_PLANS = 64


class Plans:
    def __init__(self, blobs: BlobFolder) -> None:
        self._blobs = blobs
        self._read = functools.lru_cache(maxsize=_PLANS)(self._read_blob)

    def of(self, plan_sha256: str) -> ProjectPlan:
        return self._read(plan_sha256)

    def _read_blob(self, plan_sha256: str) -> ProjectPlan:
        return ProjectPlan.decode(self._blobs.path(plan_sha256).read_bytes())


@functools.lru_cache(maxsize=_PLANS)
def order_of(seed: int, epoch: int, mini_batches: int) -> NDArray[np.int64]:
    """The epoch's order: place -> mini-batch. Kept, for every lease looks at it."""
    order = epoch_order(seed, epoch, mini_batches)
    order.setflags(write=False)
    return order


@functools.lru_cache(maxsize=_PLANS)
def places_of(seed: int, epoch: int, mini_batches: int) -> NDArray[np.int64]:
    """The other way round: mini-batch -> place."""
    places = np.argsort(order_of(seed, epoch, mini_batches), kind="stable")
    places.setflags(write=False)
    return places
