"""A host's app whose threads are real, and whose grid and trainer are not."""

import time
from datetime import UTC, date, datetime
from types import SimpleNamespace

from volunteer.agent.app import App
from volunteer.agent.governor import Governor
from volunteer.agent.grids import Grids
from volunteer.agent.numbers import Numbers
from volunteer.agent.patience import Patience
from volunteer.agent.tools import Tools
from volunteer.agent.workshop import GridAddress, Newcomer
from volunteer.control.messages import Activity
from volunteer.errors import StopAndTell
from volunteer.preferences.pausing import PauseFile
from volunteer.spool.blobs import BlobCache
from volunteer.spool.gradients import GradientSpool
from volunteer.spool.identity import Identity, IdentityFile

SERVER = "https://grid.example"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Place:
    """Where one host lives, and what stands in for its network and its processor."""

    def __init__(self, folder, machine, fakes: Tools) -> None:
        self.folder = folder
        self.here = machine
        self.new_grid = type(fakes.grid)
        self.grids: list = []
        self.script: dict[str, list] = {}
        self.trainer = fakes.trainer
        self.remembered: list[GridAddress] = []
        self.forgotten: list[GridAddress] = []
        self.seconds = 0.0
        self.reasons: list[str] = []
        self.bad_preferences = False
        self.adopted = 0

    def grid(self, _address):
        grid = self.new_grid()
        grid.script = self.script
        grid.close = lambda: None
        self.grids.append(grid)
        return grid

    def identity(self, _address) -> IdentityFile:
        return IdentityFile(self.folder / "config" / "grid.json")

    def tools(self, address) -> Tools:
        return Tools(
            self.grid(address), self.trainer, BlobCache(self.folder / "cache", 2**20),
            GradientSpool(self.folder / "gradients", workshop=self.folder / "work"),
        )  # fmt: skip

    def machine(self):
        return self.here

    def adopt(self, _tools, _address) -> None:
        self.adopted += 1

    def read_preferences(self) -> None:
        if self.bad_preferences:
            raise StopAndTell("threads: 0 is out of range.")

    def forget(self, address) -> None:
        self.forgotten.append(address)

    def remember(self, address) -> None:
        self.remembered.append(address)

    def know(self) -> None:
        self.identity(None).save(Identity(SERVER, "1", "grid", "token"))

    def called(self, name: str) -> list:
        return [call for grid in self.grids for call in grid.called(name)]

    def app(self, server: str = SERVER, join_key: str | None = None, fingerprint: str = "") -> App:
        governor = Governor(
            PauseFile(self.folder / "state" / "pause.json"),
            lambda _now: [SimpleNamespace(sentence=one) for one in self.reasons], lambda: NOW,
        )  # fmt: skip
        numbers = Numbers(self.folder / "state" / "numbers.json", lambda: date(2026, 11, 23), lambda: self.seconds)
        address = GridAddress(server, fingerprint) if server else None
        # Only time of its own goes by itself: that of the sessions is real, and short.
        patience = Patience(lambda: self.seconds, wait=lambda event, _seconds: event.wait(0.01))
        grids = Grids(self, numbers, Newcomer(address, "steady", join_key), lambda: NOW, patience)
        return App(grids, governor, numbers, lambda: NOW, "steady")


def seen(app: App, activity: Activity, seconds: float = 5.0):
    until = time.monotonic() + seconds
    status = app.status()
    while status.activity is not activity:
        assert time.monotonic() < until, status
        app.wait_for_change(status.version, 0.05)
        app.tick()
        status = app.status()
    return status


def soon(happened, seconds: float = 5.0) -> None:
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.01)
