"""An archive of images written as one plain .npy of pixels and one of class numbers, image by image."""

import zipfile
from pathlib import Path

import numpy as np

from server.intake.findings import WORDS, Findings
from server.intake.image_archive import ImageArchive
from server.intake.images import MODES, UnusableImage, decoded
from server.intake.label_encoding import RawLabels
from server.intake.npy import UnusableArray
from server.intake.npy_rows import NpyRows
from server.rules.intake_values import ArrayFile
from volunteer.plan.shapes import InputSpec

_NAMED = 5
"""So many images that cannot be used are named before the rest is given up."""

Size = tuple[int, int, int]


def size_for(spec: InputSpec, asked: tuple[int, int] | None, field: str, findings: Findings) -> Size | None:
    """(height, width, channels) of the model's input; None, with a problem noted, if it takes no images."""
    shape = spec.shape
    if len(shape) == 1 and shape[0] is not None and asked is not None:
        channels, rest = divmod(shape[0], asked[0] * asked[1])
        if not rest and channels in MODES:
            return *asked, channels
    if len(shape) == 1 and shape[0] is not None and asked is None:
        findings.problem(
            "image_size",
            f"the model takes {shape[0]:,} numbers in a row: say which height and width its images have, such as 28x28",
        )
        return None
    height, width, depth = (*shape, 1) if len(shape) == 2 else shape if len(shape) == 3 else (0, 0, 0)
    if depth is None or depth not in MODES or 0 in (height, width):
        wanted = "(height, width, channels) with 1, 3 or 4 channels"
        findings.problem(
            field, f"{WORDS[field]} are images, but the model's input '{spec.name}' takes {shape}, not {wanted}"
        )
        return None
    if asked is None and (height is None or width is None):
        findings.problem(
            "image_size", "the model takes images of any size: say which size these shall have, such as 64x64"
        )
        return None
    size = (height or (asked or (0, 0))[0], width or (asked or (0, 0))[1])
    if asked is not None and asked != size:
        findings.problem("image_size", f"the model takes images of {size[0]}x{size[1]}, not {asked[0]}x{asked[1]}")
        return None
    return *size, depth


def write_images(
    archive: ImageArchive, size: Size, folder: Path, field: str, findings: Findings, stem: str = ""
) -> tuple[ArrayFile, RawLabels] | None:
    """Pixels (rows, height, width, channels) and class numbers; None, with problems noted, if some cannot be used."""
    height, width, channels = size
    bad = 0
    path = folder / f"{field}-{stem}images.npy"
    with (
        zipfile.ZipFile(archive.path) as file,
        NpyRows(path, np.uint8, (len(archive.images), *size)) as pixels,
    ):
        for image in archive.images:
            try:
                pixels.add(decoded(archive.read(file, image), (height, width), channels)[None])
            except UnusableImage as error:
                bad += 1
                findings.problem(field, f"the image '{image.name[:120]}' in {WORDS[field]} {error}")
                if bad == _NAMED:
                    raise UnusableArray("holds more such images") from None
                pixels.add(np.zeros((1, *size), np.uint8))
    if bad:
        return None
    with NpyRows(folder / f"{field}-{stem}classes.npy", np.int32, (len(archive.images),)) as codes:
        codes.add(np.array([image.label for image in archive.images], np.int32))
    return pixels.array(""), RawLabels(codes.array("y"), archive.classes)
