"""Shared: the manifest of a release of the volunteer's program, and what its versions and file names mean.

Its signature is over the manifest's exact bytes: whoever reads one checks before reading, and never writes it anew.
"""

import enum
import re
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from volunteer.protocol.messages import Sha256

MANIFEST, SIGNATURE, PUBLIC_KEY = "manifest.json", "manifest.json.sig", "release-key.pub"
MOST_OF_A_MANIFEST = 2**18
MOST_OF_A_FILE = 8 * 2**30

Version = Annotated[str, Meta(pattern=r"^[0-9]{1,6}(\.[0-9]{1,6}){1,3}$", max_length=40)]
FileName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=150)]


class Platform(enum.StrEnum):
    """System and processor that a program was built for."""

    linux_x86_64 = "linux-x86_64"
    linux_aarch64 = "linux-aarch64"
    windows_x86_64 = "windows-x86_64"
    windows_arm64 = "windows-arm64"
    macos_x86_64 = "macos-x86_64"
    macos_arm64 = "macos-arm64"


class Kind(enum.StrEnum):
    """What kind of installer a file is, by the end of its name."""

    deb = ".deb"
    tarball = ".tar.gz"
    exe = ".exe"
    dmg = ".dmg"


class ReleaseFile(msgspec.Struct, frozen=True):
    """One installer. `platform` is one of `Platform`, or one that a newer grid knows."""

    platform: Annotated[str, Meta(min_length=1, max_length=50)]
    file: FileName
    size: Annotated[int, Meta(ge=1, le=MOST_OF_A_FILE)]
    sha256: Sha256


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True):
    """All installers of one version, and when they were signed: of two manifests the later one counts.

    `server`: the address of the grid that these installers know by a join file inside, if they do.
    """

    version: Version
    files: Annotated[list[ReleaseFile], Meta(min_length=1, max_length=100)]
    created_at: Annotated[datetime, Meta(tz=True)]
    server: Annotated[str, Meta(max_length=500)] = ""


_SYSTEMS = {Kind.deb: "linux", Kind.tarball: "linux", Kind.exe: "windows", Kind.dmg: "macos"}
_PROCESSORS = {"x86_64": "x86_64", "amd64": "x86_64", "x64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
_PART = re.compile(r"(?<![A-Za-z0-9])(x86_64|amd64|x64|aarch64|arm64)(?![A-Za-z0-9])", re.IGNORECASE)
_VERSION = re.compile(r"(?<=[-_])([0-9]{1,6}(?:\.[0-9]{1,6}){1,3})(?=[-_.][A-Za-z])")


def is_newer(one: str, other: str) -> bool:
    """Whether the version `one` comes after `other`: 0.10 after 0.9, and 1.0 is 1.0.0."""
    return _numbers(one) > _numbers(other)


def kind_of(name: str) -> Kind | None:
    """The installer's kind; None for a file that is none."""
    return next((kind for kind in Kind if name.endswith(kind)), None)


def platform_of(name: str) -> str | None:
    """What an installer is for, by its name (`..._amd64.deb`, `...-macos-arm64.dmg`); None when that does not say."""
    kind, found = kind_of(name), _PART.search(name)
    if kind is None or found is None:
        return None
    return platform_named(_SYSTEMS[kind], found[1])


def platform_named(system: str, processor: str) -> str | None:
    """The platform of that system (linux, windows, macos) and processor, however the system calls it."""
    known = _PROCESSORS.get(processor.lower())
    if known == "aarch64" and system != "linux":
        known = "arm64"
    name = f"{system}-{known}"
    return name if known and name in {one.value for one in Platform} else None


def version_of(name: str) -> str | None:
    """The version that an installer's name says."""
    found = _VERSION.search(name)
    return found[1] if found else None


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(part) for part in version.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
