"""Every mini-batch is used exactly once an epoch, whatever hosts, schedulers and clocks do.

Hosts vanish, are late, repeat uploads, deliver a part, give back, send numbers that are not finite, join late; passes
run at random times; processes are killed between blobs and rows and start again; owners pause and resume. Then the
hosts behave, and after a bounded number of steps every project must have finished. What was used is read from the
weights themselves (see tests/support/tiny_training.py), not only from the grid's tables.
"""

import contextlib
import os
import random
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from server.errors import LeadershipLost, NotAllowedNow, ResultEnded, StaleResult
from server.rules.learning_values import LearnerFailed
from server.rules.states import ProjectState
from tests.support.domain_grid import Cast, DomainGrid
from volunteer.protocol.gradients import GradientBlob
from volunteer.protocol.messages import GiveBack, GiveBackReason, Heartbeat, Lease, Verdict
from volunteer.protocol.tensors import load

STORMY_STEPS = 250
CALM_STEPS = 3000


class Killed(BaseException):
    """SIGKILL of the scheduler, as far as its objects can tell."""


@dataclass
class SimulatedHost:
    cast: Cast
    doing: Lease | None = None
    sent: list[tuple[str, bytes, Verdict]] = field(default_factory=list)


class Storm:
    def __init__(self, seed: int, folder: Path) -> None:
        self.random = random.Random(seed)
        self.grid = DomainGrid(folder)
        self.grid.stores.database.rows("PRAGMA synchronous = off")
        self.grid.interrupt = self._maybe_interrupt
        self.grid.learner.before_step = self._maybe_fail
        self.stormy = True
        # Some grids have hosts that fail all the time, some have hosts that only vanish.
        self.failing, self.vanishing = self.random.choice([1, 2, 25]), self.random.choice([2, 8, 25])
        self.splitting = self.random.choice([4, 30])
        self.verdicts: dict[tuple[str, bytes], Verdict] = {}
        self.owners = [self.grid.person(f"owner {n}") for n in range(2)]
        self.projects = [self._project(n) for n in range(self.random.randint(1, 3))]
        self.hosts = [self._host() for _ in range(self.random.randint(1, 4))]

    def _project(self, number: int) -> int:
        batch_size = self.random.choice([1, 3, 4])
        return self.grid.project(
            self.owners[number % 2], examples=self.random.randint(1, 40), batch_size=batch_size,
            k=self.random.choice([1, 2, 5, 50]), epochs=self.random.randint(1, 3), seed=number,
            shard_examples=batch_size * self.random.randint(1, 4),
        )  # fmt: skip

    def _host(self) -> SimulatedHost:
        return SimulatedHost(self.grid.host(self.owners[0], "machine"))

    def _maybe_interrupt(self) -> None:
        if self.stormy and self.random.random() < 0.05:
            raise self.random.choice([Killed, LeadershipLost])

    def _maybe_fail(self) -> None:
        if self.stormy and self.random.random() < 0.05:
            raise LearnerFailed

    @property
    def finished(self) -> bool:
        return all(self.grid.row(project).state is ProjectState.finished for project in self.projects)

    def run(self) -> None:
        for _ in range(STORMY_STEPS):
            self._stormy_step()
        self.stormy = False
        for step in range(CALM_STEPS):
            if self.finished:
                break
            self._calm_step()
            assert step < CALM_STEPS - 1, [self.grid.row(p).state for p in self.projects]
        self.grid.rounds()

    def _stormy_step(self) -> None:
        self.grid.wait(self.random.choice([0.0, 0.1, 1.0, 5.0, 40.0]))
        act = self.random.choices(
            [self._host_acts, self._pass, self._restart, self._owner_acts, self._somebody_joins],
            [60, 30, 2, 2, 0.5],
        )[0]  # fmt: skip
        act()

    def _calm_step(self) -> None:
        """Everybody does what is expected. What needs a person's attention gets it."""
        self.grid.wait(1)
        for project in self.projects:
            if self.grid.row(project).state in (ProjectState.paused, ProjectState.needs_attention):
                self.grid.projects.resume(self.grid.row(project).owner_id, project, self.grid.now)
        for host in self.hosts:
            if host.doing is None:
                self._ask(host)
            else:
                self._send(host, self._honest(host.doing))
        self.grid.transitions()
        self.grid.rounds()

    def _host_acts(self) -> None:
        host = self.random.choice(self.hosts)
        if host.doing is None:
            self.random.choices([self._ask, self._repeat], [6, 2])[0](host)
            return
        act = self.random.choices(
            [self._whole, self._part, self._vanish, self._ask, self._quit, self._fail, self._not_finite,
             self._heartbeat, self._repeat],
            [40, self.splitting, self.vanishing, 3, 5, self.failing, 2, 20, 10],
        )[0]  # fmt: skip
        act(host)

    def _ask(self, host: SimulatedHost) -> None:
        reply = host.cast.ask()
        host.doing = reply if isinstance(reply, Lease) else None

    def _whole(self, host: SimulatedHost) -> None:
        assert host.doing is not None
        self._send(host, self._honest(host.doing))

    def _part(self, host: SimulatedHost) -> None:
        assert host.doing is not None
        size = self.random.randint(1, len(host.doing.mini_batches))
        self._send(host, self.grid.honest(host.doing, size, self._seconds()))

    def _not_finite(self, host: SimulatedHost) -> None:
        assert host.doing is not None
        blob = self._honest(host.doing)
        blob.gradient[self.random.randrange(len(blob.gradient))] = self.random.choice([np.nan, np.inf])
        self._send(host, blob)

    def _vanish(self, host: SimulatedHost) -> None:
        """For a while: what it did not deliver it may still deliver much later, as a repetition does."""
        assert host.doing is not None
        if self.random.random() < 0.5:
            host.sent.append((host.doing.result, self._honest(host.doing).encode(), Verdict.pending))
        host.doing = None

    def _quit(self, host: SimulatedHost) -> None:
        self._give_back(host, GiveBackReason.quitting)

    def _fail(self, host: SimulatedHost) -> None:
        self._give_back(host, self.random.choice([GiveBackReason.failed, GiveBackReason.out_of_memory]))

    def _give_back(self, host: SimulatedHost, reason: GiveBackReason) -> None:
        assert host.doing is not None
        self.grid.reports.give_back(host.cast.row, host.doing.result, GiveBack(reason), self.grid.now)
        host.doing = None

    def _heartbeat(self, host: SimulatedHost) -> None:
        assert host.doing is not None
        reply = self.grid.reports.heartbeat(host.cast.row, host.doing.result, Heartbeat(0), self.grid.now)
        if not reply.go_on and self.random.random() < 0.7:
            host.doing = None

    def _repeat(self, host: SimulatedHost) -> None:
        if host.sent:
            result, data, _ = self.random.choice(host.sent[-self.random.choice([1, 100]) :])
            self._upload(host, result, data)

    def _honest(self, lease: Lease) -> GradientBlob:
        return self.grid.honest(lease, None, self._seconds())

    def _seconds(self) -> float:
        return self.random.choice([0.0, 0.01, 1.0, 20.0])

    def _send(self, host: SimulatedHost, blob: GradientBlob) -> None:
        assert host.doing is not None
        result, host.doing = host.doing.result, None
        self._upload(host, result, blob.encode())

    def _upload(self, host: SimulatedHost, result: str, data: bytes) -> None:
        """What was answered once with a verdict is answered with the same verdict for ever."""
        known = self.verdicts.get((result, data))
        try:
            verdict = host.cast.upload(result, data).verdict
        except (StaleResult, ResultEnded):
            assert known is None, "an upload that was taken is refused when it is repeated"
            return
        assert known in (None, Verdict.pending, verdict), f"{known} has become {verdict}"
        self.verdicts[result, data] = verdict
        host.sent.append((result, data, verdict))

    def _pass(self) -> None:
        grid = self.grid
        work = self.random.choices(
            [grid.validator, grid.assimilator, grid.downtime, grid.transitioner, grid.collector, grid.leader],
            [10, 10, 3, 6, 1, 6],
        )[0]  # fmt: skip
        try:
            work.run_pass(grid.now)
        except Killed:
            self._restart()

    def _restart(self) -> None:
        self.grid.restart()
        self.grid.stores.database.rows("PRAGMA synchronous = off")

    def _owner_acts(self) -> None:
        project = self.random.choice(self.projects)
        owner = self.grid.row(project).owner_id
        act = self.random.choice([self.grid.projects.pause, self.grid.projects.resume, self.grid.projects.resume])
        with contextlib.suppress(NotAllowedNow):
            act(owner, project, self.grid.now)

    def _somebody_joins(self) -> None:
        self.hosts.append(self._host())


SEEDS = [*range(16), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(16, 300))]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_mini_batch_is_used_exactly_once_an_epoch(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody pulls the plug of the machine here; without the wait for the disk there is time for more seeds.
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    storm = Storm(seed, tmp_path / "grid")
    storm.run()
    grid = storm.grid
    assert grid.audit.findings(grid.now) == []
    for project in storm.projects:
        row, plan = grid.row(project), grid.plan(project)
        layout, epochs = plan.layout, row.settings["epochs"]
        examples = [layout.locate(b).count for b in range(layout.mini_batches)]
        checkpoint = grid.stores.checkpoints.latest(project)
        assert checkpoint is not None
        weights = load(grid.stores.blobs.path(checkpoint.weights_sha256))[0]["trainable"]
        np.testing.assert_array_equal(weights, np.array(examples, np.float32) * epochs)
        rounds = grid.stores.rounds.closed(project)
        assert sum(r.examples for r in rounds) == layout.examples * epochs
        assert sum(r.used for r in rounds) == layout.mini_batches * epochs
        assert row.round == len(rounds)
    grid.stores.database.close()
