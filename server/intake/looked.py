"""One uploaded data file, opened and understood as far as it can be without the model: every kind of file."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from server.intake.csv_files import open_csv
from server.intake.formats import CSV, IMAGES, NPY, NPZ, PARQUET, kind_of
from server.intake.image_archive import ImageArchive, open_images
from server.intake.parquet_files import open_parquet
from server.intake.tables import Table
from server.intake.uploads import plain_arrays
from server.rules.intake_values import ArrayFile


@dataclass(frozen=True)
class Looked:
    """What the file of a form's field holds: arrays by name (npy, npz), a table (csv, parquet) or images."""

    field: str
    kind: str
    arrays: dict[str, ArrayFile] = dataclasses.field(default_factory=dict)
    table: Table | None = None
    images: ImageArchive | None = None


def look(path: Path, folder: Path, field: str, label_columns: frozenset[str]) -> Looked:
    """Open and look through; what has to be unpacked goes to `folder`.

    Raises UnusableArray, whose message continues a sentence beginning with what the upload is called.
    """
    kind = kind_of(path)
    if kind in (NPY, NPZ):
        return Looked(field, kind, arrays=plain_arrays(path, kind, folder, field))
    if kind == CSV:
        return Looked(field, kind, table=open_csv(path, label_columns))
    if kind == PARQUET:
        return Looked(field, kind, table=open_parquet(path, label_columns))
    assert kind == IMAGES
    return Looked(field, kind, images=open_images(path))
