"""A .keras archive: exactly three members, each within bounds, unpacked under names of our own."""

import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from server.intake import bounds
from server.intake.damaged import damaged
from volunteer.plan.refused import Refused

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_MEMBERS = {CONFIG, METADATA, WEIGHTS}
_END, _END64_LOCATOR = b"PK\x05\x06", b"PK\x06\x07"


@dataclass(frozen=True)
class Unpacked:
    """The two small members as bytes, and the file that the weights were unpacked to."""

    config: bytes
    metadata: bytes
    weights: Path


def unpack(path: Path, folder: Path) -> Unpacked:
    """Check the archive and unpack it; raises Refused."""
    try:
        with path.open("rb") as file:
            _require_small_directory(file)
            with zipfile.ZipFile(file) as archive:
                members = _checked_members(archive)
                target = folder / WEIGHTS
                with archive.open(members[WEIGHTS]) as source, target.open("xb") as sink:
                    while block := source.read(bounds.MIB):
                        sink.write(block)
                return Unpacked(archive.read(members[CONFIG]), archive.read(members[METADATA]), target)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error):
        raise damaged("the archive is damaged or cut short") from None


def _require_small_directory(file: BinaryIO) -> None:
    """The table of contents is parsed whole by zipfile, so its size is looked at first."""
    size = file.seek(0, 2)
    start = max(0, size - 22 - 65_535 - 20)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + 22:
        raise damaged("the archive is cut short")
    entries, length = struct.unpack("<HI", tail[at + 10 : at + 16])
    if tail[max(0, at - 20) : at].startswith(_END64_LOCATOR) or entries > 1000 or length > bounds.MIB:
        raise Refused("The .keras archive has too many members; Keras writes three.")
    file.seek(0)


def _checked_members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        if info.filename not in _MEMBERS:
            raise Refused(
                f"The .keras archive holds '{info.filename[:80]}': only {', '.join(sorted(_MEMBERS))} "
                "are accepted (layers with files of their own, like lookup tables, cannot be trained here)."
            )
        if info.filename in members:
            raise Refused(f"The .keras archive holds '{info.filename}' twice.")
        if info.flag_bits & 0x1:
            raise Refused("The .keras archive is encrypted; upload it without a password.")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Refused(
                "The .keras archive is compressed in an unknown way; Keras stores without compression."
            )
        limit = bounds.MODEL_FILE_BYTES if info.filename == WEIGHTS else bounds.JSON_BYTES
        allowed = max(bounds.SMALL_BYTES, bounds.EXPANSION * info.compress_size)
        if info.file_size > min(limit, allowed):
            raise Refused(
                f"The .keras archive's '{info.filename}' unpacks to {info.file_size:,} bytes: too much."
            )
        members[info.filename] = info
    missing = sorted(_MEMBERS - set(members))
    if missing:
        raise damaged(f"the archive lacks {', '.join(missing)}")
    return members
