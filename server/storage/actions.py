"""The log of actions: who did what, when. The table takes new rows only."""

import datetime as dt

from server.storage.account_tables import Action


class ActionStore:
    def add(
        self, actor: int | None, actor_name: str, what: str, subject: str, detail: str, now: dt.datetime
    ) -> Action:
        return Action.create(
            at=now, actor=actor, actor_name=actor_name[:60], what=what[:40], subject=subject[:300], detail=detail
        )

    def newest(self, most: int, before: int | None = None) -> list[Action]:
        """The newest first; `before` is the id of one that was shown already."""
        chosen = Action.select().order_by(Action.id.desc()).limit(most)
        return list(chosen if before is None else chosen.where(Action.id < before))
