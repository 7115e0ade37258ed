"""Folders that only their owner may enter, and the names of files by their contents."""

from pathlib import Path

from volunteer.protocol.digests import BLOCK, sha256_of


def private_folder(path: Path) -> Path:
    """Create the folder, with its parents, for the owner alone (mode 700)."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return sha256_of(iter(lambda: file.read(BLOCK), b""))
