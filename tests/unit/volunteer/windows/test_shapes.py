"""Rounded boxes, read back by another program's eyes."""

import io

import numpy as np
import pytest
from PIL import Image

from volunteer.windows.shapes import Box, png


def read(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "RGBA"
        return np.asarray(image)


def test_a_box_covers_what_it_should_with_smooth_corners():
    drawn = read(png(20, 12, [Box(0, 0, 20, 12, 5, "#00664f")]))
    assert drawn.shape == (12, 20, 4)
    assert tuple(drawn[6, 10]) == (0, 102, 79, 255)
    assert drawn[0, 0, 3] == 0
    opacity = drawn[..., 3] / 255
    assert opacity.sum() == pytest.approx(20 * 12 - (4 - np.pi) * 25, rel=0.02)
    assert ((opacity > 0) & (opacity < 1)).any()


def test_the_later_box_lies_above():
    drawn = read(png(9, 9, [Box(0, 0, 9, 9, 0, "#ff0000"), Box(3, 3, 6, 6, 0, "#0000ff")]))
    assert tuple(drawn[4, 4]) == (0, 0, 255, 255)
    assert tuple(drawn[1, 1]) == (255, 0, 0, 255)


def test_where_nothing_is_it_is_clear():
    assert read(png(3, 3, []))[..., 3].sum() == 0
