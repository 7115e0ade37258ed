"""Secrets that we give out: random, shown once, kept only as a hash."""

import hashlib
import secrets

from server.storage.stores import Stores

_CHECKS = "check_secret"


def new_secret(prefix: str) -> str:
    """256 random bits behind a word that says what it is (so that a scanner finds it in a log or a repository)."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def hash_of(secret: str) -> str:
    """SHA-256 is enough here: unlike a password, the secret cannot be guessed."""
    return hashlib.sha256(secret.encode("utf-8")).hexdigest()


def check_secret(stores: Stores) -> bytes:
    """By which it is drawn what is checked: made once a grid, told to nobody, so that no host can tell."""
    with stores.database.write():
        secret = stores.facts.get(_CHECKS)
        if secret is None:
            secret = secrets.token_hex(32)
            stores.facts.set(_CHECKS, secret)
    return bytes.fromhex(secret)
