"""Data and model go to strangers: nothing is sent before a person has agreed to that."""

from requestor.errors import NoConsent

QUESTION = "Data and model go to other people's machines in clear. Go on? [y/N] "


def require(consent: bool | None) -> None:
    """None asks whoever sits there. Raises NoConsent."""
    if consent is None:
        try:
            consent = input(QUESTION).strip().lower() in ("y", "yes")
        except (EOFError, OSError, NotImplementedError):
            # Nobody sits there. (Jupyter says NotImplementedError where a notebook runs by itself.)
            consent = False
    if not consent:
        raise NoConsent
