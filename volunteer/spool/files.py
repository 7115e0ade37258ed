"""The names of files by their contents."""

from pathlib import Path

from volunteer.protocol.digests import BLOCK, sha256_of


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return sha256_of(iter(lambda: file.read(BLOCK), b""))
