"""How fine this screen is, so that the windows are neither tiny nor blown up from a coarse picture."""

import sys
import tkinter

PLAIN = 96.0


def sharpen() -> None:
    """On Windows, before the first window: else the system would enlarge a coarse one."""
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.shcore.SetProcessDpiAwareness(1)


def settle_scale(root: tkinter.Tk) -> float:
    """Tell Tk how many dots an inch has for this desktop. How many times finer than a plain screen: 1 or more."""
    wanted = wanted_dpi(_x_resources()) if root.tk.call("tk", "windowingsystem") == "x11" else None
    if wanted is not None:
        root.tk.call("tk", "scaling", wanted / 72)
    return max(1.0, root.winfo_fpixels("1i") / PLAIN)


def wanted_dpi(resources: str) -> float | None:
    """What a desktop of X wants, in the words of its resources; X itself says 96 whatever the screen is."""
    for line in resources.splitlines():
        name, _colon, value = line.partition(":")
        if name.strip() == "Xft.dpi":
            try:
                dpi = float(value)
            except ValueError:
                return None
            return dpi if 48 <= dpi <= 960 else None
    return None


def _x_resources() -> str:
    """Empty where they cannot be read."""
    try:
        from Xlib import Xatom
        from Xlib.display import Display

        display = Display()
    except Exception:
        # Xlib has an exception of its own for each way in which a display cannot be reached.
        return ""
    try:
        found = display.screen().root.get_full_property(Xatom.RESOURCE_MANAGER, Xatom.STRING)
    finally:
        display.close()
    return found.value.decode("latin-1") if found is not None and isinstance(found.value, bytes) else ""
