"""Decode one image with Pillow, within bounds that are checked before a pixel is decoded. Nothing else knows Pillow."""

import io
import warnings
from typing import Any

import numpy as np

from server.intake import bounds
from server.intake.blocks import Array

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
MODES = {1: "L", 3: "RGB", 4: "RGBA"}


class UnusableImage(ValueError):
    """The image cannot be used; the message continues a sentence that begins with its name."""


def decoded(content: bytes, size: tuple[int, int] | None, channels: int) -> Array:
    """The first frame as uint8, (height, width, channels); bilinear to `size` (height, width) unless that is None.

    Raises UnusableImage.
    """
    picture = _opened(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if size is not None:
                # JPEG only: decode at an eighth, a quarter or half where that is still large enough.
                picture.draft(None, (size[1], size[0]))
            picture = _eight_bits(picture).convert(MODES[channels])
            if size is not None and picture.size != (size[1], size[0]):
                from PIL import Image

                picture = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
            pixels = np.asarray(picture, np.uint8)
    except MemoryError:
        raise
    except Exception as error:
        # Pillow's decoders raise whatever their formats' oddities lead to.
        raise UnusableImage(f"cannot be decoded ({str(error)[:80] or type(error).__name__})") from None
    return pixels.reshape(*pixels.shape[:2], channels)


def png(pixels: Array) -> bytes:
    """A small PNG of (height, width, 1 or 3) uint8."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(buffer, "PNG")
    return buffer.getvalue()


def shrunk(pixels: Array, side: int) -> Array:
    """The same image, no side longer than `side`."""
    from PIL import Image

    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    picture.thumbnail((side, side), Image.Resampling.BILINEAR)
    small = np.asarray(picture, np.uint8)
    return small.reshape(*small.shape[:2], pixels.shape[-1])


def _opened(content: bytes) -> Any:
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # The bound below is our own, and refuses instead of warning.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture = Image.open(io.BytesIO(content), formats=FORMATS)
    except MemoryError:
        raise
    except Exception:
        raise UnusableImage(f"is no image of {', '.join(FORMATS[:-1])} or {FORMATS[-1]}") from None
    width, height = picture.size
    if width * height > bounds.IMAGE_PIXELS or not width * height:
        raise UnusableImage(f"has {width:,} x {height:,} pixels; at most {bounds.IMAGE_PIXELS:,} are accepted")
    return picture


def _eight_bits(picture: Any) -> Any:
    """16-bit greys become 8-bit ones by their upper half, where Pillow would cut them off at 255."""
    if not picture.mode.startswith("I"):
        return picture
    from PIL import Image

    return Image.fromarray((np.asarray(picture) >> 8).clip(0, 255).astype(np.uint8))
