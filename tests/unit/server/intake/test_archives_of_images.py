"""Zips of images: a folder is a class, every image comes to the model's size, and no trick of an archive gets far."""

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from server.intake import bounds
from server.intake.data_checks import check_data
from server.intake.intake import ChildIntake
from server.rules.intake_values import DataReading, DataRequest
from server.rules.preprocessing import Preparation
from volunteer.plan.objectives import LabelRule
from volunteer.plan.shapes import InputSpec

GREY = InputSpec("image", (8, 8, 1), "float32")
COLOUR = InputSpec("image", (8, 6, 3), "float32")
TWO_CLASSES = LabelRule("integer", 2, ())


def picture(value: int = 7, size: tuple[int, int] = (8, 8), mode: str = "L", kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, value if mode in ("L", "I;16", "P") else (value, 0, 255 - value)).save(buffer, kind)
    return buffer.getvalue()


def pets(**more: bytes) -> dict[str, bytes]:
    files = {f"cats/{n}.png": picture(n) for n in range(3)} | {f"dogs/{n}.png": picture(100 + n) for n in range(2)}
    return files | more


class Box:
    """Packs files and asks for their check, as the form does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "data"

    def pack(self, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> "Box":
        with zipfile.ZipFile(self.path, "w", method) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return self

    def request(self, spec: InputSpec = GREY, rule: LabelRule = TWO_CLASSES, **more: Any) -> DataRequest:
        asked = {name: more.pop(name) for name in ("image_size", "scaling") if name in more}
        return DataRequest(
            str(self.path), None, (spec,), rule, str(self.folder / "out"), preparation=Preparation(**asked), **more
        )

    def check(self, *arguments: Any, **more: Any) -> DataReading:
        return check_data(self.request(*arguments, **more))

    def mistake(self, *arguments: Any, **more: Any) -> tuple[str, str]:
        reading = self.check(*arguments, **more)
        assert reading.training is None
        return reading.problems[0].field, reading.problems[0].sentence


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_folders_become_classes_and_images_become_pixels(box: Box) -> None:
    reading = box.pack(pets()).check()
    assert reading.problems == ()
    assert reading.training is not None
    x = np.load(reading.training.inputs[0].path)
    assert (x.dtype, x.shape) == (np.uint8, (5, 8, 8, 1))
    assert x[:, 0, 0, 0].tolist() == [0, 1, 2, 100, 101]
    assert np.load(reading.training.labels.path).tolist() == [0, 0, 0, 1, 1]
    assert reading.preprocessing == {
        "version": 1,
        "image": {"size": [8, 8], "channels": 1, "resize": "bilinear"},
        "labels": {"classes": ["cats", "dogs"]},
    }
    preview = reading.preview["data"]
    assert (preview["kind"], preview["rows"]) == ("images", 5)
    assert preview["classes"] == [{"name": "cats", "count": 3}, {"name": "dogs", "count": 2}]
    assert len(preview["thumbnails"]) == 5
    assert preview["thumbnails"][0].startswith("data:image/png;base64,")


def test_one_folder_around_all_of_them_and_the_clutter_of_desktops_are_no_matter(box: Box) -> None:
    clutter = {"__MACOSX/pets/cats/._0.png": b"x", "pets/.DS_Store": b"x", "pets/cats/Thumbs.db": b"x"}
    reading = box.pack({f"pets/{name}": content for name, content in pets().items()} | clutter).check()
    assert reading.problems == ()
    assert reading.rows == 5


@pytest.mark.parametrize("around", ["", "pets/"])
def test_folders_for_training_and_validation_are_taken_for_that(box: Box, around: str) -> None:
    held_out = {f"{around}val/dogs/{n}.png": picture(n) for n in range(2)}
    reading = box.pack({f"{around}train/{name}": content for name, content in pets().items()} | held_out).check()
    assert reading.problems == ()
    assert (reading.rows, reading.validation_rows) == (5, 2)
    assert reading.validation is not None
    assert np.load(reading.validation.labels.path).tolist() == [1, 1]
    assert np.load(reading.validation.inputs[0].path)[1, 0, 0, 0] == 1
    assert "which are used for it" in reading.remarks[-1].sentence


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "WEBP"])
def test_images_of_every_kind_are_brought_to_size_and_colours(box: Box, kind: str) -> None:
    image = picture(200, (40, 30), "RGB", kind)
    reading = box.pack({"a/1": image, "b/1": image}).check(COLOUR)
    assert reading.training is not None
    x = np.load(reading.training.inputs[0].path)
    assert x.shape == (2, 8, 6, 3)
    assert np.abs(x[0, 4, 3].astype(int) - [200, 0, 55]).max() < 8


@pytest.mark.parametrize(("mode", "value", "grey"), [("L", 9, 9), ("P", 0, 0), ("I;16", 256 * 40, 40)])
def test_grey_images_of_any_depth_become_eight_bits(box: Box, mode: str, value: int, grey: int) -> None:
    image = picture(value, mode=mode)
    reading = box.pack({"a/1.png": image, "b/1.png": image}).check()
    assert reading.training is not None
    assert np.load(reading.training.inputs[0].path)[0, 0, 0, 0] == grey


def test_resizing_is_pillows_bilinear(box: Box) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (30, 20), np.uint8))
    buffer = io.BytesIO()
    noise.save(buffer, "PNG")
    reading = box.pack({"a/1.png": buffer.getvalue(), "b/1.png": picture()}).check()
    assert reading.training is not None
    expected = np.asarray(noise.resize((8, 8), Image.Resampling.BILINEAR))
    assert np.array_equal(np.load(reading.training.inputs[0].path)[0, ..., 0], expected)


def test_the_scale_that_was_asked_for_is_applied_and_recorded(box: Box) -> None:
    reading = box.pack(pets()).check(scaling="unit")
    assert reading.training is not None
    assert np.allclose(np.load(reading.training.inputs[0].path)[:, 0, 0, 0], np.array([0, 1, 2, 100, 101]) / 255)
    scaling = reading.preprocessing["scaling"]
    assert scaling == {"kind": "unit", "inputs": {"image": {"subtract": 0.0, "divide_by": 255.0}}}


def test_one_hot_rows_are_made_where_the_loss_wants_them(box: Box) -> None:
    reading = box.pack(pets()).check(rule=LabelRule("one_hot", 2, (2,)))
    assert reading.training is not None
    assert np.load(reading.training.labels.path).tolist() == [[1, 0]] * 3 + [[0, 1]] * 2
    assert reading.classes == [3, 2]


def test_a_size_is_asked_for_where_the_model_leaves_it_open(box: Box) -> None:
    box.pack(pets())
    any_size, flat = InputSpec("i", (None, None, 3), "float32"), InputSpec("i", (64,), "float32")
    assert box.mistake(any_size)[0] == "image_size"
    assert box.mistake(flat)[0] == "image_size"
    assert box.mistake(GREY, image_size=(9, 9)) == ("image_size", "the model takes images of 8x8, not 9x9")
    reading = box.check(any_size, image_size=(4, 5))
    assert reading.training is not None
    assert reading.training.inputs[0].row_shape == (4, 5, 3)
    reading = box.check(flat, image_size=(8, 8))
    assert reading.training is not None
    assert reading.training.inputs[0].row_shape == (64,)


def test_validation_images_are_numbered_as_the_training_images(box: Box) -> None:
    held_out = Box(box.folder / "held-out")
    held_out.folder.mkdir()
    held_out.pack({"dogs/1.png": picture(1), "dogs/2.png": picture(2), "cats/1.png": picture(3)})
    reading = box.pack(pets()).check(validation_data=str(held_out.path))
    assert reading.validation is not None
    assert np.load(reading.validation.labels.path).tolist() == [0, 1, 1]
    held_out.pack({"dogs/1.png": picture(), "fish/1.png": picture()})
    assert box.mistake(validation_data=str(held_out.path)) == (
        "validation_labels", "validation labels hold “fish”, which the training labels do not have"
    )  # fmt: skip


def test_a_loss_or_model_that_wants_something_else_is_named(box: Box) -> None:
    box.pack(pets(**{f"fish/{n}.png": picture() for n in range(2)}))
    assert "3 different values (“cats”, “dogs”, “fish”), but the model has 2 outputs" in box.mistake()[1]
    assert "but the loss takes numbers" in box.mistake(rule=LabelRule("real", None, (1,)))[1]
    assert "are images, but the model's input 'x' takes" in box.mistake(InputSpec("x", (3, 3, 3, 3), "float32"))[1]


def huge_png() -> bytes:
    """A PNG of a hundred bytes that says it has a thousand million pixels."""
    small = picture()
    head = small[12:16] + struct.pack(">II", 40_000, 25_000) + small[24:29]
    return small[:12] + head + struct.pack(">I", zlib.crc32(head)) + small[33:]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"../../etc/passwd": b"x"}, "a name that no plain archive has"),
        ({"/cats/1.png": picture()}, "a name that no plain archive has"),
        ({"cats\\..\\..\\1.png": picture()}, "a name that no plain archive has"),
        ({"C:/1.png": picture()}, "a name that no plain archive has"),
        ({"cats/\x1b[2J.png": picture()}, "a name that no plain archive has"),
        ({"cats/" + "a" * 2000: picture()}, "a name that no plain archive has"),
        ({"loose.png": picture()}, "holds 'loose.png' outside of any folder"),
        ({"cats/more/1.png": picture()}, "holds 'cats/more/1.png' in a folder within a folder"),
        ({"cats/inner.zip": b"PK\x03\x04" + b"x" * 100}, "an archive in the archive"),
        ({"cats/bomb.png": b"\0" * (20 * bounds.MIB)}, "unpacks 'cats/bomb.png' to 20,971,520 bytes out of"),
        ({"cats/huge.png": huge_png()}, "has 40,000 x 25,000 pixels; at most 40,000,000 are accepted"),
        ({"cats/notes.txt": b"hello"}, "the image 'cats/notes.txt' in data is no image of PNG, JPEG"),
        ({"cats/cut.png": picture(size=(99, 99), mode="RGB")[:-60]}, "image 'cats/cut.png' in data cannot be decoded"),
        ({"cats/drawing.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>"}, "is no image of PNG"),
        ({"cats/script.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"}, "is no image of PNG"),
    ],
)  # fmt: skip
def test_tricks_and_mistakes_are_refused_by_name(box: Box, files: dict[str, bytes], told: str) -> None:
    field, sentence = box.pack(pets(**files)).mistake()
    assert field == "data"
    assert told in sentence


def test_an_encrypted_member_a_link_and_a_strange_method_are_refused(box: Box) -> None:
    def changed(attribute: str, value: int) -> str:
        box.pack(pets())
        content = bytearray(box.path.read_bytes())
        start = content.index(b"PK\x01\x02")
        place, form = {"flags": (8, "<H"), "method": (10, "<H"), "attributes": (38, "<I")}[attribute]
        struct.pack_into(form, content, start + place, value)
        box.path.write_bytes(content)
        return box.mistake()[1]

    assert "is encrypted" in changed("flags", 1)
    assert "holds a link" in changed("attributes", 0o120777 << 16)
    assert "compressed in an unknown way" in changed("method", 98)


def test_members_that_share_their_bytes_are_refused(box: Box) -> None:
    """Fifield's bomb: many entries of the list, one stream of bytes."""
    box.pack({"a/1.png": picture(size=(300, 300), mode="RGB"), "b/1.png": picture()}, zipfile.ZIP_STORED)
    whole = box.path.read_bytes()
    start, end = whole.index(b"PK\x01\x02"), whole.index(b"PK\x05\x06")
    first = whole[start : whole.index(b"PK\x01\x02", start + 4)]
    entries = b"".join(first.replace(b"a/1.png", f"a/{n}.png".encode()) for n in range(2, 9)) + whole[start:end]
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 9, 9, len(entries), start, 0)
    box.path.write_bytes(whole[:start] + entries + tail)
    assert "files overlap" in box.mistake()[1]


