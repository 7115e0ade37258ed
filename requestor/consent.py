"""Data and model go to strangers: nothing is sent before a person has agreed to that."""

from requestor.errors import NoConsent

QUESTION = "Data and model go to other people's machines in clear. Go on? [y/N] "


def require(consent: bool | None) -> None:
    """None asks whoever sits there. Raises NoConsent."""
    if not (agreed(QUESTION) if consent is None else consent):
        raise NoConsent


def agreed(question: str) -> bool:
    """Whether somebody sits there and says yes."""
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        # Nobody sits there, and the question has no line of its own yet.
        print()
        return False
    except (OSError, NotImplementedError):
        # Nobody sits there. (Jupyter raises NotImplementedError where a notebook runs by itself.)
        return False
