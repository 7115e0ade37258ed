"""A desktop of its own: an X server without a screen, a session bus, a panel; pictures of it, and its tray's menus."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import pytest

from tests.support.grid import wait_for

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "test-output" / "volunteer"
BOARD = "Xvfb", "dbus-daemon", "xdotool", "import"

_CLIENT = (
    "import sys; from pathlib import Path; from volunteer.config import Folders;"
    "from volunteer.control.client import ControlClient;"
    "folders = Folders.below(Path({home!r})); client = ControlClient(folders)"
)


def require(*programs: str) -> None:
    """Skips on a laptop without them; fails where the tests must be complete."""
    missing = [one for one in programs if shutil.which(one) is None]
    if missing:
        required = os.environ.get("DAIG_REQUIRE_DESKTOP")
        (pytest.fail if required else pytest.skip)(f"not installed: {', '.join(missing)}")


def require_gtk() -> None:
    """What GTK's icons need, beside the programs."""
    try:
        import gi

        for library, version in (("Gtk", "3.0"), ("AyatanaAppIndicator3", "0.1")):
            gi.require_version(library, version)
    except (ImportError, ValueError) as error:
        (pytest.fail if os.environ.get("DAIG_REQUIRE_DESKTOP") else pytest.skip)(f"not installed: {error}")


class Desktop:
    """Use as a context manager. `environment` is what its programs get; `home` is where they keep things."""

    def __init__(self, folder: Path, size: str = "1280x800", dpi: int = 96) -> None:
        require(*BOARD)
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self._opened = folder / "opened"
        self._processes: list[subprocess.Popen[bytes]] = []
        read, write = os.pipe()
        screen = ["-screen", "0", f"{size}x24", "-nolisten", "tcp", "-noreset", "-dpi", str(dpi)]
        self.start(["Xvfb", "-displayfd", str(write), *screen], pass_fds=(write,), environment=dict(os.environ))
        os.close(write)
        with os.fdopen(read) as stream:
            self.display = f":{stream.readline().strip()}"
        self._paint()
        self.environment = self._environment()
        address = folder / "bus"
        self.start(["dbus-daemon", "--session", "--nofork", "--print-address=1"], output=address)
        wait_for(lambda: address.read_text().strip(), 10)
        self.bus = address.read_text().strip()
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = self.bus

    def start(
        self,
        command: Sequence[str],
        output: Path | None = None,
        environment: dict[str, str] | None = None,
        pass_fds: tuple[int, ...] = (),
    ) -> subprocess.Popen[bytes]:
        """A program of this desktop; it ends with it. What it says stands in `output`."""
        path = output or self.folder / f"{Path(command[0]).name}-{len(self._processes)}.log"
        with path.open("wb") as log, (self.folder / "errors.log").open("ab") as errors:
            process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=errors, pass_fds=pass_fds,
                env=self.environment if environment is None else environment,
            )  # fmt: skip
        self._processes.append(process)
        return process

    def python(self, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        """This source tree's Python on this desktop."""
        return self.start([sys.executable, *arguments], environment={**self.environment, **variables})

    def tray(self, home: Path, patience: float = 0.5, **variables: str) -> subprocess.Popen[bytes]:
        """The icon's process of the app that has its home there; `patience`: seconds to wait for a panel."""
        code = f"from volunteer.tray.icon import main; sys.exit(main(client, {patience}))"
        return self._program(code, home, variables)

    def show(self, window: str, home: Path, **variables: str) -> subprocess.Popen[bytes]:
        """One of its windows."""
        return self.python("-m", "volunteer.cli", "window", window, "--home", str(home), **variables)

    def _program(self, code: str, home: Path, variables: dict[str, str]) -> subprocess.Popen[bytes]:
        return self.python("-c", f"{_CLIENT.format(home=str(home))}; {code}", **variables)

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=20, check=False, cwd=ROOT
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout.strip()

    def tries(self, *command: str) -> bool:
        """Whether that program ends well."""
        return (
            subprocess.run(command, env=self.environment, capture_output=True, timeout=20, check=False).returncode == 0
        )

    def picture(self, name: str, window: str = "root") -> Path:
        """A screenshot, kept with the tests' output."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        path = PICTURES / f"{name}.png"
        self.run("import", "-window", window, "-depth", "8", f"PNG24:{path}")
        return path

    def settle(self, window: str) -> None:
        """Wait until the window looks the same for a moment."""
        before = b""
        for _ in range(20):
            time.sleep(0.15)
            drawn = subprocess.run(
                ["import", "-window", window, "RGB:-"],
                env=self.environment,
                capture_output=True,
                timeout=20,
                check=False,
            ).stdout
            if drawn and drawn == before:
                return
            before = drawn

    def window(self, title: str, seconds: float = 15) -> str:
        """The number of the window with that title, as soon as it is to be seen."""
        command = ["xdotool", "search", "--onlyvisible", "--name", f"^{title}$"]

        def found() -> str:
            done = subprocess.run(
                command, env=self.environment, capture_output=True, text=True, timeout=20, check=False
            )
            return done.stdout.strip().split("\n")[0]

        return str(wait_for(found, seconds, self.errors))

    def keys(self, *names: str) -> None:
        """Press them, one after the other, in the window that has the focus."""
        self.run("xdotool", "key", "--delay", "30", *names)

    def write(self, text: str) -> None:
        self.run("xdotool", "type", "--delay", "5", text)

    def pages(self) -> list[str]:
        """What was opened in the browser."""
        return self._opened.read_text().splitlines() if self._opened.exists() else []

    def errors(self) -> str:
        return (self.folder / "errors.log").read_text(errors="replace")[-3000:]

    def _paint(self) -> None:
        """A plain background, for the pictures."""
        from Xlib.display import Display

        display = Display(self.display)
        root = display.screen().root
        root.change_attributes(background_pixel=0x3B5A70)
        root.clear_area()
        display.close()

    def _browser(self) -> Path:
        """A stand-in that writes addresses down."""
        script = self.folder / "browser"
        script.write_text(f'#!/bin/sh\necho "$1" >> "{self._opened}"\n')
        script.chmod(0o755)
        return script

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ") if name in os.environ}
        run = self.folder / "run"
        run.mkdir(mode=0o700)
        return {
            **kept, "DISPLAY": self.display, "HOME": str(self.home), "XDG_RUNTIME_DIR": str(run),
            "XDG_CONFIG_HOME": str(self.home / ".config"), "XDG_CACHE_HOME": str(self.home / ".cache"),
            "BROWSER": str(self._browser()), "NO_AT_BRIDGE": "1", "GSETTINGS_BACKEND": "memory",
        }  # fmt: skip

    def __enter__(self) -> "Desktop":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._processes):
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(5)
            if process.poll() is None:
                process.kill()
                process.wait(5)
