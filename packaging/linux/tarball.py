"""Makes dist/daig-volunteer-VERSION-linux-ARCHITECTURE.tar.gz from the built folder, with its install script.

Run by `make tarball` after `make bundle`. It needs nothing on the other machine but tar, gzip and a shell.
"""

import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

import tree

# gzip's; the last few percent would take minutes.
LEVEL = "-6"


def main() -> int:
    tree.need_bundle()
    started = time.monotonic()
    name = f"daig-volunteer-{tree.software()}"
    work = tree.ROOT / "build" / "tarball"
    shutil.rmtree(work, ignore_errors=True)
    top = work / name
    top.mkdir(parents=True)
    tree.link_bundle(top / "daig-volunteer")
    for script in ("install.sh", "uninstall.sh"):
        tree.put(tree.HERE / script, top / script, 0o755)
    tree.put(tree.HERE / "daig-volunteer.desktop", top / "share/daig-volunteer.desktop")
    tree.put(tree.HERE / "daig-volunteer.user.service", top / "share/daig-volunteer.service")
    tree.put(tree.ROOT / "LICENSE", top / "LICENSE")
    tree.put_icons(top / "share/icons/hicolor")
    archive = tree.DIST / f"{name}-linux-{platform.machine()}.tar.gz"
    pack(work, name, archive)
    size = archive.stat().st_size / 1e6
    print(f"{archive.relative_to(tree.ROOT)}: {size:.0f} MB, {time.monotonic() - started:.0f} s")
    return 0


def pack(work: Path, name: str, archive: Path) -> None:
    """The same folder gives the same bytes."""
    command = ["tar", "--create", "--directory", str(work), "--sort=name", "--owner=0", "--group=0", "--numeric-owner",
               f"--mtime=@{tree.epoch()}", "--hard-dereference", name]  # fmt: skip
    unfinished = archive.with_suffix(".unfinished")
    with unfinished.open("wb") as file, subprocess.Popen(command, stdout=subprocess.PIPE) as tar:
        subprocess.run(["gzip", "--no-name", LEVEL], stdin=tar.stdout, stdout=file, check=True)
    if tar.returncode != 0:
        sys.exit("tar failed.")
    unfinished.replace(archive)


if __name__ == "__main__":
    sys.exit(main())
