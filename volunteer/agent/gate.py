"""May new work be begun? Closed while the host is paused; closing it ends nothing that has begun."""

import threading


class Gate:
    """Open at first. May be used by several threads at once."""

    def __init__(self) -> None:
        self._open = True
        self.stirred = threading.Event()
        """Set when whoever stands before the gate should look again."""
        self.stirred.set()

    @property
    def is_open(self) -> bool:
        return self._open

    def close(self) -> None:
        self.stirred.clear()
        self._open = False

    def open(self) -> None:
        self._open = True
        self.stirred.set()

    def stir(self) -> None:
        """Let nobody wait any more, although nothing new may be begun: the program ends."""
        self.stirred.set()
