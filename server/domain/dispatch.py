"""Gives a host that asks for work a lease, and says by hash which blobs it needs."""

import datetime as dt
import threading
import time

from server.domain.hosts import require_new_enough
from server.domain.plans import Plans
from server.domain.work_generator import WorkGenerator
from server.rules import deadlines, sharing, sizing
from server.rules.states import ProjectState, ResultState
from server.rules.status import ONLINE_SECONDS
from server.storage.stores import Stores
from server.storage.tables import Checkpoint, Host, Project, Result, Unit
from volunteer.protocol.messages import BlobRef, Lease, NoWork, ShardRef, WorkRequest

RETRY_SECONDS = 2.0
_FORGET_EVERY_SECONDS = 60.0
_MAX_FORGET = 500
_POLL_SECONDS = 0.01


class Dispatch:
    def __init__(self, stores: Stores, plans: Plans) -> None:
        self._stores = stores
        self._plans = plans
        self._generator = WorkGenerator(stores, plans)
        self._asked_to_forget: dict[int, float] = {}
        self._lock = threading.Lock()

    def ask(self, host: Host, request: WorkRequest, now: dt.datetime) -> Lease | NoWork:
        """A lease, or why there is none. Raises HostTooOld."""
        require_new_enough(request.machine)
        forget = self._to_forget(host, request)
        with self._stores.database.write():
            self._stores.hosts.describe(host.id, request.machine, now)
            self._let_go_of_earlier_leases(host, now)
            projects = self._in_turn(now)
            reason = "No project needs work now." if not projects else "All that is needed now is being computed."
            for project in projects:
                if request.machine.memory < project.memory_needed:
                    reason = "The projects that need work need more memory than this host has."
                    continue
                alone = not self._others_could(host, project, now)
                unit = self._generator.unit_for(
                    host, project, frozenset(request.held), others_wait=len(projects) > 1, alone=alone, now=now
                )
                if unit is not None:
                    return self._lease(host, project, unit, forget, now)
        return NoWork(RETRY_SECONDS, reason, forget)

    def wait_for_change(self, seconds: float) -> bool:
        """Sleep until another process has committed something, at most that long; whether something has changed."""
        seen = self._stores.database.change_counter()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
            if self._stores.database.change_counter() != seen:
                return True
        return False

    def _in_turn(self, now: dt.datetime) -> list[Project]:
        """Running projects, whose turn it is first."""
        running = {project.id: project for project in self._stores.projects.in_state(ProjectState.running)}
        if len(running) < 2:
            return list(running.values())
        base = max(project.running_since or project.created_at for project in running.values())
        spent = self._stores.work.host_seconds(base, now, list(running))
        shares = [sharing.Share(p.owner_id, p.id, spent[p.id]) for p in running.values()]
        return [running[number] for number in sharing.order_of_projects(shares)]

    def _let_go_of_earlier_leases(self, host: Host, now: dt.datetime) -> None:
        """A host computes one unit at a time: when it asks again, what it held before is lost (it may still come)."""
        for result in self._stores.work.leased_to(host.id):
            self._stores.work.move(
                result, ResultState.lost, ended_at=now, sentence="The host asked for other work instead."
            )

    def _others_could(self, host: Host, project: Project, now: dt.datetime) -> bool:
        awake = self._stores.hosts.awake(now - dt.timedelta(seconds=ONLINE_SECONDS))
        return any(other.id != host.id and other.memory >= project.memory_needed for other in awake)

    def _lease(self, host: Host, project: Project, unit: Unit, forget: list[str], now: dt.datetime) -> Lease:
        settings = project.settings
        expected = sizing.expected_seconds(host.speed, project.operations, unit.size)
        lease = deadlines.lease_seconds(expected, settings["report_deadline"])
        heartbeat = deadlines.heartbeat_seconds(expected)
        result = self._stores.work.lease(
            unit, host.id, now, now + dt.timedelta(seconds=lease), heartbeat,
            now + dt.timedelta(seconds=deadlines.silence_seconds(heartbeat)),
        )  # fmt: skip
        checkpoint = self._stores.checkpoints.get(project.id, unit.round)
        assert checkpoint is not None, "an open round has a checkpoint: one transaction writes both"
        return self._describe(result, project, unit, checkpoint, lease, forget)

    def _describe(
        self, result: Result, project: Project, unit: Unit, checkpoint: Checkpoint, lease: float, forget: list[str]
    ) -> Lease:
        layout = self._plans.of(project.plan_sha256).layout
        needed = {layout.locate(mini_batch).shard for mini_batch in unit.mini_batches}
        shards = [s for s in self._stores.projects.shards(project.id) if s.number in needed]
        frozen = BlobRef(project.frozen_sha256, project.frozen_size) if project.frozen_sha256 else None
        return Lease(
            result=str(result.id), project=str(project.id), round=unit.round, epoch=unit.epoch,
            mini_batches=list(unit.mini_batches), plan=BlobRef(project.plan_sha256, project.plan_size),
            weights=BlobRef(checkpoint.weights_sha256, checkpoint.weights_size), frozen_weights=frozen,
            shards=[ShardRef(s.number, BlobRef(s.sha256, s.size)) for s in shards],
            deadline_seconds=lease, heartbeat_seconds=result.heartbeat_seconds, forget=forget,
        )  # fmt: skip

    def _to_forget(self, host: Host, request: WorkRequest) -> list[str]:
        """Blobs that the host holds and no project names any more; looked up once a minute for each host."""
        clock = time.monotonic()
        with self._lock:
            if not request.held or clock - self._asked_to_forget.get(host.id, -1e9) < _FORGET_EVERY_SECONDS:
                return []
            self._asked_to_forget[host.id] = clock
        return self._stores.references.unused(request.held[:_MAX_FORGET])
