"""A zip with one folder of images for each class: its list of members, checked before anything is unpacked."""

import dataclasses
import re
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path

from server.intake import bounds
from server.intake.damaged import ZIP_FAULTS, require_of_the_file
from server.intake.npy import UnusableArray

_IGNORED = re.compile(r"(^|/)(__MACOSX/|\.|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)
_ODD = re.compile(r"[\x00-\x1f\x7f\\]|^/|^[A-Za-z]:|(^|/)\.\.(/|$)")
_ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b")
_TRAINING = ("train", "training")
_HELD_OUT = ("val", "valid", "validation", "test")
_SMALL = bounds.MIB
_LAYOUT = "one folder for each class, with the images in it, is wanted"
Member = tuple[list[str], zipfile.ZipInfo]


@dataclass(frozen=True)
class ImageFile:
    """One image: its member and the number of its class."""

    member: zipfile.ZipInfo
    label: int

    @property
    def name(self) -> str:
        return self.member.filename


@dataclass(frozen=True)
class ImageArchive:
    """`classes` are the folders' names in order; images are in the order of class and name.

    `held_out`: where the archive has a folder for training and one for validation, each with the classes' folders.
    """

    path: Path
    classes: tuple[str, ...]
    images: tuple[ImageFile, ...]
    held_out: "ImageArchive | None" = None

    def counts(self) -> list[int]:
        counts = [0] * len(self.classes)
        for image in self.images:
            counts[image.label] += 1
        return counts

    def read(self, archive: zipfile.ZipFile, image: ImageFile) -> bytes:
        """The bytes of an image, no more than its member promised. Raises UnusableArray, naming it."""
        try:
            with archive.open(image.member) as member:
                content = member.read(image.member.file_size + 1)
        except ZIP_FAULTS as error:
            require_of_the_file(error)
            raise UnusableArray(f"holds '{image.name[:120]}', which is damaged") from None
        if len(content) != image.member.file_size:
            raise UnusableArray(f"holds '{image.name[:120]}', which is not of the size that the archive says")
        if content.startswith(_ARCHIVES):
            raise UnusableArray(f"holds '{image.name[:120]}', which is an archive in the archive: {_LAYOUT}")
        return content


def open_images(path: Path) -> ImageArchive:
    """Look at the list of members; no image is decoded. Raises UnusableArray."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except ZIP_FAULTS as error:
        require_of_the_file(error)
        raise UnusableArray("is a damaged zip archive") from None
    if len(infos) > bounds.IMAGE_MEMBERS:
        raise UnusableArray(f"holds {len(infos):,} files; at most {bounds.IMAGE_MEMBERS:,} are accepted")
    for info in infos:
        _require_harmless(info)
    kept = [info for info in infos if not info.is_dir() and not _IGNORED.search(info.filename)]
    if not kept:
        raise UnusableArray(f"holds no images: {_LAYOUT}")
    _require_size(kept, path.stat().st_size)
    training, held_out = _parts([(info.filename.split("/"), info) for info in kept])
    found = _archive(path, _placed(training))
    if len(found.classes) < 2:
        raise UnusableArray(f"holds a single folder, “{found.classes[0][:80]}”: {_LAYOUT}")
    return dataclasses.replace(found, held_out=_archive(path, _placed(held_out))) if held_out else found


def _archive(path: Path, placed: list[tuple[str, zipfile.ZipInfo]]) -> ImageArchive:
    classes = tuple(sorted({folder for folder, _ in placed}))
    number = {name: place for place, name in enumerate(classes)}
    images = [ImageFile(info, number[folder]) for folder, info in placed]
    return ImageArchive(path, classes, tuple(sorted(images, key=lambda image: (image.label, image.name))))


def _require_harmless(info: zipfile.ZipInfo) -> None:
    """Nothing is ever written under a member's name; an archive that tries tricks is refused all the same."""
    name = info.filename
    shown = name[:120].encode("unicode_escape").decode("ascii") if not name.isprintable() else name[:120]
    if _ODD.search(info.orig_filename) or len(name) > bounds.MEMBER_NAME:
        raise UnusableArray(f"holds a file called '{shown}', a name that no plain archive has")
    if info.flag_bits & 0x1:
        raise UnusableArray(f"is encrypted ('{shown}'): pack it without a password")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise UnusableArray(f"holds a link, '{shown}': pack the images themselves")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UnusableArray(f"holds '{shown}', which is compressed in an unknown way: use the ordinary zip method")
    if info.file_size > bounds.IMAGE_BYTES:
        raise UnusableArray(f"holds '{shown}' of {info.file_size:,} bytes; at most {bounds.IMAGE_BYTES:,} are accepted")
    if info.file_size > max(_SMALL, bounds.EXPANSION * info.compress_size):
        raise UnusableArray(f"unpacks '{shown}' to {info.file_size:,} bytes out of {info.compress_size:,}")


def _require_size(infos: list[zipfile.ZipInfo], size: int) -> None:
    """Members that overlap take more bytes together than the archive has."""
    if sum(info.compress_size for info in infos) > size:
        raise UnusableArray("is a damaged zip archive: its files overlap")
    total = sum(info.file_size for info in infos)
    if total > bounds.UNPACKED_BYTES:
        raise UnusableArray(f"unpacks to {total:,} bytes; at most {bounds.UNPACKED_BYTES:,} are accepted")


def _parts(members: list[Member]) -> tuple[list[Member], list[Member]]:
    """(training, validation): one folder around all is taken off, then folders called train and val, or the like."""
    if len({words[0] for words, _ in members}) == 1 and all(len(words) > 2 for words, _ in members):
        members = [(words[1:], info) for words, info in members]
    first = {words[0].lower() for words, _ in members}
    training, held_out = (next((name for name in names if name in first), "") for names in (_TRAINING, _HELD_OUT))
    if not (training and held_out) or first - {training, held_out}:
        return members, []
    inside = [(words[0].lower(), (words[1:], info)) for words, info in members]
    parts = [[member for name, member in inside if name == part] for part in (training, held_out)]
    return parts[0], parts[1]


def _placed(members: list[Member]) -> list[tuple[str, zipfile.ZipInfo]]:
    """(folder, member) for each."""
    for words, info in members:
        if len(words) == 1:
            raise UnusableArray(f"holds '{info.filename[:120]}' outside of any folder: {_LAYOUT}")
        if len(words) > 2:
            raise UnusableArray(f"holds '{info.filename[:120]}' in a folder within a folder: {_LAYOUT}")
        if len(words[0]) > bounds.CLASS_LETTERS or not words[0].strip():
            raise UnusableArray(f"holds a folder whose name is no class's: “{words[0][:40]}”")
    return [(words[0], info) for words, info in members]
