"""Puts the volunteer's program together: the one place that builds concrete things."""

import contextlib
import logging
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from volunteer.agent.app import App
from volunteer.agent.attaching import detach, keep, link
from volunteer.agent.governor import Governor, Reason
from volunteer.agent.grids import Grids
from volunteer.agent.machine import describe, usable_memory
from volunteer.agent.numbers import Numbers
from volunteer.agent.patience import Patience
from volunteer.agent.running import Running
from volunteer.agent.tools import Tools
from volunteer.agent.workshop import GridAddress, Newcomer
from volunteer.autostart.autostart import Autostart, autostart_of
from volunteer.children.programs import command
from volunteer.client.grid import GridClient
from volunteer.client.limits import Limits
from volunteer.config import LEAST_MEMORY_MB, MIB, Settings, is_guarded
from volunteer.control.company import Company, options_of
from volunteer.control.messages import Link
from volunteer.control.processes import DesktopProcesses, start_process
from volunteer.errors import StopAndTell
from volunteer.preferences.file import keep_settings, load
from volunteer.preferences.laws import reasons
from volunteer.preferences.pausing import PAUSE_FILE, PauseFile
from volunteer.preferences.preferences import Preferences
from volunteer.protocol.messages import AttachRequest, DeviceCode, DeviceRequest, Machine
from volunteer.sensors.sensors import of_this_machine
from volunteer.spool.blobs import BlobCache
from volunteer.spool.gradients import GradientSpool
from volunteer.spool.identity import IdentityFile
from volunteer.spool.lock import LOCK_FILE, HomeLock
from volunteer.trainer.process import TrainerProcess, TrainerSettings
from volunteer.update.program import release_key, this_program
from volunteer.update.seen import SeenFile
from volunteer.update.updates import Updates

_log = logging.getLogger(__name__)


def run_app(settings: Settings, preferences: Callable[[], Preferences], desktop: bool) -> None:
    """Work until a signal comes or somebody says quit.

    With a `desktop` what is for the person to do is shown there; without one it ends the program: StopAndTell.
    `preferences` reads them anew.
    """
    lock = HomeLock(settings.folders.state / LOCK_FILE)
    try:
        app = build_app(settings, preferences, desktop)
        seen = DesktopProcesses(options_of(settings.folders)) if desktop else None
        company = Company(app, settings.folders, seen)
        try:
            Running(app).until_stopped(stays=desktop, begun=company.open, ending=company.wind_up)
        finally:
            company.close()
    finally:
        lock.release()


def build_app(settings: Settings, preferences: Callable[[], Preferences], desktop: bool) -> App:
    """The app, not yet started. Somebody who installed it on a desktop has to say go first."""
    # A home of its own is for one start: what happens at log-in is not its business.
    at_login = desktop and settings.folders.home is None
    bench = Workbench(settings, preferences, autostart_of(command("volunteer.cli", "run")) if at_login else None)
    pauses = PauseFile(settings.folders.state / PAUSE_FILE)
    governor = Governor(pauses, bench.why_not, _now)
    address = _address_of(settings) if settings.server else None
    join_key = settings.join_key
    if settings.key_beside_program and address is not None and bench.identity(address).left:
        # It was left on purpose. Only the person brings it back, by a key or a link of now.
        join_key = None
    if bench.knows(address):
        bench.follow_login()
    elif desktop and (join_key is None or not (address is None or address.agreed)):
        governor.not_started()
    numbers = Numbers(settings.folders.state / "numbers.json", date.today, time.monotonic)
    grids = Grids(bench, numbers, Newcomer(address, settings.name, join_key), _now)
    updates = Updates(
        lambda: None if grids.address is None else bench.grid(grids.address), this_program(), release_key(),
        settings.folders.cache / "updates", SeenFile(settings.folders.state / "updates.json"),
        _open if desktop else None,
    )  # fmt: skip
    return App(grids, governor, numbers, _now, settings.name, updates)


def _open(opener: Sequence[str]) -> None:
    """Start the system's own installer, which asks the person once more."""
    start_process(opener)


