"""What can go wrong on a volunteer's machine, named for what the program does next.

A class's docstring is its default sentence. Sentences are for the person; codes are the server's refusal codes.
"""

import errno

_FULL = {errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}


class VolunteerError(Exception):
    """Something went wrong."""

    def __init__(self, sentence: str = "", code: str = "") -> None:
        self.sentence = sentence or (type(self).__doc__ or "").strip()
        self.code = code
        super().__init__(self.sentence)


class RetryLater(VolunteerError):
    """The server cannot be reached or cannot answer now."""

    def __init__(
        self, sentence: str = "", code: str = "", after: float | None = None, needs_person: bool = False
    ) -> None:
        """`after`: seconds that the server asked to be left alone; None when it did not say.

        `needs_person`: it will hardly pass by itself, so the person is told; it is tried on, for it may.
        """
        super().__init__(sentence, code)
        self.after = after
        self.needs_person = needs_person


class DropResult(VolunteerError):
    """The server does not want this result any more."""


class StopAndTell(VolunteerError):
    """This cannot go on without the person."""


class NoRoom(VolunteerError):
    """This computer's disk is full, so its unit went back. Free some space; then it works on by itself."""


def printable(text: str, most: int = 500) -> str:
    """A stranger's text, safe for a terminal and a log: one line, no control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:most])


def is_full(error: BaseException) -> bool:
    """Whether that is the system's word for a full disk, or for a person's share of it."""
    return isinstance(error, OSError) and error.errno in _FULL
