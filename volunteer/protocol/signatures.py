"""Shared: Ed25519 signatures (RFC 8032) over bytes, with keys as PEM, so that `openssl pkeyutl` reads them too.

`cryptography` is loaded at the first use: most processes never sign or check anything.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class NoKey(ValueError):
    """This is no Ed25519 key."""


def make_keys() -> tuple[bytes, bytes]:
    """A new pair: the private key, then the public one."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    return private, _public_pem(key.public_key())


def public_of(private: bytes) -> bytes:
    """Raises NoKey."""
    return _public_pem(_private(private).public_key())


def sign(private: bytes, content: bytes) -> bytes:
    """The signature of exactly these bytes. Raises NoKey."""
    return _private(private).sign(content)


def is_signed(public: bytes, content: bytes, signature: bytes) -> bool:
    """Whether the key's owner has signed exactly these bytes. Raises NoKey."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = form.load_pem_public_key(public)
    except ValueError as error:
        raise NoKey(f"no public key: {error}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise NoKey("not a public key of Ed25519")
    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True


def _private(private: bytes) -> "Ed25519PrivateKey":
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        key = form.load_pem_private_key(private, None)
    except (ValueError, TypeError) as error:
        raise NoKey(f"no private key: {error}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise NoKey("not a private key of Ed25519")
    return key


def _public_pem(key: "Ed25519PublicKey") -> bytes:
    from cryptography.hazmat.primitives import serialization as form

    return key.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
