"""Twenty hosts behind the real server code, in one process: only time, the network and the hosts' lies are played.

Leases, reports, verdicts, opinions, audits, quarantines, averages, steps and checkpoints are the server's own; every
gradient is computed by the engine that volunteers run.
"""

import collections
import contextlib
import heapq
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from server.errors import HostQuarantined, ResultEnded, StaleResult
from server.intake.intake import ChildIntake
from server.learning.evaluating import evaluate
from server.learning.inspecting import inspect
from server.learning.recomputing import Recomputer
from server.learning.stepping import evaluation_result, step
from server.learning.workbench import Workbench
from server.rules.learning_values import (
    EvaluateRequest,
    Evaluation,
    EvaluationResult,
    GradientRequest,
    Inspection,
    InspectRequest,
    ResultRequest,
    StepReport,
    StepRequest,
)
from server.rules.states import ProjectState
from server.rules.validation_policy import ValidationPolicy
from server.storage.tables import Project
from tests.experiments.lies import HONEST_NOISE, LIES, STALE_ROUNDS, Task, as_it_is, with_noise
from tests.support.domain_grid import Cast, DomainGrid
from volunteer.plan.project_plan import Weights
from volunteer.protocol.digests import sha256_of
from volunteer.protocol.gradients import GradientBlob
from volunteer.protocol.messages import Lease
from volunteer.protocol.tensors import load
from volunteer.training.gradients import Engine, MiniBatch
from volunteer.training.unit_data import read_mini_batches

TICK = 0.25
RETRY = 1.0
COLLECT_EVERY = 60.0
LONGEST = 200_000.0


class LearnerHere:
    """The learner without its process."""

    def __init__(self) -> None:
        self._workbench = Workbench()
        self._recomputer = Recomputer()

    def inspect(self, request: InspectRequest) -> Inspection:
        return inspect(request)

    def step(self, request: StepRequest) -> StepReport:
        return step(self._workbench, request)

    def gradient(self, request: GradientRequest) -> None:
        self._recomputer.gradient(request)

    recompute = gradient

    def evaluate(self, request: EvaluateRequest) -> Evaluation:
        return evaluate(self._workbench, request)

    def evaluation_result(self, plan: str, sums: list[float], examples: int) -> EvaluationResult:
        return evaluation_result(self._workbench, ResultRequest(plan=plan, sums=sums, examples=examples))


class Player:
    """One machine: honest, or with a lie. `pace`: seconds that a mini-batch takes it; `level`: of its noise."""

    def __init__(self, cast: Cast, lie: str, secret: int, rng: np.random.Generator) -> None:
        self.cast = cast
        self.lie = lie
        self.secret = secret
        self.pace = float(rng.uniform(1.0, 1.5))
        self.level = float(np.exp(rng.uniform(*np.log(HONEST_NOISE))))
        self.lease: Lease | None = None
        self.done_at = 0.0


