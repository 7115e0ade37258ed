"""Who did what, when: a row that nobody can change, and a line of the server's log."""

import datetime as dt
import logging

from server.domain.office import require_operator
from server.storage.stores import Stores
from volunteer.protocol.operator_messages import Action

AUDIT = logging.getLogger("daig.audit")
THE_GRID = "the grid"
"""The actor's name where nobody's hand was in it."""

PAGE = 100


class ActionLog:
    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def newest(self, operator_id: int, before: int | None = None) -> list[Action]:
        """A page of it, the newest first. Raises NotFound to who is no operator."""
        require_operator(self._stores, operator_id)
        return [
            Action(row.id, row.at, row.actor, row.actor_name, row.what, row.subject, row.detail)
            for row in self._stores.actions.newest(PAGE, before)
        ]

    def note(self, actor_id: int | None, what: str, subject: str, detail: str, now: dt.datetime) -> None:
        """In the caller's transaction: what is not done is not noted. `actor_id` None: the grid itself acted.

        `what` is a verb in the past, at most 40 letters; `subject` what it was done to; `detail` why, or with what.
        """
        actor = None if actor_id is None else self._stores.accounts.by_id(actor_id)
        name = THE_GRID if actor is None else actor.name
        # Machines and projects have names that strangers gave them: a line stays one line.
        subject, detail = (" ".join(text.split()) for text in (subject, detail))
        self._stores.actions.add(actor_id, name, what, subject, detail, now)
        AUDIT.info("%s (%s) %s %s at %s", name, actor_id or "-", what, subject, now.isoformat())
