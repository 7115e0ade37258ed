"""Who did what, when: a row that nobody can change, and a line of the server's log."""

import datetime as dt
import logging

from server.storage.stores import Stores

AUDIT = logging.getLogger("daig.audit")
THE_GRID = "the grid"
"""The actor's name where nobody's hand was in it."""


class ActionLog:
    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def note(self, actor_id: int | None, what: str, subject: str, detail: str, now: dt.datetime) -> None:
        """In the caller's transaction: what is not done is not noted. `actor_id` None: the grid itself acted.

        `what` is a verb in the past, at most 40 letters; `subject` what it was done to; `detail` why, or with what.
        """
        actor = None if actor_id is None else self._stores.accounts.by_id(actor_id)
        name = THE_GRID if actor is None else actor.name
        self._stores.actions.add(actor_id, name, what, subject, detail, now)
        AUDIT.info("%s (%s) %s %s at %s", name, actor_id or "-", what, subject, now.isoformat())
