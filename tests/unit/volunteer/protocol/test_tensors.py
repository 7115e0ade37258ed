import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from volunteer.protocol.gradients import GradientBlob, GradientClaim, GradientSizes, inspect_gradient
from volunteer.protocol.tensors import MAX_HEADER, MalformedTensors, inspect, load, read_metadata, save

TENSORS = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.array([1, 2], np.int64), "s": np.array(3.5)}


def packed(header: Any, body: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


def test_tensors_survive_the_journey_with_their_dtypes_and_shapes(file: Path) -> None:
    file.write_bytes(save(TENSORS, {"x": "1"}))
    for source in (file, file.read_bytes()):
        tensors, metadata = load(source)
        assert metadata == {"x": "1"}
        assert set(tensors) == set(TENSORS)
        for name, array in TENSORS.items():
            np.testing.assert_array_equal(tensors[name], array, strict=True)


def test_the_same_tensors_are_the_same_bytes() -> None:
    metadata = dict.fromkeys("zyxwvu", "1")
    first = save(TENSORS, metadata)
    assert save(dict(reversed(TENSORS.items())), dict(reversed(metadata.items()))) == first
    assert save({**TENSORS, "b": np.asfortranarray(TENSORS["b"])}, metadata) == first
    assert len(first) % 8 == (len(first) - struct.unpack("<Q", first[:8])[0]) % 8


def test_the_header_alone_tells_names_dtypes_and_shapes(file: Path) -> None:
    file.write_bytes(save(TENSORS, {"x": "1"}))
    assert inspect(file) == ({"a": ("I64", (2,)), "b": ("F32", (2, 3)), "s": ("F64", ())}, {"x": "1"})


def test_no_metadata_is_none(file: Path) -> None:
    file.write_bytes(save(TENSORS))
    assert inspect(file)[1] == load(file)[1] == read_metadata(file.read_bytes()) == {}


GOOD = save({"a": np.zeros(4, np.float32)})
MALFORMED = {
    "empty": b"",
    "seven bytes": b"1234567",
    "a header beyond the file": packed({}, length=100),
    "an endless header": packed({}, length=2**63),
    "a header that is too long": packed(b" " * (MAX_HEADER + 1)),
    "no JSON": packed(b"{oops}"),
    "a list": packed([]),
    "deeply nested": packed(b"[" * 200_000),
    "not UTF-8": packed(b"\xff\xff"),
    "cut off": GOOD[:-1],
    "too long": GOOD + b"x",
    "an entry without a shape": packed({"a": {"dtype": "F32", "data_offsets": [0, 4]}}, b"1234"),
    "an entry that is text": packed({"a": "F32"}),
    "one offset": packed({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4]}}, b"1234"),
    "offsets beyond all numbers": packed(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,1e999]}}', b"1234"),
    "a shape beyond all numbers": packed(b'{"a":{"dtype":"F32","shape":[1e999],"data_offsets":[0,4]}}', b"1234"),
    "a digit too many": packed(b'{"a":{"dtype":"F32","shape":[' + b"9" * 5000 + b'],"data_offsets":[0,4]}}', b"1234"),
    "metadata that are numbers": packed({"__metadata__": {"x": 1}}),
    "metadata that are a list": packed({"__metadata__": []}),
    "a pickle": b"\x80\x04\x95" + b"x" * 50,
}


@pytest.mark.parametrize("what", MALFORMED)
def test_what_is_no_safetensors_file_is_refused_by_its_header(file: Path, what: str) -> None:
    file.write_bytes(MALFORMED[what])
    with pytest.raises(MalformedTensors):
        inspect(file)
    with pytest.raises(MalformedTensors):
        load(MALFORMED[what])


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [4], "data_offsets": [4, 16]},
        {"dtype": "F32", "shape": [3], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [-4], "data_offsets": [0, 16]},
        {"dtype": "F31", "shape": [4], "data_offsets": [0, 16]},
    ],
)
def test_a_header_that_lies_about_the_bytes_is_found_when_they_are_read(entry: dict[str, Any]) -> None:
    with pytest.raises(MalformedTensors):
        load(packed({"a": entry}, bytes(16)))


def gradient(**changes: Any) -> GradientBlob:
    values = {
        "gradient": np.ones(3, np.float32), "moving": np.zeros(0, np.float32), "sums": np.ones(2),
        "mini_batches": 2, "examples": 8, "seconds": 0.5,
    }  # fmt: skip
    return GradientBlob(**{**values, **changes})


def test_a_gradient_survives_the_journey(file: Path) -> None:
    blob = gradient(seconds=0.1 + 0.2)
    again = GradientBlob.decode(blob.encode())
    np.testing.assert_array_equal(again.gradient, blob.gradient)
    assert (again.mini_batches, again.examples, again.seconds) == (2, 8, 0.1 + 0.2)
    file.write_bytes(blob.encode())
    sizes = GradientSizes(3, 0, 2)
    assert inspect_gradient(file, sizes) == GradientClaim(2, 8, 0.1 + 0.2)
    assert file.stat().st_size <= sizes.most_bytes


@pytest.mark.parametrize("sizes", [(2, 0, 2), (3, 1, 2), (3, 0, 1)])
def test_a_gradient_of_another_project_is_refused_by_its_header(file: Path, sizes: tuple[int, int, int]) -> None:
    file.write_bytes(gradient().encode())
    with pytest.raises(MalformedTensors):
        inspect_gradient(file, GradientSizes(*sizes))


@pytest.mark.parametrize(
    "changes",
    [
        {"mini_batches": 0},
        {"examples": -1},
        {"seconds": -0.1},
        {"seconds": float("nan")},
        {"seconds": float("inf")},
        {"mini_batches": "two"},
        {"examples": 1.5},
        {"gradient": np.ones(3, np.float64)},
        {"gradient": np.ones((1, 3), np.float32)},
        {"sums": np.ones(2, np.float32)},
    ],
    ids=str,
)
def test_a_gradient_whose_numbers_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedTensors):
        GradientBlob.decode(gradient(**changes).encode())


def test_a_gradient_must_have_its_three_vectors_and_its_three_numbers() -> None:
    vectors = {"gradient": np.ones(1, np.float32), "moving": np.ones(1, np.float32), "sums": np.ones(1)}
    numbers = {"mini_batches": "1", "examples": "1", "seconds": "1"}
    GradientBlob.decode(save(vectors, numbers))
    for name in vectors:
        with pytest.raises(MalformedTensors):
            GradientBlob.decode(save({n: v for n, v in vectors.items() if n != name}, numbers))
    for name in numbers:
        with pytest.raises(MalformedTensors):
            GradientBlob.decode(save(vectors, {n: v for n, v in numbers.items() if n != name}))
    with pytest.raises(MalformedTensors):
        GradientBlob.decode(save({**vectors, "more": np.ones(1)}, numbers))
