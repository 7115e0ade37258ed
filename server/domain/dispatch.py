"""Gives a host that asks for work a lease, and says by hash which blobs it needs."""

import datetime as dt
import threading
import time

from server.domain.awake import Awake, is_trusted, policy_for
from server.domain.checks import Offer
from server.domain.hosts import require_new_enough
from server.domain.plans import Plans
from server.domain.work_generator import Asker, WorkGenerator
from server.errors import AccountBlocked, HostQuarantined, UnknownToken
from server.rules import deadlines, sharing, sizing
from server.rules.host_troubles import ASKED_ANEW
from server.rules.second_opinions import Giver
from server.rules.states import ProjectState, ResultState
from server.rules.validation_policy import BELIEVES_ALL, ValidationPolicy
from server.storage.checks import Standing
from server.storage.stores import Stores
from server.storage.tables import Host, Project, Unit
from volunteer.protocol.messages import BlobRef, Lease, NoWork, ShardRef, WorkRequest

RETRY_SECONDS = 2.0
_FORGET_EVERY = dt.timedelta(seconds=60)
_MAX_FORGET = 500
_POLL_SECONDS = 0.005
_NOTE_EVERY_SECONDS = 10.0


class Dispatch:
    def __init__(self, stores: Stores, plans: Plans, policy: ValidationPolicy = BELIEVES_ALL) -> None:
        self._stores = stores
        self._plans = plans
        self._policy = policy
        self._generator = WorkGenerator(stores, plans, policy)
        self._forgetting: dict[int, tuple[dt.datetime, int]] = {}
        self._lock = threading.Lock()

    def ask(self, host: Host, request: WorkRequest, now: dt.datetime) -> Lease | NoWork:
        """A lease, or why there is none. Raises HostTooOld, AccountBlocked, HostQuarantined, UnknownToken."""
        require_new_enough(request.machine)
        forget = self._to_forget(host, request, now)
        with self._stores.database.write():
            # Here too: it may have been blocked, found wrong too often or detached while its host waited for work.
            standing = self._stores.checks.standing(host.id)
            _require_welcome(standing)
            self._note(host, request, now)
            self._let_go_of_earlier_leases(host, now)
            projects, awake = self._in_turn(now), Awake(self._stores, self._policy, now)
            reason = "No project needs work now." if not projects else "All that is needed now is being computed."
            for project in projects:
                if request.machine.memory < project.memory_needed:
                    reason = "The projects that need work need more memory than this host has."
                    continue
                asker = Asker(host, self._giver(host, standing, project), frozenset(request.held))
                offer = self._generator.unit_for(asker, project, len(projects) > 1, awake, now)
                if offer is not None:
                    return self._lease(asker, project, offer, forget, now)
            late = self._late_check(host, request, standing, awake, now)
            if late is not None:
                return self._lease(*late, forget, now)
        return NoWork(RETRY_SECONDS, reason, forget)

    def worth_asking(self) -> bool:
        """Whether a running project's round is open or a check is wanted: looked up without a lock, before all who
        wait ask again."""
        return self._stores.rounds.any_open() or self._stores.checks.anything_sought()

    def changes(self) -> int:
        """A number that grows when another thread or process has committed something: read it before you ask."""
        return self._stores.database.change_counter()

    def wait_for_change(self, seen: int, seconds: float) -> bool:
        """Sleep until `changes` is no longer `seen`, at most that long; whether it has changed."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.changes() != seen:
                return True
            time.sleep(_POLL_SECONDS)
        return False

    def _note(self, host: Host, request: WorkRequest, now: dt.datetime) -> None:
        """Remember when the host was last seen and what it is; seldom, for every commit wakes all hosts that wait."""
        seen = host.last_seen_at
        if seen is None or (now - seen).total_seconds() > _NOTE_EVERY_SECONDS or request.machine.memory != host.memory:
            self._stores.hosts.describe(host.id, request.machine, now)
            host.last_seen_at, host.memory = now, request.machine.memory

    def _in_turn(self, now: dt.datetime) -> list[Project]:
        """Running projects, whose turn it is first."""
        running = {project.id: project for project in self._stores.projects.in_state(ProjectState.running)}
        if len(running) < 2:
            return list(running.values())
        # Not since they run: who pauses and resumes must not begin anew at nothing.
        together_since = max(project.created_at for project in running.values())
        base = max(together_since, now - sharing.WINDOW)
        spent = self._stores.work.host_seconds(base, now, list(running))
        shares = [sharing.Share(p.owner_id, p.id, spent[p.id]) for p in running.values()]
        return [running[number] for number in sharing.order_of_projects(shares)]

    def _let_go_of_earlier_leases(self, host: Host, now: dt.datetime) -> None:
        """A host computes one unit at a time: when it asks again, what it held before is lost (it may still come)."""
        for result in self._stores.work.leased_to(host.id):
            self._stores.work.move(result, ResultState.lost, ended_at=now, sentence=ASKED_ANEW)

    def _giver(self, host: Host, standing: Standing, project: Project) -> Giver:
        policy = policy_for(self._policy, project)
        trusted = is_trusted(policy, standing.trust, standing.account_trust, standing.is_referee)
        return Giver(host.id, host.account_id, trusted, standing.is_referee, host.numeric_class)

    def _late_check(
        self, host: Host, request: WorkRequest, standing: Standing, awake: Awake, now: dt.datetime
    ) -> tuple[Asker, Project, Offer] | None:
        """An opinion on what a project counted before it was finished: only hosts with nothing else to do give it."""
        for number in self._stores.checks.projects_sought():
            project = self._stores.projects.by_id(number)
            if project.state is not ProjectState.finished or request.machine.memory < project.memory_needed:
                continue
            asker = Asker(host, self._giver(host, standing, project), frozenset(request.held))
            offer = self._generator.check_for(asker.giver, project, awake, now)
            if offer is not None:
                return asker, project, offer
        return None

    def _lease(self, asker: Asker, project: Project, offer: Offer, forget: list[str], now: dt.datetime) -> Lease:
        host, unit = asker.host, offer.unit
        settings = project.settings
        expected = sizing.expected_seconds(host.speed, project.operations, unit.size)
        checkpoint = self._stores.checkpoints.get(project.id, unit.round)
        assert checkpoint is not None, "an open round has a checkpoint: one transaction writes both"
        download = sizing.download_seconds(checkpoint.weights_size + project.frozen_size)
        lease = deadlines.lease_seconds(expected, settings["report_deadline"], download)
        heartbeat = deadlines.heartbeat_seconds(expected)
        plan = BlobRef(project.plan_sha256, project.plan_size)
        weights = BlobRef(checkpoint.weights_sha256, checkpoint.weights_size)
        frozen = BlobRef(project.frozen_sha256, project.frozen_size) if project.frozen_sha256 else None
        shards = self._shards_for(project, unit)
        blobs = {blob.sha256: blob.size for blob in (plan, weights, frozen, *(s.blob for s in shards)) if blob}
        result = self._stores.work.lease(
            unit, host.id, now, now + dt.timedelta(seconds=lease), heartbeat,
            now + dt.timedelta(seconds=deadlines.silence_seconds(heartbeat)),
            bytes_down=sum(size for sha256, size in blobs.items() if sha256 not in asker.held),
            purpose=offer.purpose, unproven=not asker.giver.trusted,
        )  # fmt: skip
        return Lease(
            result=str(result.id), project=str(project.id), round=unit.round, epoch=unit.epoch,
            mini_batches=list(unit.mini_batches), plan=plan, weights=weights, frozen_weights=frozen, shards=shards,
            deadline_seconds=lease, heartbeat_seconds=result.heartbeat_seconds, forget=forget,
        )  # fmt: skip

    def _shards_for(self, project: Project, unit: Unit) -> list[ShardRef]:
        layout = self._plans.of(project.plan_sha256).layout
        needed = {layout.locate(mini_batch).shard for mini_batch in unit.mini_batches}
        shards = self._stores.projects.shards(project.id)
        return [ShardRef(s.number, BlobRef(s.sha256, s.size)) for s in shards if s.number in needed]

    def _to_forget(self, host: Host, request: WorkRequest, now: dt.datetime) -> list[str]:
        """Blobs that the host holds and no project names any more: some of them each minute, all of them in turn."""
        with self._lock:
            last, place = self._forgetting.get(host.id, (None, 0))
            if not request.held or (last is not None and now - last < _FORGET_EVERY):
                return []
            place = place if place < len(request.held) else 0
            self._forgetting[host.id] = (now, place + _MAX_FORGET)
        return self._stores.references.unused(request.held[place : place + _MAX_FORGET])


def _require_welcome(standing: Standing) -> None:
    if standing.is_blocked:
        raise AccountBlocked()
    if standing.is_detached:
        raise UnknownToken()
    if standing.quarantine is not None:
        raise HostQuarantined(standing.quarantine)
