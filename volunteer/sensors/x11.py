"""Idle time from an X server, by its screen saver extension."""

from Xlib.display import Display


class XIdle:
    """One connection, kept. Raises Xlib's errors."""

    def __init__(self, display: str) -> None:
        self._display = Display(display)
        if not self._display.has_extension("MIT-SCREEN-SAVER"):
            self._display.close()
            raise ValueError("the X server has no screen saver extension")
        self._root = self._display.screen().root

    def seconds(self) -> float:
        return float(self._root.screensaver_query_info().idle) / 1000

    def close(self) -> None:
        self._display.close()
