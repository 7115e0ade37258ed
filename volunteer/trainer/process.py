"""The parent's end: one warm child process; a unit in, a gradient file out, whatever happens to the child."""

import contextlib
import itertools
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from volunteer.children.child import Child, ChildGone, ChildSilent
from volunteer.children.folder import clear, holds_more
from volunteer.children.limits import Limits
from volunteer.protocol.messages import GiveBackReason
from volunteer.trainer.answers import Nonsense, job_of, read_isolation, read_outcome, read_progress
from volunteer.trainer.deaths import failure_of_death
from volunteer.trainer.job import Failed, Job, Kind, Nothing, Outcome
from volunteer.trainer.reins import Reins, Wish

MODULE = "volunteer.trainer.child"
NICE = 19
TRIES = 2
LOOK_SECONDS = 0.1
# A child that still sits on a dropped unit after this long will not come back.
DRAIN_SECONDS = 60.0
# Past the deadline a child that says nothing gets no more time than this.
LATE_SILENCE_SECONDS = 30.0
# A child that is to use a hundredth of the processor is silent for longer, but not a hundred times.
LONGEST_RESTS = 20.0
# A new child loads TensorFlow first: at the lowest priority, on a busy machine, that takes its time.
STARTING_TIMES = 4.0
MAX_LOG = 2**20
# What it has to say is short; what it says without being asked waits here in memory.
LONGEST_ANSWER = 2**14
SAY_SECONDS = 0.2
# The largest gradient is a tenth of it.
MOST_OF_A_FILE = 2**32
OPEN_FILES = 1024
# A few gradients are all that should lie in its folder; besides them, what libraries keep in a home.
FOLDER_LOOK_SECONDS = 3.0
MOST_IN_FOLDER = 1000
MOST_OF_A_FOLDER = MOST_OF_A_FILE
OVERFULL = "The trainer put more into its folder than it may."
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainerSettings:
    """`memory`: bytes that the child may have for its data; `threads` None: all processors.

    `folder` is the child's own; all that it may read besides is below `readable`. `gpu`: it may use graphics
    processors.
    """

    folder: Path
    memory: int
    threads: int | None = None
    cpu_percent: int = 100
    readable: tuple[Path, ...] = ()
    gpu: bool = False
    module: str = MODULE

    def needs_another_child(self, before: "TrainerSettings") -> bool:
        """TensorFlow takes these once, when it starts; the rest can be told to a child that runs."""
        return replace(self, cpu_percent=before.cpu_percent) != before


