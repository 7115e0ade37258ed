"""Passwords as hashes: Argon2id (RFC 9106), few at once. What a password must be stands here too."""

import contextlib
import threading
from collections.abc import Iterator

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from server.errors import Busy, NotAcceptable

MIN_PASSWORD = 10
MAX_PASSWORD = 1000
_HASHINGS = 2
"""At once: each takes 64 MiB and a processor."""
_PATIENCE = 3.0

UNUSABLE = "no password opens this"
"""Stands where no password may match."""


def require_good(password: str, name: str, field: str = "password") -> None:
    """Raises NotAcceptable: too short, too long, or the first that anybody would try."""
    if len(password) < MIN_PASSWORD:
        raise NotAcceptable(f"The password needs at least {MIN_PASSWORD} characters.", field)
    if len(password) > MAX_PASSWORD:
        raise NotAcceptable(f"The password may have {MAX_PASSWORD} characters at most.", field)
    if password.casefold() in (name.casefold(), "password12", "1234567890"):
        raise NotAcceptable("This password would be the first one tried.", field)


class Hashing:
    """One for a process: its bound on how many are hashed at once is for all who hash."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(_HASHINGS)
        self._hasher = PasswordHasher()
        # Verified where there is no hash, so that the time taken does not tell which names exist.
        self._decoy = self._hasher.hash("nobody's password")

    def hash(self, password: str) -> str:
        """Raises Busy."""
        with self.place():
            return self._hasher.hash(password)

    def matches(self, hashed: str | None, password: str) -> bool:
        """Raises Busy. Without a hash it is false, and takes as long."""
        with self.place():
            try:
                return self._hasher.verify(hashed or self._decoy, password) and hashed is not None
            except (Argon2Error, InvalidHashError):
                return False

    def is_outdated(self, hashed: str) -> bool:
        """Whether it was made with weaker parameters than are used now."""
        return self._hasher.check_needs_rehash(hashed)

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Room for one hashing. Raises Busy when it would have to wait for long."""
        if not self._places.acquire(timeout=_PATIENCE):
            raise Busy()
        try:
            yield
        finally:
            self._places.release()
