"""What this very program is: which system, how it was installed, which key its updates are signed with."""

import platform
import sys
from pathlib import Path

from volunteer.protocol.releases import PUBLIC_KEY, Kind, platform_named
from volunteer.protocol.version import SOFTWARE
from volunteer.update.trust import Installed

_SYSTEMS = {"linux": "linux", "win32": "windows", "darwin": "macos"}


def this_program() -> Installed:
    system = _SYSTEMS.get(sys.platform, sys.platform)
    return Installed(SOFTWARE, platform_named(system, platform.machine()), kind_at(system, Path(sys.executable)))


def kind_at(system: str, executable: Path) -> Kind | None:
    """By what kind of installer a program came to lie there."""
    if system == "linux":
        return Kind.deb if executable.resolve().is_relative_to("/usr") else Kind.tarball
    return {"windows": Kind.exe, "macos": Kind.dmg}.get(system)


def release_key() -> bytes | None:
    """The public key that was put beside the bundled program when it was built; None where there is none."""
    if not getattr(sys, "frozen", False):
        return None
    try:
        return (Path(sys.executable).parent / PUBLIC_KEY).read_bytes()
    except OSError:
        return None
