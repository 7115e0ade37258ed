"""Becoming a host: once, by a join key or by a code that the person confirms in a browser (RFC 8628); from then on by
the token that is kept on disk. And being none any more.
"""

import logging
import threading
from collections.abc import Callable

from volunteer.agent.patience import Patience
from volunteer.agent.ports import Grid
from volunteer.errors import RetryLater, StopAndTell, VolunteerError, printable
from volunteer.protocol.messages import Attached, AttachRequest, DeviceCode, DeviceRequest
from volunteer.spool.identity import Identity, IdentityFile

SLOWER_SECONDS = 5.0
"""So much longer we wait from then on when the server finds us too quick: RFC 8628, section 3.5."""

_GRACE_SECONDS = 60.0
_LEAST_INTERVAL, _MOST_INTERVAL = 1.0, 60.0
MOST_CODES = 3
_NOBODY = "Nobody confirmed the code in time. Start again for a new one."

_log = logging.getLogger(__name__)


def ensure_attached(
    grid: Grid,
    file: IdentityFile,
    server: str,
    request: AttachRequest | None,
    patience: Patience,
    stop: threading.Event,
) -> bool:
    """Whether the grid now knows us; False only when `stop` came first. Waits for a server that is away.

    `request` is None when there is no join key. Raises StopAndTell when one is needed, or is refused.
    """
    identity = file.load()
    if identity is None:
        if request is None:
            raise StopAndTell(
                "This machine is not attached to the grid yet: make a join key under “My computers” "
                "and start once with --join-key-file FILE (or - for standard input)."
            )
        known = request
        file.require_room()
        attached = patience.insist(lambda: grid.attach(known), stop, lambda _error, _failures: None)
        if attached is None:
            return False
        identity = keep(file, server, attached)
    grid.use_token(identity.token)
    return True


def link(
    grid: Grid,
    file: IdentityFile,
    server: str,
    request: DeviceRequest,
    show: Callable[[DeviceCode], None],
    patience: Patience,
    stop: threading.Event,
) -> bool:
    """Whether the person has confirmed a code; False only when `stop` came first.

    `show` is given each code: a new one when nobody confirmed the one before in time. Raises StopAndTell when the
    person refused, or did not confirm any of MOST_CODES codes; RetryLater when the grid gives none.
    """
    file.require_room()
    for codes in range(1, MOST_CODES + 1):
        code = grid.device(request)
        show(code)
        try:
            return await_confirmation(grid, file, server, code, patience, stop)
        except StopAndTell as error:
            if error.code != "expired_token" or codes == MOST_CODES:
                raise
            _log.info("nobody confirmed the code in time; asking for a new one")
    return False


def await_confirmation(
    grid: Grid, file: IdentityFile, server: str, code: DeviceCode, patience: Patience, stop: threading.Event
) -> bool:
    """Ask until the person has confirmed; then the token is kept and used. False only when `stop` came first.

    Raises StopAndTell: "access_denied", "expired_token" when nobody confirmed in time, or what else the grid refuses.
    A server that is away is asked again, as long as it may still know the code.
    """
    backoff, interval = patience.backoff(), min(max(float(code.interval), _LEAST_INTERVAL), _MOST_INTERVAL)
    until, delay = patience.clock() + code.expires_in + _GRACE_SECONDS, interval
    while not patience.wait(stop, delay):
        try:
            attached = grid.device_token(code.device_code)
        except RetryLater as error:
            if error.code == "slow_down":
                interval = min(interval + SLOWER_SECONDS, _MOST_INTERVAL)
            known = error.code in ("slow_down", "authorization_pending")
            delay = interval if known else max(interval, backoff.next_delay(error.after))
            if patience.clock() + delay > until:
                raise StopAndTell(_NOBODY, "expired_token") from None
            continue
        except StopAndTell as error:
            if error.code == "expired_token":
                raise StopAndTell(_NOBODY, error.code) from None
            raise
        grid.use_token(keep(file, server, attached).token)
        return True
    return False


def detach(grid: Grid, file: IdentityFile, patience: float = 10.0) -> bool:
    """Be no host any more: the token is put aside at once, whatever the grid says.

    Whether the grid knows; if not, the person can detach the machine under “My computers”.
    """
    identity = file.load()
    if identity is None:
        return True
    grid.use_token(identity.token)
    try:
        grid.detach_self(patience)
        told = True
    except VolunteerError as error:
        # Refused as unknown: then it was detached before.
        told = error.code == "unknown_token"
        _log.log(logging.INFO if told else logging.WARNING, "detaching: %s", error.sentence)
    file.retire()
    return told


def keep(file: IdentityFile, server: str, attached: Attached) -> Identity:
    """From now on this machine is that host."""
    identity = Identity(server, attached.host, attached.grid, attached.token)
    file.save(identity)
    _log.info("attached to %s as host %s", printable(identity.grid) or server, printable(identity.host))
    return identity
