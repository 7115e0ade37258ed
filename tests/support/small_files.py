"""Small models, and the same digits in every format that the form takes."""

import csv
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.digits import digits, small_cnn

ROWS = 400
LABEL = "digit"


def write_models(folder: Path) -> dict[str, Path]:
    """`images`: for (8, 8, 1); `table`: for 64 columns; `lambda`: holds code, so the grid must refuse it."""
    import keras

    keras.utils.set_random_seed(3)
    dense = keras.layers.Dense
    table = keras.Sequential([keras.Input((64,)), dense(24, activation="relu"), dense(10, activation="softmax")])
    code = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Lambda(_twice), keras.layers.Flatten(), dense(10)])
    for model in (table, code):
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    found = {"images": small_cnn(rate=0.003), "table": table, "lambda": code}
    for name, model in found.items():
        model.save(folder / f"{name}.keras")
    return {name: folder / f"{name}.keras" for name in found}


def _twice(x: Any) -> Any:
    return 2 * x


def write_formats(folder: Path) -> dict[str, dict[str, Path]]:
    """Format -> what to choose in the form: `data`, and `labels` where the data file does not hold them."""
    (x, y), _ = digits()
    x, y = x[:ROWS], y[:ROWS]
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)
    np.savez(folder / "x.npz", x=x)
    np.savez(folder / "y.npz", y=y)
    names = [f"pixel {number}" for number in range(64)]
    columns = dict(zip(names, x.reshape(ROWS, 64).T, strict=True))
    _write_csv(folder / "digits.csv", columns, y)
    _write_parquet(folder / "digits.parquet", columns, y)
    _write_images(folder / "digits.zip", x, y)
    return {
        "npy": {"data": folder / "x.npy", "labels": folder / "y.npy"},
        "npz": {"data": folder / "x.npz", "labels": folder / "y.npz"},
        "csv": {"data": folder / "digits.csv"},
        "images": {"data": folder / "digits.zip"},
        "parquet": {"data": folder / "digits.parquet"},
    }


def _write_csv(path: Path, columns: dict[str, Any], y: Any) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, LABEL])
        writer.writerows(zip(*(np.round(one, 4) for one in columns.values()), y, strict=True))


def _write_parquet(path: Path, columns: dict[str, Any], y: Any) -> None:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({**columns, LABEL: y}), path)


def _write_images(path: Path, x: Any, y: Any) -> None:
    from PIL import Image

    with zipfile.ZipFile(path, "w") as archive:
        for number, (picture, label) in enumerate(zip(x, y, strict=True)):
            out = io.BytesIO()
            Image.fromarray(np.uint8(255 * picture[:, :, 0])).save(out, "PNG")
            archive.writestr(f"digits/{label}/{number:04}.png", out.getvalue())
