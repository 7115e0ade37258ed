"""Draws the icon's pictures: the grid's own mark, and one shape for each thing that the program may be doing.

Told apart by shape as well as by colour, on light panels and on dark ones. Knows Pillow; knows nothing of trays.
"""

from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw

from volunteer.control.menu import Picture

# The mark of the grid's web pages (server/web/static/logo.svg) is drawn on a board of 32 x 32.
BOARD = 32
SIZES = (16, 22, 24, 32, 48, 64)
_FINER = 8
_FAINT = 0.35

Colour = tuple[int, int, int]
_GREEN, _MINT = (0, 102, 79), (191, 245, 223)
_AMBER, _CREAM = (150, 98, 0), (255, 240, 208)
_RED, _ROSE = (179, 38, 34), (255, 232, 229)
_SLATE, _SILVER = (84, 94, 109), (232, 236, 241)


@lru_cache(maxsize=len(Picture) * 2)
def picture(which: Picture, size: int = 64) -> Image.Image:
    """RGBA, `size` x `size` pixels. Drawn for that size: edges that can lie on a pixel's edge do."""
    board = _Board(size)
    _DRAWINGS[which](board)
    return board.finished()


def save_all(folder: Path, sizes: tuple[int, ...]) -> None:
    """Every picture in each size, as `NAME-SIZE.png`."""
    folder.mkdir(parents=True, exist_ok=True)
    for which in Picture:
        for size in sizes:
            picture(which, size).save(folder / f"{which.value}-{size}.png", optimize=True)


class _Board:
    """A drawing in the units of the mark, kept `_FINER` times finer than it will be and then brought down."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._cells = _cells(size)
        self._image = Image.new("RGBA", (size * _FINER, size * _FINER), (0, 0, 0, 0))

    def tile(self, inside: Colour, rim: Colour) -> None:
        """The ground of every picture. The thin lighter rim keeps it apart from a panel as dark as itself."""
        self._round((0, 0, BOARD, BOARD), 7, rim)
        width = max(1, round(self._size / 32)) * BOARD / self._size
        self._round((width, width, BOARD - width, BOARD - width), 7 - width, inside)

    def cell(self, column: int, row: int, colour: Colour, ground: Colour, strength: float = 1) -> None:
        left, right = self._cells[column]
        top, bottom = self._cells[row]
        self._round((left, top, right, bottom), 1.5, _mixed(colour, ground, strength))

    def bar(self, left: float, top: float, right: float, bottom: float, radius: float, colour: Colour) -> None:
        self._round((left, top, right, bottom), radius, colour)

    def line(self, points: list[tuple[float, float]], width: float, colour: Colour) -> None:
        """With round ends."""
        scale = self._size * _FINER / BOARD
        draw = ImageDraw.Draw(self._image)
        draw.line([(x * scale, y * scale) for x, y in points], (*colour, 255), round(width * scale), "curve")
        for x, y in (points[0], points[-1]):
            r = width / 2
            draw.ellipse([(x - r) * scale, (y - r) * scale, (x + r) * scale, (y + r) * scale], (*colour, 255))

    def finished(self) -> Image.Image:
        return self._image.resize((self._size, self._size), Image.Resampling.BOX)

    def _round(self, box: tuple[float, float, float, float], radius: float, colour: Colour) -> None:
        scale = self._size * _FINER / BOARD
        left, top, right, bottom = (self._snapped(value) for value in box)
        ImageDraw.Draw(self._image).rounded_rectangle(
            [left, top, right - 1, bottom - 1], min(radius * scale, (right - left) / 2), (*colour, 255)
        )

    def _snapped(self, value: float) -> int:
        """On the edge of a pixel, so that small pictures stay crisp."""
        return round(value * self._size / BOARD) * _FINER


def _cells(size: int) -> list[tuple[float, float]]:
    """Where the three columns (and rows) of the mark lie, on whole pixels, even, and near its measures."""
    unit = size / BOARD

    def strangeness(measures: tuple[int, int, int]) -> float:
        margin, cell, gap = measures
        middle = size - 2 * sum(measures)
        uneven = (middle - cell) * (1.2 if middle > cell else -9)
        return abs(margin - 6 * unit) + 5 * abs(cell - 5.5 * unit) + 2 * abs(gap - 1.75 * unit) + uneven

    near = range(1, size // 3)
    tried = ((margin, cell, gap) for margin in near for cell in near for gap in near)
    margin, cell, gap = min((one for one in tried if sum(one) < size // 2), key=strangeness)
    starts = (margin, margin + cell + gap, size - margin - cell)
    return [(start / unit, (size - other) / unit) for start, other in zip(starts, reversed(starts), strict=True)]


def _mixed(colour: Colour, ground: Colour, strength: float) -> Colour:
    mixed = [round(a * strength + b * (1 - strength)) for a, b in zip(colour, ground, strict=True)]
    return mixed[0], mixed[1], mixed[2]


def _training(board: _Board) -> None:
    """The mark itself: the grid at work."""
    board.tile(_GREEN, _mixed(_MINT, _GREEN, _FAINT))
    for column in range(3):
        for row in range(3):
            board.cell(column, row, _MINT, _GREEN, 1 if (column + row) % 2 == 0 else _FAINT)


def _waiting(board: _Board) -> None:
    """The mark at rest: only its middle row is lit."""
    board.tile(_GREEN, _mixed(_MINT, _GREEN, _FAINT))
    for column in range(3):
        board.cell(column, 1, _MINT, _GREEN)


def _paused(board: _Board) -> None:
    board.tile(_AMBER, _mixed(_CREAM, _AMBER, _FAINT))
    board.bar(9, 8, 14, 24, 1.5, _CREAM)
    board.bar(18, 8, 23, 24, 1.5, _CREAM)


def _offline(board: _Board) -> None:
    """The mark struck out."""
    board.tile(_SLATE, _mixed(_SILVER, _SLATE, _FAINT))
    for column in range(3):
        for row in range(3):
            board.cell(column, row, _SILVER, _SLATE, 0.3)
    board.line([(7, 25), (25, 7)], 7.5, _SLATE)
    board.line([(7, 25), (25, 7)], 3.4, _SILVER)


def _attention(board: _Board) -> None:
    board.tile(_RED, _mixed(_ROSE, _RED, _FAINT))
    board.bar(13.4, 5.4, 18.6, 18.6, 2.6, _ROSE)
    board.bar(13.4, 21.4, 18.6, 26.6, 2.6, _ROSE)


def _not_attached(board: _Board) -> None:
    """An empty place in the grid, to be filled."""
    board.tile(_SLATE, _mixed(_SILVER, _SLATE, _FAINT))
    board.bar(13.4, 7, 18.6, 25, 1.5, _SILVER)
    board.bar(7, 13.4, 25, 18.6, 1.5, _SILVER)


_DRAWINGS = {
    Picture.training: _training,
    Picture.waiting: _waiting,
    Picture.paused: _paused,
    Picture.offline: _offline,
    Picture.attention: _attention,
    Picture.not_attached: _not_attached,
}
