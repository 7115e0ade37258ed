"""One message a line over a stream socket, bounded in bytes and in seconds. Knows not what the lines say."""

import socket
import time

MOST_BYTES = 256 * 1024
_PART = 16 * 1024


class LineError(Exception):
    """The other side sent no whole line."""


def send_line(connection: socket.socket, line: bytes, seconds: float) -> None:
    """Raises OSError (TimeoutError too) when the other side does not take it."""
    connection.settimeout(seconds)
    connection.sendall(line + b"\n")


def receive_line(connection: socket.socket, seconds: float, most: int = MOST_BYTES) -> bytes:
    """One line without its end, and not a byte of what follows it.

    Raises LineError: too long, cut off, or not whole within `seconds` all together.
    """
    end = time.monotonic() + seconds
    got = bytearray()
    while len(got) <= most:
        connection.settimeout(max(0.001, end - time.monotonic()))
        try:
            seen = connection.recv(_PART, socket.MSG_PEEK)
            line, mark, _rest = seen.partition(b"\n")
            connection.recv(len(line) + len(mark))
        except TimeoutError:
            raise LineError(f"a message was not whole within {seconds:g} seconds") from None
        except OSError as error:
            raise LineError(f"the connection broke: {error}") from None
        if not seen:
            raise LineError("the connection ended within a message")
        got += line
        if mark and len(got) <= most:
            return bytes(got)
    raise LineError(f"a message is longer than {most} bytes")


def still_there(connection: socket.socket) -> bool:
    """Whether the other side has not hung up. It has said its line, so whatever comes now is the end."""
    try:
        connection.settimeout(0)
        return connection.recv(1, socket.MSG_PEEK) != b""
    except (BlockingIOError, TimeoutError):
        return True
    except OSError:
        return False
