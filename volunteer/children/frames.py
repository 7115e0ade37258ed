"""Messages between a parent and its child process: a four-byte length, then JSON."""

import json
import struct
from typing import Any, BinaryIO

MAX_FRAME = 16 * 2**20


def write_frame(stream: BinaryIO, message: dict[str, Any]) -> None:
    """Write one message and flush. Raises ValueError above MAX_FRAME bytes."""
    body = json.dumps(message, separators=(",", ":")).encode("utf-8")
    if len(body) > MAX_FRAME:
        raise ValueError(f"a frame of {len(body)} bytes is too large")
    stream.write(struct.pack(">I", len(body)) + body)
    stream.flush()


def read_frame(stream: BinaryIO, most: int = MAX_FRAME) -> dict[str, Any] | None:
    """Read one message; None when the other side is gone. Raises ValueError on no frame, or one above `most` bytes."""
    head = _read_exactly(stream, 4)
    if head is None:
        return None
    (length,) = struct.unpack(">I", head)
    if length > most:
        raise ValueError(f"a frame of {length} bytes is too large")
    body = _read_exactly(stream, length)
    if body is None:
        return None
    message = json.loads(body)
    if not isinstance(message, dict):
        raise ValueError("a frame must hold a JSON object")
    return message


def _read_exactly(stream: BinaryIO, count: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < count:
        part = stream.read(count - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)
