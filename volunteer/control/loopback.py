"""A loopback port, for systems without Unix sockets: a secret in a file of the user's proves both sides to each other.

The secret itself never travels: whoever took over the port of an app that is gone learns nothing.
"""

import contextlib
import hashlib
import hmac
import json
import secrets
import socket
from pathlib import Path

from volunteer.control.doors import answers
from volunteer.control.lines import LineError, receive_line, send_line
from volunteer.private_files import write_private

PORT_FILE = "control.port"
_LOCALHOST = "127.0.0.1"
_HELLO = 200
_WAITING = 16


class LoopbackDoor:
    """See `doors.Door`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / PORT_FILE
        self._secret = b""

    def listen(self) -> socket.socket:
        if answers(self):
            raise FileExistsError(f"{self._path} is in use")
        self._secret = secrets.token_bytes(32)
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.bind((_LOCALHOST, 0))
            listener.listen(_WAITING)
            # On Windows the folder below the user's own profile is what keeps others away.
            values = {"port": listener.getsockname()[1], "secret": self._secret.hex()}
            write_private(self._path, json.dumps(values))
        except BaseException:
            listener.close()
            raise
        return listener

    def admit(self, connection: socket.socket, seconds: float) -> bool:
        try:
            theirs = receive_line(connection, seconds, _HELLO)
            ours = secrets.token_hex(16).encode()
            send_line(connection, ours + b" " + _proof(self._secret, b"app", theirs, ours), seconds)
            proof = receive_line(connection, seconds, _HELLO)
        except (OSError, LineError):
            return False
        return hmac.compare_digest(proof, _proof(self._secret, b"user", theirs, ours))

    def connect(self, seconds: float) -> socket.socket:
        try:
            values = json.loads(self._path.read_text("utf-8"))
            port, secret = int(values["port"]), bytes.fromhex(values["secret"])
        except (ValueError, KeyError, TypeError):
            raise ConnectionRefusedError(f"{self._path} cannot be read") from None
        connection = socket.create_connection((_LOCALHOST, port), timeout=seconds)
        try:
            ours = secrets.token_hex(16).encode()
            send_line(connection, ours, seconds)
            theirs, _space, proof = receive_line(connection, seconds, _HELLO).partition(b" ")
            if not hmac.compare_digest(proof, _proof(secret, b"app", ours, theirs)):
                raise LineError("not the app")
            send_line(connection, _proof(secret, b"user", ours, theirs), seconds)
        except LineError:
            connection.close()
            raise ConnectionRefusedError(f"another program listens at port {port}") from None
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def _proof(secret: bytes, side: bytes, asker: bytes, answerer: bytes) -> bytes:
    return hmac.new(secret, b" ".join((side, asker, answerer)), hashlib.sha256).hexdigest().encode()