class Workbench:
    """Builds what a session needs. See `volunteer.agent.workshop.Workshop`."""

    def __init__(
        self, settings: Settings, preferences: Callable[[], Preferences], autostart: Autostart | None = None
    ) -> None:
        """`autostart`: where the start at log-in follows the preference; None: nowhere."""
        self._settings = settings
        self._autostart = autostart
        self._read = preferences
        self._preferences = preferences()
        self._sensors = of_this_machine(settings.folders.cache, settings.folders.state)
        self._limits = Limits()
        self._limit()

    def grid(self, address: GridAddress) -> GridClient:
        return GridClient(address.server, address.fingerprint, self._limits)

    def identity(self, address: GridAddress) -> IdentityFile:
        return IdentityFile(self._settings.folders.config / f"{self._key(address)}.json")

    def knows(self, address: GridAddress | None) -> bool:
        """Whether this machine is a host of that grid, or was made one so badly that the person has to look."""
        try:
            return address is not None and address.agreed and self.identity(address).load() is not None
        except StopAndTell:
            return True

    def tools(self, address: GridAddress) -> Tools:
        state = self._settings.folders.state / self._key(address)
        trainer = self._trainer_settings(address)
        machine = self.machine()
        _log.info("working for %s with %d threads and %d MiB", address.server, machine.threads, machine.memory // MIB)
        return Tools(
            grid=self.grid(address),
            trainer=TrainerProcess(trainer),
            blobs=BlobCache(self._cache(address), self._preferences.cache * MIB),
            gradients=GradientSpool(state / "gradients", workshop=trainer.folder),
        )

    def machine(self) -> Machine:
        return describe(self._preferences.threads, self._memory())

    def adopt(self, tools: Tools, address: GridAddress) -> None:
        tools.trainer.configure(self._trainer_settings(address))
        tools.blobs.keep_below(self._preferences.cache * MIB)

    def forget(self, address: GridAddress) -> None:
        for folder in (self._cache(address), self._settings.folders.state / self._key(address)):
            # What does not go now takes room, no more.
            shutil.rmtree(folder, ignore_errors=True)

    def read_preferences(self) -> None:
        self._preferences = self._read()
        self._limit()
        self.follow_login()

    def follow_login(self) -> None:
        """Have the app started at log-in, or not. Nobody asks for this before the person has linked this machine."""
        if self._autostart is not None:
            try:
                self._autostart.follow(self._preferences.start_at_login)
            except OSError as error:
                _log.warning("the start at log-in cannot be changed: %s", error)

    def remember(self, address: GridAddress) -> None:
        keep_settings(
            self._settings.folders.config,
            {
                "server": address.server,
                "fingerprint": address.fingerprint or None,
                # Said of a network, not of this machine: to itself, or by https, nobody has agreed to anything.
                "insecure_http": (address.insecure_http and not is_guarded(address.server)) or None,
            },
        )
        self.follow_login()

    def why_not(self, now: datetime) -> Sequence[Reason]:
        """Why the preferences keep this machine from working at that instant."""
        return reasons(self._preferences, self._sensors.read(self._preferences), now)

    def _limit(self) -> None:
        self._limits.set(self._preferences.download_limit, self._preferences.upload_limit)

    def _key(self, address: GridAddress) -> str:
        return replace(self._settings, server=address.server).grid_key

    def _memory(self) -> int:
        own = self._preferences.memory
        return max(usable_memory() // 2, LEAST_MEMORY_MB * MIB) if own is None else own * MIB

    def _cache(self, address: GridAddress) -> Path:
        return self._settings.folders.cache / self._key(address)

    def _trainer_settings(self, address: GridAddress) -> TrainerSettings:
        wish = self._preferences
        return TrainerSettings(
            self._settings.folders.state / self._key(address) / "work",
            self._memory(),
            wish.threads,
            wish.cpu_percent,
            readable=(self._cache(address),),
            gpu=wish.gpu,
        )


def _now() -> datetime:
    return datetime.now().astimezone()


def attach_alone(settings: Settings, show: Callable[[Link], None]) -> None:
    """Become a host of that grid where no app runs: by the key, or by codes that `show` is given. No work is done.

    Raises StopAndTell when the grid, or the person, refuses; RetryLater when the grid does not answer.
    """
    with _alone(settings) as (bench, address, grid):
        file = bench.identity(address)
        if file.load() is None and settings.join_key is not None:
            request = AttachRequest(settings.join_key, settings.name, bench.machine(), nonce=secrets.token_hex(16))
            file.require_room()
            keep(file, address.server, grid.attach(request))
        elif file.load() is None:
            newcomer = DeviceRequest(settings.name, bench.machine())
            never = threading.Event()
            link(grid, file, address.server, newcomer, lambda code: show(_link(code)), Patience(), never)
        bench.remember(address)


def detach_alone(settings: Settings) -> str:
    """Be no host any more where no app runs; what there is to say of it. Raises StopAndTell when this is none."""
    with _alone(settings) as (bench, address, grid):
        file = bench.identity(address)
        if file.load() is None:
            raise StopAndTell("This computer is attached to no grid.")
        told = detach(grid, file)
        bench.forget(address)
        if told:
            return f"This computer no longer works for {address.server}."
        return f"This computer no longer works for {address.server}, which could not be told: detach it there too."


@contextlib.contextmanager
def _alone(settings: Settings) -> Iterator[tuple[Workbench, GridAddress, GridClient]]:
    """What it takes to speak with that grid, while no app can start in this home."""
    lock = HomeLock(settings.folders.state / LOCK_FILE)
    try:
        bench = Workbench(settings, lambda: load(settings.folders.config))
        address = _address_of(settings)
        with contextlib.closing(bench.grid(address)) as grid:
            yield bench, address, grid
    finally:
        lock.release()


def _address_of(settings: Settings) -> GridAddress:
    return GridAddress(settings.server, settings.fingerprint, settings.insecure_http)


def _link(code: DeviceCode) -> Link:
    expires = datetime.now().astimezone() + timedelta(seconds=code.expires_in)
    return Link(code.user_code, code.verification_uri_complete, expires)
