"""Letters on their way out: what post is handed, and when a try that failed is repeated."""

import datetime as dt

import msgspec

MAIL, WEBHOOK, RESET = "mail", "webhook", "reset"
"""Channels. A `reset` letter is mail whose text is written when it is sent: its link is a secret."""

MOST_TRIES = 12
_FIRST_PAUSE = dt.timedelta(minutes=1)
_LONGEST_PAUSE = dt.timedelta(hours=6)


class Outgoing(msgspec.Struct, frozen=True):
    """A letter as post delivers it. `id` is the same in every try: who gets it twice can tell.

    `address` is a mail address or a URL; `secret` signs a webhook's body.
    """

    id: int
    address: str
    subject: str
    body: str
    secret: str = ""

    def __repr__(self) -> str:
        return f"Outgoing({self.id})"


def pause_after(tries: int) -> dt.timedelta:
    """How long to wait after so many failed tries: 1, 2, 4 ... minutes, six hours at most; all in all about a day."""
    return min(_FIRST_PAUSE * (1 << min(tries - 1, 20)), _LONGEST_PAUSE)
