"""How a downloaded installer is put to work, in words for the person and as a command that opens it. Runs nothing."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from volunteer.protocol.releases import Kind, kind_of


@dataclass(frozen=True)
class Instructions:
    """`sentence` says all that is to be done; `opener` starts the system's own installer, which asks once more.

    An empty opener: there is none, the person types the command.
    """

    sentence: str
    opener: tuple[str, ...] = ()


def instructions(path: Path, version: str, desktop: bool) -> Instructions:
    """For the verified installer in that file; `desktop`: somebody sees windows."""
    here = f"Version {version} is downloaded, and its signature is right."
    file = shlex.quote(str(path))
    match kind_of(path.name):
        case Kind.deb:
            opener = ("xdg-open", str(path)) if desktop else ()
            return Instructions(f"{here} Install it with: sudo apt install {file}. Then start DAIG again.", opener)
        case Kind.tarball:
            folder = shlex.quote(str(path.parent))
            script = shlex.quote(str(path.parent / f"daig-volunteer-{version}" / "install.sh"))
            command = f"tar -xzf {file} -C {folder} && {script}"
            return Instructions(f"{here} Install it with: {command}. Then start DAIG again.")
        case Kind.exe:
            return Instructions(f"{here} Its installer is {path}.", (str(path),) if desktop else ())
        case Kind.dmg:
            return Instructions(f"{here} Open {path} and drag DAIG to the applications.", ("open", str(path)))
        case None:
            return Instructions(f"{here} It is in {path}.")
