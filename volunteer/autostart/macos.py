"""Start at log-in by a LaunchAgent of this person. Written from launchd's documentation, not run here."""

import plistlib
from collections.abc import Sequence
from pathlib import Path

LABEL = "org.daig.volunteer"


class LaunchAgent:
    """`~/Library/LaunchAgents/org.daig.volunteer.plist`; launchd reads it at the next log-in."""

    def __init__(self, command: Sequence[str], home: Path | None = None) -> None:
        self._path = (home or Path.home()) / "Library" / "LaunchAgents" / f"{LABEL}.plist"
        # An app that was quit stays quit until the next log-in: KeepAlive is left out.
        self._entry = plistlib.dumps(
            {"Label": LABEL, "ProgramArguments": list(command), "RunAtLoad": True, "ProcessType": "Background"}
        )

    def follow(self, wanted: bool) -> None:
        if not wanted:
            self._path.unlink(missing_ok=True)
        elif not (self._path.exists() and self._path.read_bytes() == self._entry):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._path.with_suffix(".new")
            temporary.write_bytes(self._entry)
            temporary.replace(self._path)
