"""Whether a manifest is to be believed, and what it offers this program. Pure decisions."""

from dataclasses import dataclass
from datetime import datetime

from volunteer.errors import StopAndTell
from volunteer.protocol.messages import Malformed, decode
from volunteer.protocol.releases import (
    MOST_OF_A_MANIFEST,
    Kind,
    Manifest,
    Platform,
    ReleaseFile,
    is_newer,
    kind_of,
)
from volunteer.protocol.signatures import NoKey, is_signed

WRONG_SIGNATURE, OLDER = "wrong_signature", "older_manifest"


@dataclass(frozen=True)
class Installed:
    """This program: its version, the system and processor it was built for, the kind of installer it came by."""

    version: str
    platform: str | None
    kind: Kind | None


@dataclass(frozen=True)
class Offer:
    """A newer version; `file` None: not for this system."""

    version: str
    file: ReleaseFile | None


def believe(body: bytes, signature: bytes, key: bytes, newest_seen: datetime | None) -> Manifest:
    """The manifest, if the key's owner has signed these bytes, and no later ones that were seen before.

    Raises StopAndTell: then nothing in it counts. The clock of this computer is not asked.
    """
    try:
        # Nothing is read before it is known to be signed.
        if len(body) > MOST_OF_A_MANIFEST or not is_signed(key, body, signature):
            raise StopAndTell(
                "The list of releases that the grid shows is not signed by those who made this program. "
                "Nothing was updated. Tell the grid's operator.",
                WRONG_SIGNATURE,
            )
        manifest = decode(body, Manifest)
    except (NoKey, Malformed) as error:
        raise StopAndTell(f"The grid's list of releases cannot be read: {error}", WRONG_SIGNATURE) from None
    if newest_seen is not None and manifest.created_at < newest_seen:
        raise StopAndTell(
            f"The grid shows a list of releases of {manifest.created_at:%d %B %Y}, older than one that it has shown "
            "before. Nothing was updated. Tell the grid's operator.",
            OLDER,
        )
    return manifest


def offer_of(manifest: Manifest, installed: Installed) -> Offer | None:
    """What is newer than this program; None when nothing is. The same kind of installer if there is one."""
    if not is_newer(manifest.version, installed.version):
        return None
    fitting = [one for one in manifest.files if one.platform == installed.platform and kind_of(one.file) is not None]
    if installed.platform == Platform.windows_arm64 and not fitting:
        # Windows runs these as well.
        fitting = [one for one in manifest.files if one.platform == Platform.windows_x86_64]
    fitting.sort(key=lambda one: kind_of(one.file) is not installed.kind)
    return Offer(manifest.version, fitting[0] if fitting else None)
