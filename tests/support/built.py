"""What `make bundle`, `make deb` and `make tarball` build, and bare machines to try it on. Built when it is missing."""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from volunteer.protocol.version import SOFTWARE

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
PROGRAM = DIST / "daig-volunteer" / "daig-volunteer"
INSTALLED = "/usr/lib/daig-volunteer/daig-volunteer"
BUILD_SECONDS = 1500
SUITE = "bookworm"
# Only these reach the program: a machine without Python has no more.
BARE = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


# What only root needs lies where not every shell looks.
WHERE = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"


def bundle() -> Path:
    """The program in dist/daig-volunteer."""
    if not PROGRAM.exists():
        build("packaging/bundle.py")
    return PROGRAM


def deb(version: str = SOFTWARE) -> Path:
    """The package of that version; its program is the same whatever the version says."""
    bundle()
    architecture = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout
    package = DIST / f"daig-volunteer_{version}_{architecture.strip()}.deb"
    if not package.exists() or package.stat().st_mtime < PROGRAM.stat().st_mtime:
        build("packaging/linux/deb.py", "--version", version, "--level", "3")
    return package


def tarball() -> Path:
    """The archive for a person without root."""
    bundle()
    archive = DIST / f"daig-volunteer-{SOFTWARE}-linux-{platform.machine()}.tar.gz"
    if not archive.exists() or archive.stat().st_mtime < PROGRAM.stat().st_mtime:
        build("packaging/linux/tarball.py")
    return archive


def build(script: str, *arguments: str) -> None:
    subprocess.run([sys.executable, script, *arguments], cwd=ROOT, timeout=BUILD_SECONDS, check=True)


def needs_root() -> None:
    """Skips the test where no bare machine can be made."""
    if os.geteuid() != 0 or not all(shutil.which(one, path=WHERE) for one in ("debootstrap", "unshare")):
        pytest.skip("a bare machine needs root, debootstrap and unshare")


class BareMachine:
    """A fresh Debian with nothing but its base and what the package depends on, in a folder.

    Made once by debootstrap and kept where the builds are; each test gets a copy. Not in the folder for temporary
    files, where anybody could lay something under that name, and root unpacks it.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder / "machine"
        kept = DIST / f"bare-{SUITE}.tar"
        if not kept.exists():
            _debootstrap(kept)
        self.root.mkdir(parents=True)
        subprocess.run(["tar", "-xf", str(kept), "-C", str(self.root)], check=True)

    def inside(self, *command: str) -> list[str]:
        """What to start so that `command` runs on that machine: mounts of its own, which go when it ends."""
        script = (
            'set -e; mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"; mount -t tmpfs tmpfs "$0/tmp"; '
            'root=$0; exec chroot "$root" "$@"'
        )
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, str(self.root), *command]

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        outcome = subprocess.run(
            self.inside(*command), capture_output=True, text=True, timeout=300, check=False, env=dict(BARE)
        )
        if check and outcome.returncode != 0:
            raise AssertionError(f"{command}: {outcome.returncode}\n{outcome.stdout}\n{outcome.stderr}")
        return outcome

    def beside(self, pid: int, *command: str) -> subprocess.CompletedProcess[str]:
        """Run `command` where that process of this machine runs, so that each sees the other as on a real one."""
        inside = ["nsenter", f"--target={pid}", "--mount", "--root", "--wd", *command]
        return subprocess.run(inside, capture_output=True, text=True, timeout=300, check=True, env=dict(BARE))

    def lay(self, package: Path) -> str:
        """Put that file on the machine; its path there."""
        target = self.root / "var" / package.name
        target.unlink(missing_ok=True)
        try:
            os.link(package, target)
        except OSError:
            shutil.copy(package, target)
        return f"/var/{package.name}"

    def files(self) -> set[str]:
        """Every path but those that dpkg, apt and its log keep for themselves."""
        own = ("var/lib/dpkg", "var/daig-volunteer", "var/log", "var/cache", "etc/ld.so.cache")
        paths = (str(one.relative_to(self.root)) for one in self.root.rglob("*"))
        return {one for one in paths if not one.startswith(own)}


def _debootstrap(kept: Path) -> None:
    """Without a mirror there is no bare machine: that is no fault of ours."""
    with tempfile.TemporaryDirectory(prefix="daig-debootstrap-") as folder:
        command, environment = ["debootstrap", "--variant=minbase", SUITE, folder], {**os.environ, "PATH": WHERE}
        outcome = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False, env=environment)
        if outcome.returncode != 0:
            pytest.skip(f"debootstrap found no mirror: {outcome.stdout[-300:]}")
        kept.parent.mkdir(exist_ok=True)
        unfinished = kept.with_suffix(".unfinished")
        subprocess.run(["tar", "-cf", str(unfinished), "-C", folder, "."], check=True)
        unfinished.replace(kept)
