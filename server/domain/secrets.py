"""Secrets that we give out: random, shown once, kept only as a hash."""

import hashlib
import secrets


def new_secret(prefix: str) -> str:
    """256 random bits behind a word that says what it is (so that a scanner finds it in a log or a repository)."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def hash_of(secret: str) -> str:
    """SHA-256 is enough here: unlike a password, the secret cannot be guessed."""
    return hashlib.sha256(secret.encode("utf-8")).hexdigest()
