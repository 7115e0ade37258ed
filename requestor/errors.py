"""What can go wrong, named for its consequence; the text of each is a sentence for the person at the keyboard."""

from collections.abc import Sequence

from volunteer.protocol.requestor_messages import FieldProblem


class RequestorError(Exception):
    """The grid's client could not do this."""

    def __init__(self, sentence: str = "") -> None:
        self.sentence = sentence or (type(self).__doc__ or "").strip()
        super().__init__(self.sentence)


class Unreachable(RequestorError):
    """The grid does not answer. Is the address right, and are you connected?"""


class Refused(RequestorError):
    """The grid said no: `code` for programs, `field` of the form where one is known, `status` of HTTP."""

    def __init__(self, sentence: str, code: str = "", field: str = "", status: int = 0) -> None:
        super().__init__(sentence)
        self.code = code
        self.field = field
        self.status = status


class NeedsCorrection(RequestorError):
    """What was sent cannot be trained as it is; `problems` says what is wrong, field by field."""

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        lines = [f"{problem.field}: {problem.sentence}" if problem.field else problem.sentence for problem in problems]
        super().__init__("\n".join(lines))
        self.problems = list(problems)


class NotFinished(RequestorError):
    """The training ended before it was finished, or waits for its owner: `state` says which."""

    def __init__(self, sentence: str, state: str) -> None:
        super().__init__(sentence)
        self.state = state


class NoConsent(RequestorError):
    """Nothing was sent: data and model would go to others' machines in clear. Agree by --consent (consent=True)."""


class NotLoggedIn(RequestorError):
    """No grid is known: say `daig login URL`, or set DAIG_URL and DAIG_TOKEN."""
