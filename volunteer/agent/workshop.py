"""What the app has built for it by `bootstrap` when it turns to a grid, and what is kept of that choice."""

from dataclasses import dataclass
from typing import Protocol

from volunteer.agent.ports import Grid
from volunteer.agent.tools import Tools
from volunteer.config import is_guarded, read_fingerprint, server_address
from volunteer.protocol.messages import Machine
from volunteer.spool.identity import IdentityFile


@dataclass(frozen=True)
class GridAddress:
    """Where a grid is. `fingerprint`: SHA-256 of its certificate, where the person has one to pin; else ""."""

    server: str
    fingerprint: str = ""
    insecure_http: bool = False

    @property
    def agreed(self) -> bool:
        """Whether this machine's secrets may go there: plain http to another one is for the person to agree to."""
        return self.insecure_http or is_guarded(self.server)

    @staticmethod
    def of(server: str, fingerprint: str | None, insecure_http: bool) -> "GridAddress":
        """Raises StopAndTell for an address or a fingerprint without sense, or if the token would go in clear."""
        return GridAddress(server_address(server, insecure_http), read_fingerprint(fingerprint or ""), insecure_http)


@dataclass(frozen=True)
class Newcomer:
    """The grid that was given at the start, and under which name, and by which key, to become its host."""

    address: GridAddress | None
    name: str
    join_key: str | None = None


class Workshop(Protocol):
    """See `volunteer.bootstrap`."""

    def grid(self, address: GridAddress) -> Grid:
        """Connections of their own to that grid, by nobody's name yet."""
        ...

    def identity(self, address: GridAddress) -> IdentityFile: ...
    def forget(self, address: GridAddress) -> None:
        """Delete what was kept for that grid's work. Nothing works for it any more."""
        ...

    def tools(self, address: GridAddress) -> Tools:
        """Everything that a session needs; one at a time for a grid."""
        ...

    def machine(self) -> Machine:
        """This machine with what the preferences lend of it."""
        ...

    def adopt(self, tools: Tools, address: GridAddress) -> None:
        """Have the tools work by the preferences as they are now."""
        ...

    def read_preferences(self) -> None:
        """The file has changed. Raises StopAndTell, and keeps what was, when it cannot be taken."""
        ...

    def remember(self, address: GridAddress) -> None:
        """The grid to work for at the next start too. Raises StopAndTell when it cannot be kept."""
        ...
