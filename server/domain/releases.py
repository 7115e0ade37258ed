"""Releases of the volunteer's program: made and signed by the operator, checked, published, offered."""

import contextlib
import datetime as dt
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from server.errors import NotAcceptable, NotFound
from server.rules.join_files import is_address
from server.storage.releases import ReleaseFolder, StoredRelease
from volunteer.protocol.messages import Malformed, decode, encode
from volunteer.protocol.releases import (
    MANIFEST,
    PUBLIC_KEY,
    SIGNATURE,
    Manifest,
    ReleaseFile,
    is_newer,
    kind_of,
    platform_of,
    version_of,
)
from volunteer.protocol.signatures import NoKey, is_signed, make_keys, public_of, sign
from volunteer.protocol.version import SOFTWARE

AHEAD = dt.timedelta(days=1)
"""By so much a signer's clock may differ from this one's: time zones, where a clock is set by hand."""


@dataclass(frozen=True)
class Release:
    """What the grid offers: the manifest as a value and as it was signed, and where the installers are."""

    manifest: Manifest
    stored: StoredRelease


class Releases:
    """May be used by several threads at once."""

    def __init__(self, folder: ReleaseFolder) -> None:
        self._folder = folder

    def current(self) -> Release | None:
        stored = self._folder.current()
        return None if stored is None else Release(decode(stored.manifest, Manifest), stored)

    def newest(self) -> str:
        """The version that volunteers should have: what is offered; while nothing is, this server's own."""
        current = self.current()
        return SOFTWARE if current is None else current.manifest.version

    def require(self) -> Release:
        """Raises NotFound while nothing has been published."""
        current = self.current()
        if current is None:
            raise NotFound("This grid offers no program to install.")
        return current

    def file(self, name: str) -> tuple[ReleaseFile, Path]:
        """One installer by its name. Raises NotFound."""
        release = self.require()
        for one in release.manifest.files:
            if one.file == name:
                return one, release.stored.folder / one.file
        raise NotFound("There is no such file here, or a newer version has taken its place: see the download page.")

    def publish(self, folder: Path, now: dt.datetime, new_key: bool = False) -> Manifest:
        """Check all of a signed folder, then offer it. `new_key`: it may be another key than so far.

        Raises NotAcceptable: nothing has changed then.
        """
        manifest, public = _checked(folder)
        if manifest.created_at > now + AHEAD:
            raise NotAcceptable(
                f"This says that it was signed at {manifest.created_at:%Y-%m-%d %H:%M} UTC, and here it is "
                f"{now:%Y-%m-%d %H:%M}: programs would refuse all that is signed before that time comes. Set the clock "
                "of the machine that signs, and sign the folder again: daig-server sign-release."
            )
        current = self.current()
        if current is not None:
            if current.stored.public_key != public and not new_key:
                raise NotAcceptable(
                    "This is signed by another key than what is offered now. Programs that are installed would refuse "
                    "it: sign with the old key, or say --new-key if that is lost."
                )
            if is_newer(current.manifest.version, manifest.version):
                raise NotAcceptable(
                    f"This is version {manifest.version}, and {current.manifest.version} is offered already: programs "
                    "do not go back. Sign the old files anew under a higher version."
                )
            if manifest.created_at < current.manifest.created_at:
                raise NotAcceptable(
                    "This was signed earlier than what is offered now, so programs would refuse it as out of date. "
                    "Sign the folder again: daig-server sign-release."
                )
        try:
            self._folder.replace(folder, [one.file for one in manifest.files])
        except OSError as error:
            raise NotAcceptable(f"The release cannot be written to the data folder: {error}") from None
        return manifest


def make_key(path: Path) -> Path:
    """Write a new private key, for its owner only, and the public one beside it, which is returned. Overwrites none.

    Both or neither: a key beside the public one of another signs what no program would take.
    """
    public_path = path.with_name(path.name + ".pub")
    private, public = make_keys()
    with contextlib.ExitStack() as made:
        for one, content, mode in ((path, private, 0o600), (public_path, public, 0o644)):
            try:
                with os.fdopen(os.open(one, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                    made.callback(one.unlink)
                    file.write(content)
            except FileExistsError:
                raise NotAcceptable(f"{one} exists. A key that is overwritten is lost: choose another name.") from None
            except OSError as error:
                raise NotAcceptable(f"{one} cannot be written: {error.strerror}.") from None
        made.pop_all()
    # The process writes privately; this one is for everybody.
    public_path.chmod(0o644)
    return public_path


def sign_folder(folder: Path, key: Path, now: dt.datetime, server: str = "") -> Manifest:
    """Write manifest, signature and public key beside the installers of a folder. Raises NotAcceptable.

    `server`: the grid whose join file the installers hold.
    """
    if server and not is_address(server):
        raise NotAcceptable(f"“{server}” is no grid's address: it begins with https:// or http://, and names a host.")
    try:
        private = key.read_bytes()
        public = public_of(private)
        names = sorted(one.name for one in folder.iterdir() if one.is_file() and kind_of(one.name) is not None)
    except NoKey:
        raise NotAcceptable(
            f"{key} holds no private key of daig-server release-key (the file that ends with .pub is the other half)."
        ) from None
    except OSError as error:
        raise NotAcceptable(f"{error.filename} cannot be read: {error.strerror}.") from None
    if not names:
        raise NotAcceptable(f"{folder} holds no installer (.deb, .tar.gz, .exe, .dmg).")
    versions = {version_of(name) for name in names}
    if len(versions) != 1 or None in versions:
        said = ", ".join(f"{name}: {version_of(name) or 'none'}" for name in names)
        raise NotAcceptable(f"The installers' names have to say one version, the same for all ({said}).")
    files = []
    for name in names:
        platform = platform_of(name)
        if platform is None:
            raise NotAcceptable(f"{name} does not say what processor it is for (x86_64, amd64, aarch64, arm64).")
        files.append(ReleaseFile(platform, name, (folder / name).stat().st_size, _sha256(folder / name)))
    manifest = Manifest(versions.pop() or "", files, now.replace(microsecond=0), server)
    body = encode(manifest) + b"\n"
    try:
        # As every reader will read it.
        decode(body, Manifest)
    except Malformed as error:
        raise NotAcceptable(
            f"This folder cannot be signed: {error}. Installers' names hold letters, digits and . _ + - only, and no "
            "installer is empty."
        ) from None
    for name, content in ((MANIFEST, body), (SIGNATURE, sign(private, body)), (PUBLIC_KEY, public)):
        (folder / name).write_bytes(content)
    return manifest


def _checked(folder: Path) -> tuple[Manifest, bytes]:
    """The manifest and the public key of a folder in which everything is as it was signed."""
    try:
        body, signature, public = ((folder / name).read_bytes() for name in (MANIFEST, SIGNATURE, PUBLIC_KEY))
        if not is_signed(public, body, signature):
            raise NotAcceptable(f"{MANIFEST} is not what was signed. Run daig-server sign-release again.")
        manifest = decode(body, Manifest)
        for one in manifest.files:
            path = folder / one.file
            if path.stat().st_size != one.size or _sha256(path) != one.sha256:
                raise NotAcceptable(f"{one.file} is not what was signed. Run daig-server sign-release again.")
    except FileNotFoundError as error:
        raise NotAcceptable(f"{error.filename} is missing. daig-server sign-release makes what is needed.") from None
    except (OSError, NoKey, Malformed) as error:
        raise NotAcceptable(f"This folder cannot be published: {error}") from None
    return manifest, public


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
