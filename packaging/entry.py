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
            load_gtk(str(getattr(sys, "_MEIPASS", "")))
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


def load_gtk(folder: str) -> None:
    """Have GTK read its parts from the bundle alone; what tells it so is for this process, not for its children."""
    only_here = {
        "GI_TYPELIB_PATH": os.path.join(folder, "gi_typelibs"),
        "GTK_PATH": folder,
        "GTK_EXE_PREFIX": folder,
        "GIO_MODULE_DIR": os.path.join(folder, "gio_modules"),
        "GDK_PIXBUF_MODULE_FILE": os.devnull,
        # Its 60 MB of drawing by the graphics processor are not for a menu.
        "GDK_GL": "disable",
    }
    before = {name: os.environ.get(name) for name in only_here}
    os.environ.update(only_here)
    # Without GTK the tray does with what is left.
    with contextlib.suppress(Exception):
        import gi

        gi.require_version("Gtk", "3.0")
        from gi.repository import Gio, Gtk  # noqa: F401

        Gio.Vfs.get_default()
    for name, value in before.items():
        os.environ.pop(name)
        if value is not None:
            os.environ[name] = value


if __name__ == "__main__":
    sys.exit(main())
