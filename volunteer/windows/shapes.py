"""Draws rounded boxes as PNG, with smooth edges, for the looks of buttons and fields.

Knows neither Tk nor Pillow: the windows' processes stay small.
"""

import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """In pixels from the left upper corner; a radius of half its height makes a pill. `colour` like "#00664f"."""

    left: float
    top: float
    right: float
    bottom: float
    radius: float
    colour: str

    def cover(self, x: float, y: float) -> float:
        """How much of the pixel around that point it covers, 0 to 1."""
        radius = min(self.radius, (self.right - self.left) / 2, (self.bottom - self.top) / 2)
        across = abs(x - (self.left + self.right) / 2) - (self.right - self.left) / 2 + radius
        down = abs(y - (self.top + self.bottom) / 2) - (self.bottom - self.top) / 2 + radius
        outside = math.hypot(max(across, 0), max(down, 0)) + min(max(across, down), 0) - radius
        return min(max(0.5 - outside, 0), 1)


def png(width: int, height: int, boxes: Sequence[Box]) -> bytes:
    """The boxes one above the other on nothing."""
    rows = b"".join(
        b"\0" + b"".join(_pixel(x + 0.5, y + 0.5, boxes) for x in range(width)) for y in range(height)
    )  # fmt: skip
    header = struct.pack(">2I5B", width, height, 8, 6, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_part(name, data) for name, data in parts)


def _pixel(x: float, y: float, boxes: Sequence[Box]) -> bytes:
    colour, opacity = (0.0, 0.0, 0.0), 0.0
    for box in boxes:
        cover = box.cover(x, y)
        if cover:
            above = opacity * (1 - cover)
            opacity = cover + above
            number = int(box.colour[1:], 16)
            mine = (number >> 16, number >> 8 & 255, number & 255)
            colour = tuple((m * cover + c * above) / opacity for m, c in zip(mine, colour, strict=True))  # type: ignore[assignment]
    return bytes([*(round(part) for part in colour), round(opacity * 255)])


def _part(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
