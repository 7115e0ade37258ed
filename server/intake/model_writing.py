"""The requestor's own model file with new weights: settings untouched, stale optimizer state left out."""

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from server.intake.keras_zip import CONFIG, METADATA, WEIGHTS
from server.intake.model_file import ModelFile, open_model
from server.intake.weights_writing import write_original
from server.rules.intake_values import WriteRequest
from volunteer.plan.project_plan import Role, split
from volunteer.protocol import tensors

Vector = NDArray[np.float32]


def write_model(request: WriteRequest, scratch: Path) -> Path:
    """Write `request.out`; a crash leaves the old or the new file. Raises Refused, OSError, ValueError."""
    replaced = _replacements(request)
    out = Path(request.out)
    with open_model(Path(request.original), scratch) as file:
        unknown = set(replaced) - {entry.clean for entry in file.layout.entries}
        if unknown:
            raise ValueError(f"the model file has no {sorted(unknown)}")
        with _replacing(out) as partial:
            if file.kind == "h5":
                _write_h5(file, partial, replaced)
            else:
                _write_archive(file, partial, replaced, scratch)
    return out


def _replacements(request: WriteRequest) -> dict[str, Vector]:
    """Clean path -> the variable's new numbers."""
    vectors, _ = tensors.load(Path(request.weights))
    if request.frozen is not None:
        vectors |= tensors.load(Path(request.frozen))[0]
    replaced: dict[str, Vector] = {}
    pairs = list(zip(request.variables, request.sources, strict=True))
    for role in Role:
        of_role = [(spec, source) for spec, source in pairs if spec.role is role]
        if not of_role or (role is Role.frozen and request.frozen is None):
            continue
        parts = split(vectors[role.value], [spec for spec, _ in of_role])
        for (_spec, source), part in zip(of_role, parts, strict=True):
            replaced[source] = part
    return replaced


def _write_h5(file: ModelFile, path: Path, replaced: dict[str, Vector]) -> None:
    with h5py.File(path, "w") as target:
        for name, text in file.texts.items():
            target.attrs[name] = text
        write_original(file.weights, file.layout, target, replaced)


def _write_archive(file: ModelFile, path: Path, replaced: dict[str, Vector], scratch: Path) -> None:
    weights = scratch / "rewritten.weights.h5"
    with h5py.File(weights, "w") as target:
        write_original(file.weights, file.layout, target, replaced)
    with zipfile.ZipFile(path, "w") as archive:
        for name in (METADATA, CONFIG):
            archive.writestr(name, file.texts[name])
        archive.write(weights, WEIGHTS)
    weights.unlink()


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        yield partial
        _flush(partial)
        partial.replace(out)
        _flush(out.parent)
    finally:
        partial.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
