"""Puts the volunteer's program together: the one place that builds concrete things."""

import logging
import secrets
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from volunteer.agent.agent import Agent
from volunteer.agent.attaching import detach, ensure_attached, link
from volunteer.agent.machine import describe, usable_memory
from volunteer.agent.patience import Patience
from volunteer.agent.running import Running
from volunteer.agent.tools import Tools
from volunteer.client.grid import GridClient
from volunteer.config import LEAST_MEMORY_MB, MIB, Settings
from volunteer.control.messages import Link
from volunteer.errors import StopAndTell
from volunteer.preferences.file import keep_settings, load
from volunteer.preferences.preferences import Preferences
from volunteer.protocol.messages import AttachRequest, DeviceCode, DeviceRequest
from volunteer.spool.blobs import BlobCache
from volunteer.spool.gradients import GradientSpool
from volunteer.spool.identity import IdentityFile
from volunteer.spool.lock import HomeLock
from volunteer.trainer.process import TrainerProcess, TrainerSettings


def run_headless(settings: Settings, preferences: Preferences) -> None:
    """Work for the grid until a signal comes. Raises StopAndTell when the person has to do something."""
    lock = HomeLock(settings.folders.state / "lock")
    try:
        _run(settings, preferences)
    finally:
        lock.release()


def _run(settings: Settings, preferences: Preferences) -> None:
    memory = (preferences.memory or 0) * MIB or max(usable_memory() // 2, LEAST_MEMORY_MB * MIB)
    machine = describe(preferences.threads, memory)
    state = settings.folders.state / settings.grid_key
    identity = IdentityFile(settings.folders.config / f"{settings.grid_key}.json")
    cache = settings.folders.cache / settings.grid_key
    work = TrainerSettings(
        state / "work", memory, preferences.threads, preferences.cpu_percent, readable=(cache,), gpu=preferences.gpu
    )
    tools = Tools(
        grid=GridClient(settings.server, settings.fingerprint),
        trainer=TrainerProcess(work),
        blobs=BlobCache(cache, preferences.cache * MIB),
        gradients=GradientSpool(state / "gradients", workshop=state / "work"),
    )
    request = None
    if settings.join_key is not None:
        request = AttachRequest(settings.join_key, settings.name, machine, nonce=secrets.token_hex(16))

    def attach() -> bool:
        return ensure_attached(tools.grid, identity, settings.server, request, tools.patience, tools.stop)

    agent = Agent(tools, machine, attach)
    logging.getLogger(__name__).info(
        "working for %s with %d threads and %d MiB", settings.server, machine.threads, memory // MIB
    )
    try:
        Running(agent, tools.trainer.close).until_stopped()
    except StopAndTell as error:
        if error.code == "unknown_token":
            identity.retire()
        raise


def attach_alone(settings: Settings, show: Callable[[Link], None]) -> None:
    """Become a host of that grid where no app runs: by the key, or by a code that `show` is given. No work is done.

    Waits for a server that is away. Raises StopAndTell when the grid, or the person, refuses.
    """
    lock = HomeLock(settings.folders.state / "lock")
    grid = GridClient(settings.server, settings.fingerprint)
    try:
        preferences = load(settings.folders.config)
        machine = describe(preferences.threads, (preferences.memory or 0) * MIB or usable_memory() // 2)
        file = IdentityFile(settings.folders.config / f"{settings.grid_key}.json")
        patience, stop = Patience(), threading.Event()
        if settings.join_key is not None:
            request = AttachRequest(settings.join_key, settings.name, machine, nonce=secrets.token_hex(16))
            ensure_attached(grid, file, settings.server, request, patience, stop)
        elif file.load() is None:
            link(
                grid,
                file,
                settings.server,
                DeviceRequest(settings.name, machine),
                lambda code: show(_link(code)),
                patience,
                stop,
            )
        http = settings.server.startswith("http:")
        chosen = {"server": settings.server, "fingerprint": settings.fingerprint or None, "insecure_http": http or None}
        keep_settings(settings.folders.config, chosen)
    finally:
        grid.close()
        lock.release()


def detach_alone(settings: Settings) -> str:
    """Be no host any more where no app runs; what there is to say of it. Raises StopAndTell when this is none."""
    lock = HomeLock(settings.folders.state / "lock")
    grid = GridClient(settings.server, settings.fingerprint)
    try:
        file = IdentityFile(settings.folders.config / f"{settings.grid_key}.json")
        if file.load() is None:
            raise StopAndTell("This computer is attached to no grid.")
        if detach(grid, file):
            return f"This computer no longer works for {settings.server}."
        return f"This computer no longer works for {settings.server}, which could not be told: detach it there too."
    finally:
        grid.close()
        lock.release()


def _link(code: DeviceCode) -> Link:
    expires = datetime.now().astimezone() + timedelta(seconds=code.expires_in)
    return Link(code.user_code, code.verification_uri_complete, expires)
