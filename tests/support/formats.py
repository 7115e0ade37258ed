"""The same sixty small pictures of three kinds of trees, as a file of every format that the intake takes.

Each function writes `data` into a folder, and returns the path of a file of labels where the format needs one.
"""

import io
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from volunteer.plan.objectives import LabelRule
from volunteer.plan.shapes import InputSpec

RULE = LabelRule("integer", 3, ())
SPEC = InputSpec("image", (8, 8, 1), "float32")
# In the order of class and name, which is the order in which an archive of images is read.
Y = np.repeat(np.arange(3), 20)
X = np.random.default_rng(2).integers(0, 256, (60, 8, 8, 1), np.uint8)
WORDS = np.array(["ash", "beech", "cedar"])


def as_npy(folder: Path) -> str | None:
    with (folder / "data").open("wb") as file:
        np.save(file, X)
    with (folder / "labels").open("wb") as file:
        np.save(file, WORDS[Y])
    return str(folder / "labels")


def as_npz(folder: Path) -> str | None:
    with (folder / "data").open("wb") as file:
        np.savez_compressed(file, x=X, y=Y * 10)
    return None


def as_csv(folder: Path) -> str | None:
    rows = [",".join(map(str, x.ravel())) + f",{WORDS[y]}" for x, y in zip(X, Y, strict=True)]
    header = ",".join(f"p{number}" for number in range(64)) + ",tree"
    (folder / "data").write_text("\r\n".join([header, *rows]))
    return None


def as_parquet(folder: Path) -> str | None:
    columns = {f"p{number}": X.reshape(60, 64)[:, number] for number in range(64)}
    pq.write_table(pa.table({"tree": WORDS[Y], **columns}), folder / "data", row_group_size=7)
    return None


def as_images(folder: Path) -> str | None:
    with zipfile.ZipFile(folder / "data", "w") as archive:
        for number, (x, y) in enumerate(zip(X, Y, strict=True)):
            buffer = io.BytesIO()
            Image.fromarray(x[..., 0]).save(buffer, "PNG")
            archive.writestr(f"{WORDS[y]}/{number:03}.png", buffer.getvalue())
    return None


ALL = (as_npy, as_npz, as_csv, as_parquet, as_images)
