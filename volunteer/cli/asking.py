"""The commands that ask the running app; a pause is also written down for an app that does not run."""

import json
from time import monotonic, sleep

import msgspec

from volunteer.cli.alone import by_app_or_alone
from volunteer.cli.given import Given, reading
from volunteer.control.client import NotRunning
from volunteer.control.messages import (
    CheckForUpdates,
    InstallUpdate,
    PauseRequest,
    QuitRequest,
    ResumeRequest,
    Status,
    StatusRequest,
)
from volunteer.errors import StopAndTell
from volunteer.preferences.pause_ends import after, at, shown
from volunteer.preferences.pausing import PAUSE_FILE, PauseFile, paused
from volunteer.spool.lock import LOCK_FILE, is_free

_END_SECONDS = 8.0
_RESUME_SECONDS = 2.0
_LOOK_SECONDS = 0.05


def status(given: Given) -> None:
    """Raises NotRunning, after the same has been said to a program that asked."""
    try:
        answer = given.app.ask(StatusRequest())
    except NotRunning:
        if given.options["json"]:
            given.say(json.dumps({"running": False}))
        raise
    if given.options["json"]:
        values = msgspec.to_builtins(answer)
        del values["reply"]
        given.say(json.dumps({"running": True, **values}, ensure_ascii=False))
    else:
        given.say("\n".join(lines_of(answer)))


def lines_of(status: Status) -> list[str]:
    """The status for a person at a terminal."""
    lines = [status.sentence]
    lines += [f"  {reason}" for reason in status.reasons if reason not in status.sentence]
    if status.server:
        lines.append(f"Grid: {status.server}" + (f", as {status.host_name}" if status.host_name else ""))
        credit = "" if status.credit is None else f", credit {status.credit}"
        lines.append(f"Today: {status.units_today} {'unit' if status.units_today == 1 else 'units'}{credit}")
    lines += status.missing_protection or []
    if status.update:
        lines.append(f"Version {status.update} is on offer.")
    return lines


def pause(given: Given) -> None:
    """Now, or where the app does not run, from its next start on."""
    length, until_when, now = given.options["length"], given.options["until"], given.now()
    with reading():
        until = after(length, now) if length else at(until_when, now) if until_when else None
    after_unit = bool(given.options["after_unit"])
    end = f" until {shown(until, now)}" if until else ""

    def ask() -> str:
        given.app.ask(PauseRequest(until, after_unit))
        return f"Paused{end} after this unit." if after_unit else f"Paused{end}."

    def write_down() -> str:
        file = PauseFile(given.folders.state / PAUSE_FILE)
        file.save(paused(file.load(), until))
        return f"DAIG is not running; it will be paused{end} when it starts."

    given.say(by_app_or_alone(given, ask, write_down))


def resume(given: Given) -> None:
    """Now, or where the app does not run, from its next start on."""

    def ask() -> str:
        given.app.ask(ResumeRequest())
        answer, end = given.app.ask(StatusRequest()), monotonic() + _RESUME_SECONDS
        while answer.pause_why and monotonic() < end:
            answer = given.app.ask(StatusRequest(after=answer.version, wait_seconds=_RESUME_SECONDS))
        # Not “working again”: there may be other reasons to wait.
        return answer.sentence

    def write_down() -> str:
        PauseFile(given.folders.state / PAUSE_FILE).clear()
        return "DAIG is not running; it will not be paused when it starts."

    given.say(by_app_or_alone(given, ask, write_down))


def leave(given: Given) -> None:
    """Ask the app to quit and wait until it is gone, its lock too. Raises StopAndTell when it stays."""
    last = given.app.ask(StatusRequest())
    given.app.ask(QuitRequest())
    end = given.now().timestamp() + _END_SECONDS
    while given.now().timestamp() < end:
        try:
            last = given.app.ask(StatusRequest(after=last.version, wait_seconds=1.0))
        except NotRunning:
            if is_free(given.folders.state / LOCK_FILE):
                given.say("DAIG has ended.")
                return
            sleep(_LOOK_SECONDS)
    raise StopAndTell("DAIG was told to quit but has not ended yet.")


def check_update(given: Given) -> None:
    """Raises NotRunning: only the app knows the grid and its key."""
    given.say(given.app.ask(CheckForUpdates()).sentence)
    if given.options["install"] and given.app.ask(StatusRequest()).update:
        given.say(given.app.ask(InstallUpdate()).sentence)
