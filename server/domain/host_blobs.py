"""Which blobs a host may download: those that a current lease of its own names, and no others."""

import datetime as dt
from pathlib import Path

from server.domain.plans import Plans
from server.errors import NoSuchBlob, NotFound
from server.storage.stores import Stores
from server.storage.tables import Host, Project, Unit


class HostBlobs:
    def __init__(self, stores: Stores, plans: Plans) -> None:
        self._stores = stores
        self._plans = plans

    def open_for_host(self, host: Host, sha256: str, now: dt.datetime) -> Path:
        """Where the blob lies. Raises NoSuchBlob, whether it is not there or not for this host."""
        leases = self._stores.work.leases_naming(host.id)
        if not any(sha256 in self._named(unit, project) for _, unit, project in leases):
            raise NoSuchBlob()
        try:
            return self._stores.blobs.path(sha256)
        except NotFound:
            raise NoSuchBlob() from None

    def _named(self, unit: Unit, project: Project) -> set[str]:
        checkpoint = self._stores.checkpoints.get(project.id, unit.round)
        layout = self._plans.of(project.plan_sha256).layout
        shards = {layout.locate(mini_batch).shard for mini_batch in unit.mini_batches}
        names = {s.sha256 for s in self._stores.projects.shards(project.id) if s.number in shards}
        return names | {project.plan_sha256, project.frozen_sha256, checkpoint.weights_sha256 if checkpoint else ""}
