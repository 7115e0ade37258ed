"""Who this host is: its number and secret token for one grid, in a file that only its owner can read."""

import contextlib
import enum
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from volunteer.errors import StopAndTell, is_full
from volunteer.private_files import write_private

_ROOM = 4096


@dataclass(frozen=True)
class Identity:
    """What the server said when this machine was attached."""

    server: str
    host: str
    grid: str
    token: str = field(repr=False)


class Left(enum.StrEnum):
    """How this machine ceased to be a host of a grid."""

    detached = "detached"
    revoked = "revoked"
    """The grid knows its token no more: somebody detached it there."""


class IdentityFile:
    """One file (mode 600) in a folder (mode 700); beside it, where the grid was left, a mark that says so."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Identity | None:
        """None when this machine is not attached. Raises StopAndTell when the file is there but cannot be read."""
        try:
            values = json.loads(self._path.read_text("utf-8"))
            return Identity(**{name: str(values[name]) for name in ("server", "host", "grid", "token")})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StopAndTell(
                f"{self._path} cannot be read ({type(error).__name__}). Delete it and attach this machine again."
            ) from None

    def require_room(self) -> None:
        """Before a join key is used up: raises StopAndTell where a token could not be kept."""
        trial = self._path.with_suffix(".trial")
        try:
            write_private(trial, " " * _ROOM)
            trial.unlink()
        except OSError as error:
            raise self._not_written(error) from None

    def save(self, identity: Identity) -> None:
        """Fsynced before it counts: a join key may be used up, so this token cannot be had twice. It is a host again,
        whatever was before.

        Raises StopAndTell where it cannot be written.
        """
        try:
            write_private(self._path, json.dumps(asdict(identity)))
            self._mark.unlink(missing_ok=True)
        except OSError as error:
            raise self._not_written(error) from None

    def _not_written(self, error: OSError) -> StopAndTell:
        what = "the disk is full" if is_full(error) else error.strerror or type(error).__name__
        return StopAndTell(f"This host's token cannot be kept in {self._path.parent}: {what}. Mend that and try again.")

    @property
    def left(self) -> Left | None:
        """Whether this machine was a host here and is to be none any more, until somebody says otherwise."""
        try:
            said = self._mark.read_text("utf-8").strip()
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            said = ""
        return Left(said) if said in Left.__members__ else Left.detached

    @property
    def is_retired(self) -> bool:
        """Whether this machine was a host of that grid, and is none now."""
        return self.left is not None and not self._path.exists()

    @property
    def _mark(self) -> Path:
        return self._path.with_suffix(".left")

    def retire(self, left: Left = Left.detached) -> None:
        """This machine is that host no more: nothing of the token stays, and that it was one is noted."""
        # Where it cannot be noted, the token still has to go.
        with contextlib.suppress(OSError):
            write_private(self._mark, left)
        self._path.unlink(missing_ok=True)
