"""`attach` and `detach`: by the running app, or where none runs by this very program."""

import os
import sys
from datetime import datetime, timedelta

from volunteer.cli.given import Given
from volunteer.config import Settings, read_settings
from volunteer.control.client import NotRunning
from volunteer.control.messages import (
    Activity,
    AttachRequest,
    DetachRequest,
    Link,
    LinkRequest,
    Status,
    StatusRequest,
)
from volunteer.errors import StopAndTell
from volunteer.spool.identity import IdentityFile

_LOOK_SECONDS = 30.0
# The app asks a little longer than the code is good for.
_GRACE = timedelta(seconds=90)


def attach(given: Given) -> None:
    """By a key, by the token that is kept here already, or by a code that a person confirms. Raises StopAndTell."""
    settings = read_settings(given.options, os.environ, sys.stdin.readline)
    try:
        before = given.app.ask(StatusRequest())
    except NotRunning:
        from volunteer.bootstrap import attach_alone

        attach_alone(settings, lambda link: _show(given, link))
        given.say(f"This computer is a host of {settings.server} now. Start the work with: daig-volunteer run")
        return
    # What is not https was confirmed, or reading the settings would have refused it.
    http = not settings.server.startswith("https:")
    fingerprint = settings.fingerprint or None
    if settings.join_key is not None or _known(settings):
        request = AttachRequest(settings.server, settings.join_key, fingerprint, http)
        given.say(given.app.ask(request).sentence)
    else:
        link = given.app.ask(LinkRequest(settings.server, fingerprint, http))
        _show(given, link)
        given.say(_confirmed(given, settings.server, before, link.expires_at).sentence)


def detach(given: Given) -> None:
    """Raises StopAndTell where there is no grid to leave."""
    try:
        given.say(given.app.ask(DetachRequest()).sentence)
    except NotRunning:
        from volunteer.bootstrap import detach_alone

        settings = read_settings(given.options, os.environ, sys.stdin.readline, need_server=False)
        if not settings.server:
            raise StopAndTell("This computer is attached to no grid.") from None
        given.say(detach_alone(settings))


def _known(settings: Settings) -> bool:
    return IdentityFile(settings.folders.config / f"{settings.grid_key}.json").load() is not None


def _show(given: Given, link: Link) -> None:
    until = link.expires_at.astimezone(given.now().tzinfo)
    given.say(f"Open this page, log in, and confirm the code {link.user_code}, before {until:%H:%M}:")
    given.say(f"  {link.verification_uri_complete}")
    given.say("Waiting for you to confirm ... (Ctrl-C ends the waiting)")


def _confirmed(given: Given, server: str, status: Status, expires_at: datetime) -> Status:
    """The status once this machine is a host there. Raises StopAndTell when it never will be."""
    while status.server != server or status.activity in (Activity.not_attached, Activity.needs_attention):
        version = status.version
        status = given.app.ask(StatusRequest(after=version, wait_seconds=_LOOK_SECONDS))
        # A host of another grid goes on working for that one.
        if status.link_trouble:
            raise StopAndTell(status.link_trouble)
        if status.activity is Activity.needs_attention and status.version != version:
            raise StopAndTell(status.sentence)
        if given.now() > expires_at + _GRACE:
            raise StopAndTell("Nobody confirmed the code. Start again for a new one.")
    return status