class TrainerProcess:
    """`compute` belongs to one thread; everything else may come from any."""

    def __init__(self, settings: TrainerSettings) -> None:
        self._settings = settings
        self._child: Child | None = None
        # What the child was started with and told since.
        self._told = settings
        self._suspended_at: float | None = None
        self._changing = threading.Lock()
        self._has_spoken = False
        self._has_said_its_gaps = False
        self._numbers = itertools.count(1)
        self._sending = threading.Lock()
        self._running: set[int] = set()
        self._closed = False
        self._look_at = 0.0
        self._isolation: tuple[str, ...] | None = None

    @property
    def isolation(self) -> tuple[str, ...] | None:
        """What the child could not shut itself out of, a sentence for each; None before it has been heard."""
        return self._isolation

    @property
    def pid(self) -> int | None:
        """The child's process, when there is one."""
        child = self._child
        return child.pid if child is not None and child.alive else None

    def configure(self, settings: TrainerSettings) -> None:
        """Counts from the next unit on; the one that runs is finished as it was begun."""
        self._settings = settings

    def suspend(self) -> None:
        """Stop the child where it stands: it uses no processor from now on, and its silence is not held against it."""
        with self._changing:
            if self._suspended_at is None:
                self._suspended_at = time.monotonic()
            if self._child is not None:
                self._child.suspend()

    def resume(self) -> None:
        """Let the child go on where it was."""
        with self._changing:
            since, self._suspended_at = self._suspended_at, None
            if self._child is not None and since is not None:
                # A child whose pipe is full takes nothing before it goes on, and a hostile one never.
                saying = threading.Thread(
                    target=self._say_slept, args=(self._child, time.monotonic() - since), daemon=True
                )
                saying.start()
                saying.join(SAY_SECONDS)
                self._child.resume()

    @property
    def suspended(self) -> bool:
        return self._suspended_at is not None

    def warm_up(self) -> None:
        """Have a child that is loading TensorFlow, so that it is ready when the first unit's data are here."""
        # If it cannot live, the first unit will tell.
        with contextlib.suppress(ChildGone):
            self._ready_child()

    def compute(self, job: Job, reins: Reins, progress: Callable[[int], None]) -> Outcome:
        """Compute the unit, or as much of it as the reins allow. A child that dies gets one successor."""
        gone: ChildGone | None = None
        for _ in range(TRIES):
            if not reins.free or self._closed:
                return Nothing()
            try:
                return self._attempt(job, reins, progress)
            except ChildGone as error:
                gone = error
                self.kill()
                _log.warning("%s: the trainer died (exit code %s)", job.label, error.exit_code)
        if not reins.free or self._closed or gone is None:
            return Nothing()
        return failure_of_death(gone)

    def kill(self) -> None:
        """End the child now; the next unit gets a new one."""
        with self._changing:
            child, self._child = self._child, None
            self._running.clear()
        if child is not None:
            child.kill()
            if self._is_overfull():
                clear(self._settings.folder)

    def close(self) -> None:
        """End the child for good."""
        self._closed = True
        self.kill()

    def _attempt(self, job: Job, reins: Reins, progress: Callable[[int], None]) -> Outcome:
        child = self._ready_child()
        number = next(self._numbers)
        self._send(child, {"job": number, "compute": job.to_frame()})
        self._running.add(number)
        reins.listen(lambda wish: self._pass_on(child, number, wish))
        try:
            return self._follow(child, number, job, reins, progress)
        except Nonsense as error:
            _log.warning("%s: the trainer is not believed and is killed: %s", job.label, error)
            self.kill()
            return Failed(GiveBackReason.failed, "The trainer gave an answer that makes no sense.")
        finally:
            reins.listen(None)

    def _follow(self, child: Child, number: int, job: Job, reins: Reins, progress: Callable[[int], None]) -> Outcome:
        sent = heard = time.monotonic()
        while True:
            if self._overfills():
                _log.warning("%s: the trainer is killed: %s", job.label, OVERFULL)
                self.kill()
                return Failed(GiveBackReason.failed, OVERFULL)
            if reins.wish is Wish.drop:
                # The child comes after when its chunk is done; until then the next unit can be fetched.
                return Nothing()
            if reins.overdue:
                self.kill()
                return Nothing()
            try:
                answer = child.receive(LOOK_SECONDS)
            except ChildSilent:
                if self.suspended:
                    sent = heard = time.monotonic()
                    continue
                self._check_drained(number, sent)
                if self._hangs(job, reins, time.monotonic() - heard):
                    _log.warning("%s: the trainer does not answer and is killed", job.label)
                    self.kill()
                    return Failed(GiveBackReason.failed, "The trainer did not answer.")
                continue
            heard = time.monotonic()
            if "isolation" in answer and not self._has_said_its_gaps:
                # Once, before it has seen a stranger's byte: later it might be somebody else who says so.
                self._has_said_its_gaps = True
                self._isolation = read_isolation(answer)
                continue
            self._has_spoken = True
            of = job_of(answer)
            if answer.get("kind") != Kind.progress:
                self._running.discard(of)
            if of == number:
                if answer.get("kind") != Kind.progress:
                    return self._ended(read_outcome(job, answer))
                progress(read_progress(job, answer))

    def _overfills(self) -> bool:
        """Whether there is more in the child's folder than may be; looked at now and then."""
        now = time.monotonic()
        if now < self._look_at:
            return False
        self._look_at = now + FOLDER_LOOK_SECONDS
        return self._is_overfull()

    def _is_overfull(self) -> bool:
        return holds_more(self._settings.folder, MOST_IN_FOLDER, MOST_OF_A_FOLDER)

    def _check_drained(self, number: int, sent: float) -> None:
        if min(self._running, default=number) != number and time.monotonic() - sent > DRAIN_SECONDS:
            raise ChildGone(None, "it did not let go of a dropped unit")

    def _hangs(self, job: Job, reins: Reins, silent: float) -> bool:
        """A slow trainer shows progress now and then, also past the deadline: its gradient may still count."""
        times = min(100 / self._told.cpu_percent, LONGEST_RESTS) * (1.0 if self._has_spoken else STARTING_TIMES)
        return silent > times * (min(job.silence, LATE_SILENCE_SECONDS) if reins.late else job.silence)

    def _ended(self, outcome: Outcome) -> Outcome:
        if isinstance(outcome, Failed) and outcome.reason is GiveBackReason.out_of_memory:
            # What is left of its memory is in pieces.
            self.kill()
        return outcome

    def _pass_on(self, child: Child, number: int, wish: Wish) -> None:
        # A child that is gone needs no telling.
        with contextlib.suppress(ChildGone):
            self._send(child, {"job": number, "wish": int(wish)})

    def _say_slept(self, child: Child, seconds: float) -> None:
        """A gradient says how long it took; the server sizes units by that."""
        # Who was in the middle of a long message when the child was stopped tells it of a unit that begins only now.
        if self._sending.acquire(timeout=SAY_SECONDS):
            try:
                with contextlib.suppress(ChildGone):
                    child.send({"slept": seconds})
            finally:
                self._sending.release()

    def _send(self, child: Child, message: dict[str, Any]) -> None:
        with self._sending:
            child.send(message)

    def _ready_child(self) -> Child:
        settings, child = self._settings, self._child
        if child is not None and (not child.alive or settings.needs_another_child(self._told) or self._is_overfull()):
            self.kill()
            child = None
        if child is None:
            child = self._start(settings)
            self._has_spoken = self._has_said_its_gaps = False
            self._keep(child)
            self._tell(child, settings)
        elif settings != self._told:
            self._tell(child, settings)
        return child

    def _keep(self, child: Child) -> None:
        with self._changing:
            if not self._closed:
                self._child = child
                if self._suspended_at is not None:
                    child.suspend()
                return
        child.kill()
        raise ChildGone(None, "the trainer was closed")

    def _tell(self, child: Child, settings: TrainerSettings) -> None:
        self._told = settings
        self._send(child, {"settings": {"threads": settings.threads, "cpu_percent": settings.cpu_percent}})

    def _start(self, settings: TrainerSettings) -> Child:
        folder = settings.folder
        folder.mkdir(parents=True, exist_ok=True)
        # What one child has left is nothing that its successor is to answer for.
        clear(folder)
        # Beside the child's folder, not in it: what this process writes to is not the child's to choose.
        log = folder.with_name(f"{folder.name}.log")
        if log.exists() and log.stat().st_size > MAX_LOG:
            log.unlink()
        environment = {} if settings.threads is None else {"OPENBLAS_NUM_THREADS": str(settings.threads)}
        if not settings.gpu:
            environment["CUDA_VISIBLE_DEVICES"] = "-1"
        limits = Limits(data=settings.memory, file_bytes=MOST_OF_A_FILE, open_files=OPEN_FILES, nice=NICE)
        box = {"readable": [str(path) for path in settings.readable], "gpu": settings.gpu}
        return Child(settings.module, folder, limits, log, environment, {"box": box}, LONGEST_ANSWER)
