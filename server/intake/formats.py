"""What kind of file an upload is, by its first bytes and by what a zip holds; never by its name."""

import zipfile
from pathlib import Path

from server.intake import bounds
from server.intake.damaged import ZIP_FAULTS, require_of_the_file
from server.intake.npy import MAGIC, UnusableArray

NPY, NPZ, CSV, PARQUET, IMAGES = "npy", "npz", "csv", "parquet", "images"

_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
# What people upload by mistake, and what to do instead.
_OTHERS = (
    (b"\x89HDF\r\n\x1a\n", "is an HDF5 file: save the arrays with numpy.save"),
    (b"\x1f\x8b", "is compressed with gzip: unpack it first"),
    (b"Rar!", "is a .rar archive: pack the images as .zip"),
    (b"7z\xbc\xaf", "is a .7z archive: pack the images as .zip"),
    (b"\x89PNG", "is a single image: pack the images as a .zip with one folder for each class"),
    (b"\xff\xd8\xff", "is a single image: pack the images as a .zip with one folder for each class"),
    (b"\xd0\xcf\x11\xe0", "is an Excel workbook: save the sheet as CSV"),
    (b"%PDF", "is a PDF"),
    (b"\x80\x04", "is a pickle, which is never opened: save arrays with numpy.save, tables as CSV or Parquet"),
    (b"\x80\x05", "is a pickle, which is never opened: save arrays with numpy.save, tables as CSV or Parquet"),
)


def kind_of(path: Path) -> str:
    """One of the five kinds; text is CSV. Raises UnusableArray."""
    size = path.stat().st_size
    if size == 0:
        raise UnusableArray("is empty")
    if size > bounds.DATA_FILE_BYTES:
        raise UnusableArray(f"is {size:,} bytes long; at most {bounds.DATA_FILE_BYTES:,} are accepted")
    with path.open("rb") as file:
        first = file.read(8)
    if first.startswith(MAGIC):
        return NPY
    if first.startswith((_ZIP, _EMPTY_ZIP)):
        return _kind_of_zip(path)
    for magic, sentence in _OTHERS:
        if first.startswith(magic):
            raise UnusableArray(sentence)
    return PARQUET if first.startswith(b"PAR1") else CSV


def _kind_of_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist()]
    except ZIP_FAULTS as error:
        require_of_the_file(error)
        raise UnusableArray("is a damaged zip archive") from None
    if not names:
        raise UnusableArray("is an empty zip archive")
    if "[Content_Types].xml" in names:
        raise UnusableArray("is an Office document: save the sheet as CSV")
    if {"metadata.json", "config.json"} <= set(names):
        raise UnusableArray("is a Keras model: choose it as the model, and here the examples to train on")
    return NPZ if any(name.endswith(".npy") for name in names) else IMAGES
