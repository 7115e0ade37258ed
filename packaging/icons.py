"""Draws the program's own icon, as it stands in menus and installers, from the squares of the grid's mark."""

import sys
from pathlib import Path

from PIL import Image, ImageDraw

SIZES = (48, 128, 256, 512)
# As in server/web/static/logo.svg, on a field of 32 by 32.
GROUND, LIT = (0x00, 0x66, 0x4F, 255), (0xBF, 0xF5, 0xDF)
STARTS, SIDE, DIM = (6, 13.25, 20.5), 5.5, 0.35
FINER = 4


def draw(size: int) -> Image.Image:
    """The mark, drawn finer and made smaller, so that its edges are smooth."""
    unit = size * FINER / 32
    ground = Image.new("RGBA", (size * FINER, size * FINER))
    ImageDraw.Draw(ground).rounded_rectangle((0, 0, 32 * unit - 1, 32 * unit - 1), radius=7 * unit, fill=GROUND)
    squares = Image.new("RGBA", ground.size)
    pen = ImageDraw.Draw(squares)
    for number, (top, left) in enumerate((top, left) for top in STARTS for left in STARTS):
        box = [round(edge * unit) for edge in (left, top, left + SIDE, top + SIDE)]
        strength = 255 if number % 2 == 0 else round(255 * DIM)
        pen.rounded_rectangle(box, radius=1.5 * unit, fill=(*LIT, strength))
    return Image.alpha_composite(ground, squares).resize((size, size), Image.Resampling.LANCZOS)


def draw_all(folder: Path) -> None:
    """daig-volunteer-SIZE.png in every size, and daig-volunteer.ico for Windows."""
    folder.mkdir(parents=True, exist_ok=True)
    for size in SIZES:
        draw(size).save(folder / f"daig-volunteer-{size}.png")
    draw(256).save(folder / "daig-volunteer.ico", sizes=[(16, 16), (32, 32), (48, 48), (256, 256)])


if __name__ == "__main__":
    draw_all(Path(sys.argv[1]))
