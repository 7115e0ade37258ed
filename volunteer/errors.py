"""What can go wrong on a volunteer's machine, named for what the program does next.

A class's docstring is its default sentence. Sentences are for the person; codes are the server's refusal codes.
"""


class VolunteerError(Exception):
    """Something went wrong."""

    def __init__(self, sentence: str = "", code: str = "") -> None:
        self.sentence = sentence or (type(self).__doc__ or "").strip()
        self.code = code
        super().__init__(self.sentence)


class RetryLater(VolunteerError):
    """The server cannot be reached or cannot answer now."""

    def __init__(self, sentence: str = "", code: str = "", after: float | None = None) -> None:
        """`after`: seconds that the server asked to be left alone; None when it did not say."""
        super().__init__(sentence, code)
        self.after = after


class DropResult(VolunteerError):
    """The server does not want this result any more."""


class StopAndTell(VolunteerError):
    """This cannot go on without the person."""
