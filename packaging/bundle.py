"""Builds the one-folder program into dist/daig-volunteer and says how large it is and how fast it starts.

Run by `make bundle` with the environment's own Python, on the system that the program is for.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import icons

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
FOLDER = DIST / "daig-volunteer"
PROGRAM = FOLDER / ("daig-volunteer.exe" if sys.platform == "win32" else "daig-volunteer")
# What the program looks for beside itself: the grid that it belongs to, the key that its updates are signed with.
JOIN_FILE, RELEASE_KEY = "daig-join.toml", "release-key.pub"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--join", type=Path, help="a join file to lie beside the program")
    parser.add_argument("--release-key", type=Path, help="the public key that this program's updates are signed with")
    given = parser.parse_args()
    started = time.monotonic()
    icons.draw_all(ROOT / "build" / "icons")
    build()
    if sys.platform == "linux":
        strip()
        for library in _libraries():
            # They are loaded, not run.
            library.chmod(0o644)
        # In a package all is root's, and everybody runs it.
        subprocess.run(["chmod", "--recursive", "go+rX", str(FOLDER)], check=True)
    place(given.join, JOIN_FILE)
    place(given.release_key, RELEASE_KEY)
    report(time.monotonic() - started)
    return 0


def build() -> None:
    """PyInstaller's own words go to build/pyinstaller.log; they are shown when it fails."""
    log = ROOT / "build" / "pyinstaller.log"
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--distpath", str(DIST), "--workpath",
               str(ROOT / "build" / "pyinstaller"), str(ROOT / "packaging" / "daig-volunteer.spec")]  # fmt: skip
    print("building dist/daig-volunteer: some minutes the first time ...", flush=True)
    with log.open("wb") as file:
        code = subprocess.run(command, cwd=ROOT, stdout=file, stderr=file, env=bare(), check=False).returncode
    if code != 0:
        sys.exit(f"{log.read_text(errors='replace')[-5000:]}\nPyInstaller failed; all it said is in {log}.")


def strip() -> None:
    """Take the symbols off TensorFlow's and Python's libraries: a quarter of the whole. Some others break by it."""
    libraries = {one: str(one.relative_to(FOLDER)) for one in _libraries()}
    chosen = [str(one) for one, name in libraries.items() if "tensorflow" in name or one.name.startswith("libpython")]
    subprocess.run(["strip", "--strip-unneeded", *chosen], check=True)


def place(source: Path | None, name: str) -> None:
    """Put a file beside the program, or see that none is left from an earlier build."""
    (FOLDER / name).unlink(missing_ok=True)
    if source is not None:
        shutil.copyfile(source, FOLDER / name)
        # Root's in a package, and whoever starts the program reads it.
        (FOLDER / name).chmod(0o644)


def report(seconds: float) -> None:
    files = list(_files())
    size = sum(one.stat().st_size for one in files)
    times = []
    for _ in range(3):
        begun = time.monotonic()
        said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True, env=bare()).stdout
        times.append(time.monotonic() - begun)
    print(f"{said.strip()}: {size / 1e6:.0f} MB in {len(files)} files, starts in {min(times):.2f} s, "
          f"built in {seconds:.0f} s")  # fmt: skip
    for name in (JOIN_FILE, RELEASE_KEY):
        print(f"{name}: {'beside the program' if (FOLDER / name).exists() else 'none'}")


def bare() -> dict[str, str]:
    """Without a display, so that the build is the same on a desktop and in a workflow."""
    return {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}


def _libraries() -> Iterator[Path]:
    return (one for one in _files() if ".so" in one.name)


def _files() -> Iterator[Path]:
    return (one for one in FOLDER.rglob("*") if one.is_file() and not one.is_symlink())


if __name__ == "__main__":
    sys.exit(main())
