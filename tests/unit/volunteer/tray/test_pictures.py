"""The icon's pictures: crisp, told apart, the grid's own mark; and the files that the windows show."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from volunteer.control.menu import Picture
from volunteer.tray.pictures import SIZES, picture

FILES = Path(__file__).parents[4] / "volunteer" / "windows" / "pictures"


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGBA"), dtype=float)


def on(panel: int, image: Image.Image) -> np.ndarray:
    """Its brightness, on a panel as bright as that."""
    drawn = pixels(image)
    opacity = drawn[..., 3:] / 255
    return (drawn[..., :3] * opacity + panel * (1 - opacity)).mean(axis=2)


@pytest.mark.parametrize("size", SIZES)
def test_each_picture_is_drawn_at_its_size_with_free_corners(size):
    for which in Picture:
        image = picture(which, size)
        assert image.size == (size, size)
        assert pixels(image)[0, 0, 3] < 255
        assert pixels(image)[size // 2, 1, 3] == 255


@pytest.mark.parametrize("size", SIZES)
def test_pictures_differ_by_shape_and_not_only_by_colour(size):
    for one, other in combinations(Picture, 2):
        marks = [on(0, picture(which, size)) > on(0, picture(which, size)).mean() + 20 for which in (one, other)]
        assert (marks[0] != marks[1]).mean() > 0.04, (one, other)


@pytest.mark.parametrize("panel", [20, 240])
def test_each_is_seen_on_dark_and_on_light_panels(panel):
    for which in Picture:
        drawn = on(panel, picture(which, 22))
        edge = np.concatenate([drawn[0, 6:-6], drawn[-1, 6:-6], drawn[6:-6, 0], drawn[6:-6, -1]])
        assert abs(edge.mean() - panel) > 40, which


@pytest.mark.parametrize("size", SIZES)
def test_the_mark_is_even_and_its_cells_begin_and_end_on_pixels(size):
    drawn = pixels(picture(Picture.training, size))[..., :3]
    assert np.array_equal(drawn, drawn[:, ::-1])
    assert np.array_equal(drawn, drawn[::-1])
    middle = drawn[size // 2, size // 2 - 1]
    assert tuple(middle) == (191, 245, 223)


def test_the_windows_show_the_same_pictures():
    for which in Picture:
        for size in (64, 128):
            with Image.open(FILES / f"{which.value}-{size}.png") as kept:
                assert np.abs(pixels(kept) - pixels(picture(which, size))).max() <= 8, (
                    f"{which.value}: draw them anew with python -m tests.support.window_pictures"
                )
