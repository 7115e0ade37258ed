"""Becoming a host: once, by a join key; from then on by the token that is kept on disk."""

import logging
import threading

from volunteer.agent.patience import Patience
from volunteer.agent.ports import Grid
from volunteer.errors import StopAndTell
from volunteer.protocol.messages import AttachRequest
from volunteer.spool.identity import Identity, IdentityFile

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
        attached = patience.insist(lambda: grid.attach(known), stop, lambda _error, _failures: None)
        if attached is None:
            return False
        identity = Identity(server, attached.host, attached.grid, attached.token)
        file.save(identity)
        _log.info("attached to %s as host %s", identity.grid or server, identity.host)
    grid.use_token(identity.token)
    return True
