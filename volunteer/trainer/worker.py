"""In the child process: takes jobs, says how far it is, leaves gradient files."""

import collections
import contextlib
import queue
import sys
import time
from typing import TYPE_CHECKING, Any

from volunteer.children.entry import Channel
from volunteer.plan.project_plan import ProjectPlan
from volunteer.trainer.deaths import failure_of_error
from volunteer.trainer.job import Job, Kind
from volunteer.trainer.reins import Wish

if TYPE_CHECKING:
    from volunteer.training.gradients import Engine
    from volunteer.training.pace import Pace

# A stop is obeyed after the running chunk, so a chunk is short.
CHUNK_SECONDS = 0.25
ENGINES_KEPT = 2


class Worker:
    """Takes the parent's messages: settings first, then jobs and wishes, in whatever order they come."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._jobs: collections.deque[tuple[int, Job]] = collections.deque()
        self._wishes: dict[int, Wish] = {}
        self._ended = 0
        self._engines: collections.OrderedDict[str, tuple[Engine, Pace]] = collections.OrderedDict()
        self._threads: int | None = None
        self._rest = 0.0
        self._slept = 0.0

    def run(self) -> None:
        """For ever; the process ends when the parent closes the channel."""
        while True:
            while not self._jobs:
                self._take(self._channel.requests.get())
            number, job = self._jobs.popleft()
            try:
                answer = self._compute(number, job)
            except Exception as error:
                failure = failure_of_error(error)
                answer = {"kind": Kind.failed, "reason": failure.reason, "detail": failure.detail}
                print(f"{type(error).__name__}: {error}", file=sys.stderr)
            self._ended = number
            self._wishes.pop(number, None)
            self._channel.send({"job": number, **answer})

    def _take(self, message: dict[str, Any]) -> None:
        if "settings" in message:
            self._threads = message["settings"]["threads"]
            self._rest = 100 / message["settings"]["cpu_percent"] - 1
            # The import takes seconds; meanwhile the parent downloads. If it fails, the first job says so.
            with contextlib.suppress(Exception):
                import volunteer.training.gradients  # noqa: F401
        elif "slept" in message:
            self._slept += message["slept"]
        elif "wish" in message:
            if message["job"] > self._ended:
                self._wishes[message["job"]] = Wish(message["wish"])
        else:
            self._jobs.append((message["job"], Job.from_frame(message["compute"])))

    def _wish(self, number: int) -> Wish:
        self._take_all()
        return self._wishes.get(number, Wish.go_on)

    def _awake(self) -> float:
        """A clock that stood still while the parent had this process suspended: the parent says how long that was."""
        self._take_all()
        return time.perf_counter() - self._slept

    def _take_all(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._take(self._channel.requests.get_nowait())

    def _compute(self, number: int, job: Job) -> dict[str, Any]:
        from volunteer.trainer.unit import read_start, run_chunks, write_gradient
        from volunteer.training.unit_data import read_mini_batches

        engine, pace = self._engine(job)
        started = self._awake()
        engine.begin(*read_start(engine.plan, job), job.epoch)

        def progress(done: int, seconds: float) -> None:
            self._channel.send({"job": number, "kind": Kind.progress, "done": done})
            self._pause(number, seconds * self._rest)

        batches = read_mini_batches(engine.plan, job.epoch, job.mini_batches, job.shards)
        total = len(job.mini_batches)
        done = run_chunks(engine, batches, total, pace, lambda: self._wish(number), progress, self._awake)
        if done == 0 or self._wish(number) is Wish.drop:
            return {"kind": Kind.nothing}
        return {"kind": Kind.computed, **write_gradient(engine, job.out, started, self._awake)}

    def _pause(self, number: int, seconds: float) -> None:
        """Rest, unless somebody wants this job to end."""
        until = time.monotonic() + seconds
        while self._wish(number) is Wish.go_on and (left := until - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                self._take(self._channel.requests.get(timeout=left))

    def _engine(self, job: Job) -> "tuple[Engine, Pace]":
        from volunteer.training.gradients import Engine
        from volunteer.training.pace import Pace

        found = self._engines.pop(job.plan_sha256, None)
        if found is None:
            while len(self._engines) >= ENGINES_KEPT:
                self._engines.popitem(last=False)
            plan = ProjectPlan.decode(job.plan.read_bytes())
            found = Engine(plan, self._threads), Pace(target_seconds=CHUNK_SECONDS)
        self._engines[job.plan_sha256] = found
        return found