def test_too_many_pictures_that_cannot_be_read_are_not_all_listed(box: Box) -> None:
    reading = box.pack(pets() | {f"cats/{n}.gif": b"GIF89a" for n in range(20)}).check()
    assert len(reading.problems) == 6


def test_one_folder_alone_and_an_empty_archive_are_named(box: Box) -> None:
    assert "a single folder, “cats”" in box.pack({"cats/1.png": picture()}).mistake()[1]
    assert "holds no images" in box.pack({"cats/.hidden": b"x"}).mistake()[1]
    assert "is an empty zip archive" in box.pack({}).mistake()[1]
    assert "is a Keras model" in box.pack({"metadata.json": b"{}", "config.json": b"{}"}).mistake()[1]
    assert "Office document" in box.pack({"[Content_Types].xml": b"x"}).mistake()[1]


def test_the_child_says_the_same(box: Box, tmp_path: Path) -> None:
    request = box.pack(pets()).request(scaling="unit")
    assert ChildIntake(tmp_path / "children").check_data(request) == check_data(request)


def test_a_file_of_some_other_kind_is_told_what_to_do(box: Box) -> None:
    others = [(b"\x89HDF\r\n\x1a\n", "HDF5"), (b"\x1f\x8b\x08", "gzip"), (b"\x80\x04", "pickle")]
    for content, told in [*others, (picture(), "single image")]:
        box.path.write_bytes(content)
        assert told in box.mistake()[1]
