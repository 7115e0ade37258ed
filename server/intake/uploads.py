"""An uploaded .npy or .npz turned into plain .npy files in C order. Nothing is ever unpickled."""

import math
import zipfile
from pathlib import Path

from server.intake import bounds, space
from server.intake.blocks import write_npy
from server.intake.damaged import ZIP_FAULTS, require_of_the_file
from server.intake.formats import NPY, NPZ
from server.intake.npy import Header, UnusableArray, open_array, read_header
from server.rules.intake_values import ArrayFile


def plain_arrays(upload: Path, kind: str, folder: Path, prefix: str) -> dict[str, ArrayFile]:
    """Array name -> file, of an upload that `formats.kind_of` says is of that `kind`; a .npy has the one name "".

    New files go to `folder`, named after `prefix`.
    Arrays of short texts are let through, for they may be labels. Raises UnusableArray, whose message continues a
    sentence beginning with what the upload is called.
    """
    if kind == NPY:
        return {"": _plain(upload, folder, "", prefix)}
    assert kind == NPZ
    members = _unpack(upload, folder, prefix)
    return {name: _plain(path, folder, name, f"{prefix}-{i}") for i, (name, path) in enumerate(members.items())}


def _plain(path: Path, folder: Path, name: str, prefix: str) -> ArrayFile:
    array = open_array(path, text=True)
    if array.ndim == 0:
        raise UnusableArray("is a single number, not an array of examples")
    if array.shape[0] > bounds.ROWS:
        raise UnusableArray(f"has {array.shape[0]:,} rows; at most {bounds.ROWS:,} are accepted")
    if not array.flags.c_contiguous or not array.dtype.isnative:
        path = folder / f"{prefix}-plain.npy"
        space.take(folder, array.nbytes)
        write_npy(path, array)
    return ArrayFile(name, str(path), array.dtype.newbyteorder("=").str, array.shape, array.shape[1:])


def _unpack(upload: Path, folder: Path, prefix: str) -> dict[str, Path]:
    try:
        with zipfile.ZipFile(upload) as archive:
            members = _checked_members(archive)
            space.take(folder, sum(info.file_size for info in members.values()))
            paths: dict[str, Path] = {}
            for number, (name, info) in enumerate(members.items()):
                path = folder / f"{prefix}-member-{number}.npy"
                with archive.open(info) as source, path.open("wb") as sink:
                    while block := source.read(bounds.MIB):
                        sink.write(block)
                paths[name] = path
            return paths
    except UnusableArray:
        raise
    except ZIP_FAULTS as error:
        require_of_the_file(error)
        raise UnusableArray("is a damaged .npz archive") from None


def _checked_members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Each member's header is compared with its declared size before anything is unpacked."""
    infos = archive.infolist()
    if not infos:
        raise UnusableArray("is an empty .npz archive")
    if len(infos) > bounds.NPZ_MEMBERS:
        raise UnusableArray(f"holds {len(infos):,} arrays; at most {bounds.NPZ_MEMBERS} are accepted")
    total = sum(info.file_size for info in infos)
    if total > bounds.UNPACKED_BYTES:
        raise UnusableArray(f"unpacks to {total:,} bytes; at most {bounds.UNPACKED_BYTES:,} are accepted")
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = info.filename.removesuffix(".npy")
        if name == info.filename or name in members or info.flag_bits & 0x1:
            raise UnusableArray(f"holds '{info.filename[:80]}', which numpy.savez would not have written")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UnusableArray("is compressed in an unknown way; numpy.savez_compressed uses deflate")
        if info.file_size > max(bounds.UNPACKED_UNSUSPICIOUS, bounds.EXPANSION * info.compress_size):
            raise UnusableArray(
                f"unpacks '{name[:80]}' to {info.file_size:,} bytes out of {info.compress_size:,}"
            )
        _require_numbers(archive, info, name)
        members[name] = info
    return members


def _require_numbers(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Header:
    with archive.open(info) as member:
        try:
            return read_header(member, info.file_size, text=True)  # type: ignore[arg-type]
        except UnusableArray as error:
            raise UnusableArray(f"holds an array '{name[:80]}' that {error}") from None


def size_in_bytes(array: ArrayFile) -> int:
    """What the numbers of the array take on disk."""
    return math.prod(array.shape) * int(array.dtype[2:])
