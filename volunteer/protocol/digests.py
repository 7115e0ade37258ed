"""Names of blobs (SHA-256, hexadecimal) and the Content-Digest header (RFC 9530)."""

import base64
import hashlib
import re
from collections.abc import Iterable

BLOCK = 2**20
_SHA256_HEX = re.compile(r"[0-9a-f]{64}")


def is_sha256(text: str) -> bool:
    """Whether the text is a blob's name."""
    return _SHA256_HEX.fullmatch(text) is not None


def sha256_of(parts: Iterable[bytes]) -> str:
    """The name of the blob made of these parts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def content_digest(sha256: str) -> str:
    """The header's value for a body of that SHA-256: `sha-256=:<base64>:`."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode('ascii')}:"


def read_content_digest(header: str) -> str | None:
    """The SHA-256 (hexadecimal) that a Content-Digest header states; None when it states none that can be read."""
    for member in header.split(","):
        algorithm, _, value = member.strip().partition("=")
        if algorithm.lower() != "sha-256" or len(value) < 2 or value[0] != ":" or value[-1] != ":":
            continue
        try:
            raw = base64.b64decode(value[1:-1], validate=True)
        except ValueError:
            # Also binascii.Error, and letters beyond ASCII.
            return None
        return raw.hex() if len(raw) == 32 else None
    return None
