"""Where the bundled program starts: as the command `daig-volunteer`, or, told `--module`, as one of its processes.

Nothing heavy is imported before it is known which: the child that computes has to be alone in its process first.
"""

import contextlib
import importlib
import os
import sys

from volunteer.children.programs import BUNDLED


def main() -> int | None:
    """What the chosen module's `main` gives: an exit code."""
    module, rest = "volunteer.cli", sys.argv[1:]
    if rest[:1] == ["--module"]:
        module, rest = (rest[1] if len(rest) > 1 else ""), rest[2:]
    if module not in BUNDLED:
        print(f"daig-volunteer: there is no module “{module}” to run.", file=sys.stderr)
        return 2
    sys.argv = [sys.argv[0], *rest]
    if getattr(sys, "frozen", False):
        forget_the_bundle()
        hold_the_archive()
        if rest[:1] == ["tray"] and sys.platform == "linux":
            find_gtk(str(getattr(sys, "_MEIPASS", "")))
    answer: int | None = importlib.import_module(module).main()
    return answer


def forget_the_bundle() -> None:
    """Give the environment back as it was: a browser that is opened from here is not to load the bundle's libraries.

    The system's loader has read its variable already, and a process of our own sets it anew.
    """
    before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    os.environ.pop("LD_LIBRARY_PATH", None)
    if before is not None:
        os.environ["LD_LIBRARY_PATH"] = before
    for name in [name for name in os.environ if name.startswith("_PYI_")]:
        del os.environ[name]


def hold_the_archive() -> None:
    """Keep the file open that the modules are read from: an upgrade puts another one in its place while we run."""
    if sys.platform != "linux":
        return
    # A later PyInstaller may call its reader otherwise; then an upgrade asks for a restart.
    with contextlib.suppress(AttributeError, OSError):
        archive = sys.modules["volunteer.children.programs"].__loader__._pyz_archive  # type: ignore[union-attr]
        archive._filename = f"/proc/self/fd/{os.open(archive._filename, os.O_RDONLY | os.O_CLOEXEC)}"


def find_gtk(folder: str) -> None:
    """Have the tray find GTK's descriptions in the bundle. The variable that says so is not for a browser."""
    before = os.environ.get("GI_TYPELIB_PATH")
    os.environ["GI_TYPELIB_PATH"] = os.path.join(folder, "gi_typelibs")
    # It is read here, once. Without GTK the tray does with what is left.
    with contextlib.suppress(ImportError, ValueError):
        import gi

        gi.require_version("Gtk", "3.0")
    del os.environ["GI_TYPELIB_PATH"]
    if before is not None:
        os.environ["GI_TYPELIB_PATH"] = before


if __name__ == "__main__":
    sys.exit(main())