class Simulation:
    def __init__(self, folder: Path, policy: ValidationPolicy, seed: int) -> None:
        self.grid = DomainGrid(folder, policy)
        # What is drawn by the grid's secret is drawn alike in every run.
        self.grid.stores.facts.set("check_secret", sha256_of([str(seed).encode()]))
        self.grid.learner = LearnerHere()  # type: ignore[assignment]
        self.grid.intake = ChildIntake(folder / "intake")  # type: ignore[assignment]
        self.grid.restart()
        self._rng = np.random.default_rng(seed)
        self._weights: collections.OrderedDict[int, Weights] = collections.OrderedDict()
        self._engine: Engine
        self._frozen: Any = None
        self.players: list[Player] = []

    def people(self, lies: list[str]) -> None:
        """A host of its own account for each lie; "" is an honest one. Liars of one kind agree in pairs."""
        seen: collections.Counter[str] = collections.Counter()
        for number, lie in enumerate(lies):
            cast = self.grid.host(self.grid.person(f"lender {number}"), f"machine {number}")
            self.players.append(Player(cast, lie, seen[lie] // 2, self._rng))
            seen[lie] += 1

    def begin(self, project: int) -> None:
        self.project = project
        row = self.grid.row(project)
        self._engine = Engine(self.grid.plan(project))
        self._frozen = load(self.grid.stores.blobs.path(row.frozen_sha256))[0]["frozen"]
        shards = self.grid.stores.projects.shards(project)
        self._shards = {shard.number: self.grid.stores.blobs.path(shard.sha256) for shard in shards}

    def run(self, each_round: Callable[[int], None]) -> None:
        """Until the project runs no more. Hosts without work ask again after RETRY seconds."""
        start, ticked, collected, seen = self.grid.now, 0.0, 0.0, -1
        heap = [(float(self._rng.uniform(0, 5)), number) for number in range(len(self.players))]
        heapq.heapify(heap)
        while heap[0][0] < LONGEST:
            at, number = heapq.heappop(heap)
            self.grid.wait(max(0.0, at - (self.grid.now - start).total_seconds()))
            player = self.players[number]
            if player.lease is not None and at >= player.done_at:
                self._deliver(player, player.lease)
                player.lease = None
            if at - ticked >= TICK:
                ticked = at
                row = self._tick()
                if row.state is not ProjectState.running:
                    break
                if row.round != seen:
                    seen = row.round
                    each_round(seen)
            if at - collected >= COLLECT_EVERY:
                collected = at
                self.grid.collector.run_pass(self.grid.now)
            heapq.heappush(heap, (self._next(player, at), number))
        self._finish()

    def _next(self, player: Player, at: float) -> float:
        """When it is this machine's turn again: at its next heartbeat, when its unit is done, or to ask again."""
        if player.lease is not None and not player.cast.heartbeat(player.lease.result):
            # Its round has closed, or another was first.
            player.lease = None
        if player.lease is None:
            try:
                reply = player.cast.ask()
            except HostQuarantined:
                return LONGEST
            if not isinstance(reply, Lease):
                return at + RETRY
            player.lease = reply
            player.done_at = at + player.pace * len(reply.mini_batches) * float(self._rng.uniform(0.9, 1.1))
        return min(at + player.lease.heartbeat_seconds, player.done_at)

    def _tick(self) -> Project:
        """The scheduler's duties, as often as it wakes for them."""
        self.grid.leader.run_pass(self.grid.now)
        self.grid.rounds()
        self.grid.seeking.run_pass(self.grid.now)
        if self.grid.auditor.run_pass(self.grid.now):
            self.grid.rounds()
        self.grid.transitions()
        return self.grid.row(self.project)

    def _finish(self) -> None:
        """What is still under way, for the verdicts; then the last weights are measured."""
        for _ in range(5):
            self.grid.wait(61)
            self._tick()
        while self.grid.evaluator.run_pass(self.grid.now):
            pass

    def _deliver(self, player: Player, lease: Lease) -> None:
        blob = with_noise(self._computed(player, lease), player.level, (player.cast.id, int(lease.result)))
        with contextlib.suppress(StaleResult, ResultEnded):
            player.cast.upload(lease.result, blob)

    def _computed(self, player: Player, lease: Lease) -> GradientBlob:
        seconds = player.pace * len(lease.mini_batches)

        def compute(rounds_ago: int, change: Callable[[MiniBatch], MiniBatch]) -> GradientBlob:
            return self._gradient(lease, rounds_ago, change, seconds)

        if not player.lie:
            return compute(0, as_it_is)
        return LIES[player.lie](Task(compute, tuple(lease.mini_batches), player.cast.id, player.secret))

    def _gradient(
        self, lease: Lease, rounds_ago: int, change: Callable[[MiniBatch], MiniBatch], seconds: float
    ) -> GradientBlob:
        if lease.round not in self._weights:
            tensors = load(self.grid.stores.blobs.path(lease.weights.sha256))[0]
            self._weights[lease.round] = Weights(tensors["trainable"], tensors["moving"])
            while len(self._weights) > 4 * STALE_ROUNDS:
                self._weights.popitem(last=False)
        old = max((r for r in self._weights if r <= lease.round - rounds_ago), default=min(self._weights))
        self._engine.begin(self._weights[old], self._frozen, lease.epoch)
        read = read_mini_batches(self._engine.plan, lease.epoch, lease.mini_batches, self._shards)
        self._engine.add([change(mini_batch) for mini_batch in read])
        sums = self._engine.sums()
        return GradientBlob(sums.gradient, sums.moving, sums.sums, sums.mini_batches, sums.examples, seconds)
