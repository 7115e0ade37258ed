"""A grid and a trainer without network and child process, and a clock that only waiting moves."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.app_at_home import Place
from volunteer.agent import fetching
from volunteer.agent.app import App
from volunteer.agent.patience import Patience
from volunteer.agent.tools import Tools
from volunteer.protocol.messages import (
    Attached,
    BlobRef,
    DeviceCode,
    HeartbeatReply,
    HostNumbers,
    Lease,
    Machine,
    NoWork,
    ReportReply,
    ShardRef,
    Verdict,
)
from volunteer.spool.blobs import BlobCache
from volunteer.spool.gradients import GradientSpool
from volunteer.trainer.job import Computed, Job, Outcome
from volunteer.trainer.reins import Reins


class FakeClock:
    """Waiting takes no time and is written down. `on_wait` may end a test's loop."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []
        self.on_wait: Callable[[float], None] = lambda _seconds: None

    def wait(self, event: threading.Event, seconds: float) -> bool:
        if threading.current_thread().name == "heartbeats":
            # Beats are called by hand in these tests.
            event.wait(5)
            return True
        if event.is_set():
            return True
        self.waits.append(seconds)
        self.now += seconds
        self.on_wait(seconds)
        return event.is_set()

    def patience(self) -> Patience:
        return Patience(lambda: self.now, lambda: 0.5, self.wait)


class FakeGrid:
    """Answers from lists: an exception is raised, a function is called, anything else is returned."""

    def __init__(self) -> None:
        self.script: dict[str, list] = {}
        self.calls: list[tuple] = []
        self.blobs: dict[str, bytes] = {}
        self.defaults = {
            "attach": Attached("1", "token", "grid"),
            "device": DeviceCode("the-device-code", "BCDF-GHJK", "http://g/device", "http://g/device?code=B", 900, 5),
            "device_token": Attached("1", "token", "grid"),
            "numbers": HostNumbers("steady", "owner", 3, 12, 12),
            "detach_self": None,
            "work": NoWork(1.0, "nothing"),
            "heartbeat": HeartbeatReply(True, 60.0),
            "report": ReportReply(Verdict.valid),
            "give_back": None,
            "download": None,
        }

    def use_token(self, token: str) -> None:
        self.calls.append(("use_token", token))

    def attach(self, request):
        return self._answer("attach", request)

    def device(self, request):
        return self._answer("device", request)

    def device_token(self, device_code):
        return self._answer("device_token", device_code)

    def numbers(self):
        return self._answer("numbers")

    def detach_self(self, patience=10.0):
        return self._answer("detach_self")

    def work(self, request):
        return self._answer("work", request)

    def download(self, blob, part, go_on) -> None:
        self._answer("download", blob.sha256)
        part.write_bytes(self.blobs[blob.sha256])

    def heartbeat(self, result, done):
        return self._answer("heartbeat", result, done)

    def report(self, result, path, sha256, resume=False):
        return self._answer("report", result, path.read_bytes(), sha256)

    def give_back(self, result, message, patience=10.0):
        return self._answer("give_back", result, message)

    def called(self, name: str) -> list[tuple]:
        return [call[1:] for call in self.calls if call[0] == name]

    def _answer(self, name: str, *details):
        self.calls.append((name, *details))
        answer = self.script[name].pop(0) if self.script.get(name) else self.defaults[name]
        if callable(answer):
            answer = answer(*details)
        if isinstance(answer, Exception):
            raise answer
        return answer


class FakeTrainer:
    """Computes nothing; `outcome` may be a function of (job, reins)."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.killed = 0
        self.suspended = False
        self.isolation: tuple[str, ...] | None = ()
        self.outcome: Callable[[Job, Reins], Outcome] = self.gradient

    @staticmethod
    def gradient(job: Job, _reins: Reins, mini_batches: int | None = None) -> Computed:
        data = f"gradient of {job.label}".encode()
        job.out.write_bytes(data)
        count = mini_batches or len(job.mini_batches)
        return Computed(job.out, hashlib.sha256(data).hexdigest(), count, 8 * count, 0.1)

    def warm_up(self) -> None:
        pass

    def compute(self, job: Job, reins: Reins, progress: Callable[[int], None]) -> Outcome:
        self.jobs.append(job)
        return self.outcome(job, reins)

    def suspend(self) -> None:
        self.suspended = True

    def resume(self) -> None:
        self.suspended = False

    def configure(self, settings) -> None:
        self.settings = settings

    def kill(self) -> None:
        self.killed += 1

    close = kill


class AnyPlan:
    """Stands in for a ProjectPlan that fits every lease of these tests."""

    class layout:
        mini_batches = 1000

        @staticmethod
        def locate(_mini_batch: int):
            return type("Slot", (), {"shard": 0})

    @staticmethod
    def size_of(_role: object) -> int:
        return 0

    @staticmethod
    def decode(_data: bytes) -> "AnyPlan":
        return AnyPlan()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def tools(tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Tools:
    monkeypatch.setattr(fetching, "ProjectPlan", AnyPlan)
    return Tools(
        grid=FakeGrid(),
        trainer=FakeTrainer(),
        blobs=BlobCache(tmp_path / "cache", 2**20),
        gradients=GradientSpool(tmp_path / "gradients", workshop=tmp_path / "work"),
        patience=clock.patience(),
    )


@pytest.fixture
def machine() -> Machine:
    return Machine("Linux", "x86_64", 1, 2**30, "test", 1, 2)


@pytest.fixture
def make_lease(tools: Tools) -> Callable[..., Lease]:
    """A lease whose blobs the fake grid has."""

    def ref(data: bytes) -> BlobRef:
        name = hashlib.sha256(data).hexdigest()
        tools.grid.blobs[name] = data
        return BlobRef(name, len(data))

    def make(number: int = 1, mini_batches: int = 2, **changes) -> Lease:
        fields = {
            "result": f"r{number}",
            "project": "1",
            "round": number,
            "epoch": 0,
            "mini_batches": list(range(mini_batches)),
            "plan": ref(b"plan"),
            "weights": ref(b"weights %d" % number),
            "shards": [ShardRef(0, ref(b"shard"))],
            "deadline_seconds": 60.0,
            "heartbeat_seconds": 5.0,
        }
        return Lease(**{**fields, **changes})

    return make


@pytest.fixture
def place(tmp_path, machine, tools) -> Place:
    return Place(tmp_path / "home", machine, tools)


@pytest.fixture
def running(place) -> Iterator:
    apps = []

    def start(stays: bool = True, **options) -> App:
        app = place.app(**options)
        app.over = 0

        def over() -> None:
            app.over += 1

        app.start(over, stays)
        apps.append(app)
        return app

    yield start
    for app in apps:
        app.wind_up()
        app.close()
