"""Puts the volunteer's program together: the one place that builds concrete things."""

import logging
import secrets

from volunteer.agent.agent import Agent
from volunteer.agent.attaching import ensure_attached
from volunteer.agent.machine import describe, usable_memory
from volunteer.agent.running import Running
from volunteer.agent.tools import Tools
from volunteer.client.grid import GridClient
from volunteer.config import LEAST_MEMORY_MB, MIB, Settings
from volunteer.errors import StopAndTell
from volunteer.preferences.preferences import Preferences
from volunteer.protocol.messages import AttachRequest
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
    tools = Tools(
        grid=GridClient(settings.server, settings.fingerprint),
        trainer=TrainerProcess(TrainerSettings(state / "work", memory, preferences.threads, preferences.cpu_percent)),
        blobs=BlobCache(settings.folders.cache / settings.grid_key, preferences.cache * MIB),
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
