"""Arrays from people: what is plain is mapped, the rest is refused with the reason; nothing is unpickled."""

import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.intake.formats import NPY, NPZ
from server.intake.npy import UnusableArray, open_array
from server.intake.uploads import plain_arrays


class Harmful:
    """Touches a file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self.canary), "w"))


def npy(header: bytes, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    length = struct.pack("<H", len(header)) if version == b"\x01\x00" else struct.pack("<I", len(header))
    return b"\x93NUMPY" + version + length + header + data


def refusal(path: Path) -> str:
    with pytest.raises(UnusableArray) as caught:
        plain_arrays(path, path.suffix[1:], path.parent, "data")
    return str(caught.value)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "|u1", ">i2", "<i8", "|b1", "<f2"])
def test_any_order_and_byte_order_comes_out_the_same(order: Any, dtype: str, tmp_path: Path) -> None:
    array = np.asarray(np.arange(24).reshape(4, 3, 2) % 2, dtype=dtype, order=order)
    np.save(tmp_path / "a.npy", array)
    found = plain_arrays(tmp_path / "a.npy", NPY, tmp_path, "data")[""]
    opened = open_array(Path(found.path))
    assert opened.flags.c_contiguous
    assert opened.dtype.isnative
    assert np.array_equal(opened, array)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_the_arrays_of_an_npz_are_found_by_name(save: Any, tmp_path: Path) -> None:
    save(tmp_path / "a.npz", left=np.ones((3, 2), "f4"), right=np.asfortranarray(np.eye(3)))
    found = plain_arrays(tmp_path / "a.npz", NPZ, tmp_path, "data")
    assert {name: array.shape for name, array in found.items()} == {"left": (3, 2), "right": (3, 3)}
    assert np.array_equal(open_array(Path(found["right"].path)), np.eye(3))


def test_pickled_arrays_are_refused_and_never_unpickled(tmp_path: Path) -> None:
    canary = tmp_path / "executed"
    array = np.array([Harmful(canary)], dtype=object)
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=array, allow_pickle=True)
    (tmp_path / "raw.npy").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    assert "object array" in refusal(tmp_path / "a.npy")
    assert "object array" in refusal(tmp_path / "a.npz")
    assert "not a .npy array" in refusal(tmp_path / "raw.npy")
    assert not canary.exists()


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.array(["a" * 1025]), "too long to be labels"),
        (np.array([b"a"], "S4097"), "too long to be labels"),
        (np.zeros(3, [("a", "f4"), ("b", "i4")]), "structured"),
        (np.zeros(3, "c8"), "complex"),
        (np.zeros(3, "M8[s]"), "damaged|dates"),
        (np.float32(3), "single number"),
        (np.zeros((1,) * 7), "dimensions"),
    ],
)
def test_what_is_not_an_array_of_numbers_is_refused_with_the_reason(
    array: Any, reason: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(UnusableArray, match=reason):
        plain_arrays(tmp_path / "a.npy", NPY, tmp_path, "data")


@pytest.mark.parametrize(
    "raw",
    [
        npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }"),
        npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", b"\0" * 9),
        npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", b"\0" * 8),
        npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (True,), }", b"\0" * 4),
        npy(b"{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }", b"\0" * 4),
        npy(b"{'descr': '<f16', 'fortran_order': False, 'shape': (1,), }", b"\0" * 16),
        npy(b"{'descr': 'O', 'fortran_order': False, 'shape': (1,), }", b"\0" * 8),
        npy(b"__import__('os').system('true')"),
        npy(b"(" * 4000),
        npy(b"{'descr': '<f4'}"),
        npy(b"\xff\xfe"),
        npy(b" " * 60_000),
        npy(b"{}", version=b"\x09\x00"),
        npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }")[:30],
        b"\x93NUMPY",
        b"",
        b"PK\x03\x04" + b"\0" * 50,
    ],
)
def test_a_lying_or_damaged_header_is_refused(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(raw)
    assert refusal(tmp_path / "a.npy")


def test_an_npz_that_would_fill_the_disk_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (100000000,), }"
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", npy(header, b"\0" * 100_000_000))
    assert "unpacks 'x' to 100,000" in refusal(tmp_path / "a.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_a_member_that_is_no_array_or_stands_twice_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("../x.txt", b"x")
    assert "numpy.savez would not" in refusal(tmp_path / "a.npz")
