"""An uploaded model file taken apart: its JSON settings as data, its weights surveyed. Knows no Keras."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from server.intake import bounds
from server.intake.damaged import MODEL_DAMAGED, OF_THIS_MACHINE, damaged
from server.intake.hdf5_attributes import read_text
from server.intake.hdf5_walk import open_file, survey
from server.intake.json_text import parse_object
from server.intake.keras_zip import unpack
from server.intake.weights_layout import Layout, legacy_layout, tree_layout
from volunteer.plan.refused import Refused

_HDF5_MAGIC, _ZIP_MAGIC = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"
ROOT_TEXTS = ("keras_version", "backend", "model_config", "training_config")


@dataclass(frozen=True)
class ModelFile:
    """`settings` is the model's config, `compiled` what it was compiled with (None: not compiled).

    `weights` is the open HDF5 file that `layout` describes. `texts` are the parts that a rewritten file keeps
    as they are: root attributes (kind "h5") or archive members (kind "keras").
    """

    kind: str
    keras_version: str
    settings: dict[str, Any]
    compiled: dict[str, Any] | None
    weights: h5py.File
    layout: Layout
    texts: dict[str, bytes]


@contextmanager
def open_model(path: Path, folder: Path) -> Iterator[ModelFile]:
    """Open by magic bytes, whatever the name says; `folder` takes the unpacked weights. Raises Refused."""
    size = path.stat().st_size
    if size > bounds.MODEL_FILE_BYTES:
        raise Refused(
            f"The model file is {size:,} bytes long; at most {bounds.MODEL_FILE_BYTES:,} are accepted."
        )
    with path.open("rb") as file:
        magic = file.read(8)
    try:
        if magic == _HDF5_MAGIC:
            with open_file(path) as weights:
                yield _legacy(weights)
        elif magic.startswith(_ZIP_MAGIC):
            unpacked = unpack(path, folder)
            with open_file(unpacked.weights) as weights:
                yield _archive(weights, unpacked.config, unpacked.metadata)
        else:
            raise Refused(
                "This is neither an .h5 nor a .keras file. Save the model with model.save('model.keras')."
            )
    except (OSError, RuntimeError, KeyError, EOFError) as error:
        # h5py has no error of its own: a damaged file shows as any of these.
        if isinstance(error, OSError) and error.errno in OF_THIS_MACHINE:
            raise
        raise Refused(MODEL_DAMAGED) from error


def _legacy(file: h5py.File) -> ModelFile:
    found = survey(file)
    texts = {name: text.encode("utf-8") for name in ROOT_TEXTS if (text := read_text(file, name)) is not None}
    if "model_config" not in texts:
        raise Refused(
            "The .h5 file holds weights but no model. Save the whole model with model.save, not save_weights."
        )
    compiled = texts.get("training_config")
    return ModelFile(
        kind="h5",
        keras_version=_short(texts.get("keras_version", b"2.0").decode("utf-8", "replace")),
        settings=parse_object(texts["model_config"], "model's configuration"),
        compiled=None if compiled is None else parse_object(compiled, "model's training configuration"),
        weights=file,
        layout=legacy_layout(file, found),
        texts=texts,
    )


def _archive(file: h5py.File, config: bytes, metadata: bytes) -> ModelFile:
    settings = parse_object(config, "model's config.json")
    version = parse_object(metadata, "model's metadata.json").get("keras_version")
    if not isinstance(version, str):
        raise damaged("metadata.json does not say which Keras wrote it")
    compiled = settings.get("compile_config")
    return ModelFile(
        kind="keras",
        keras_version=_short(version),
        settings=settings,
        compiled=compiled if isinstance(compiled, dict) else None,
        weights=file,
        layout=tree_layout(file, survey(file)),
        texts={"config.json": config, "metadata.json": metadata},
    )


def _short(version: str) -> str:
    return version[:40]
