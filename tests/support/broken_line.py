"""A TCP line to an address that breaks after so many bytes have gone up it: some ends hear of it, some do not."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Sequence


class BrokenLine:
    """`cuts`: after how many bytes in all it breaks, each time once; every other time the far end hears nothing of it
    and waits on, as when a notebook is shut."""

    def __init__(self, target: tuple[str, int], cuts: Sequence[int]) -> None:
        self._target = target
        self._cuts = list(cuts)
        self._lock = threading.Lock()
        self._hung: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.happened = 0
        self.sent = 0
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()
        for one in self._hung:
            one.close()

    def __enter__(self) -> "BrokenLine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(self._target)
                threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        down = threading.Thread(target=self._down, args=(near, far), daemon=True)
        down.start()
        self._up(near, far)
        if far not in self._hung:
            down.join()
            far.close()
        near.close()

    def _up(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := near.recv(2**16):
                far.sendall(data)
                if self._breaks(len(data)):
                    return self._break(near, far)
            far.shutdown(socket.SHUT_WR)

    def _down(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := far.recv(2**16):
                near.sendall(data)
        with contextlib.suppress(OSError):
            near.shutdown(socket.SHUT_WR)

    def _breaks(self, count: int) -> bool:
        with self._lock:
            self.sent += count
            if not self._cuts or self.sent < self._cuts[0]:
                return False
            self._cuts.pop(0)
            self.happened += 1
            return True

    def _break(self, near: socket.socket, far: socket.socket) -> None:
        _reset(near)
        if self.happened % 2:
            # A reset throws away what the far end has not read yet; on a longer line that had time to.
            time.sleep(0.2)
            _reset(far)
        else:
            self._hung.append(far)


def _reset(connection: socket.socket) -> None:
    """Close without a goodbye; shut down first, for another thread may be reading."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
