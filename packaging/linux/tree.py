"""What the Debian package and the tarball have in common: the built folder, the version, files put into a tree."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DIST = ROOT / "dist"
BUNDLE = DIST / "daig-volunteer"
# Folders in a package are for everybody, also when whoever builds keeps theirs private.
os.umask(0o022)


def need_bundle() -> None:
    if not (BUNDLE / "daig-volunteer").exists():
        sys.exit("There is no dist/daig-volunteer: run `make bundle` first.")


def software() -> str:
    """The version in volunteer/protocol/version.py."""
    text = (ROOT / "volunteer" / "protocol" / "version.py").read_text("utf-8")
    found = re.search(r'^SOFTWARE = "([^"]+)"', text, re.MULTILINE)
    if found is None:
        sys.exit("volunteer/protocol/version.py says no version.")
    return found.group(1)


def epoch() -> int:
    """The instant that goes into a package: the last commit's, so that the same source gives the same package."""
    if "SOURCE_DATE_EPOCH" in os.environ:
        return int(os.environ["SOURCE_DATE_EPOCH"])
    said = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False)
    return int(said.stdout) if said.returncode == 0 else int(time.time())


def link_bundle(target: Path) -> None:
    """By hard links: the bundle is large, and packers only read it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "--recursive", "--link", "--no-dereference", str(BUNDLE), str(target)], check=True)


def put_icons(hicolor: Path) -> None:
    put(ROOT / "server/web/static/logo.svg", hicolor / "scalable/apps/daig-volunteer.svg")
    for size in (48, 128, 256):
        drawn = ROOT / "build/icons" / f"daig-volunteer-{size}.png"
        put(drawn, hicolor / f"{size}x{size}/apps/daig-volunteer.png")


def put(source: Path, target: Path, mode: int = 0o644) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)


def write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "utf-8")
    target.chmod(0o644)
