"""Appeals: the owner of a machine in quarantine says to the operators why it should work again."""

import datetime as dt

from server.domain.notices import Notices
from server.domain.office import require_words
from server.errors import NotAllowedNow
from server.rules.appeals import may_appeal
from server.storage.stores import Stores


class Appeals:
    def __init__(self, stores: Stores, notices: Notices) -> None:
        self._stores = stores
        self._notices = notices

    def appeal(self, owner_id: int, host_id: int, text: str, now: dt.datetime) -> None:
        """One waits at a time; who was refused may try again a day later.

        Raises NotFound, NotAllowedNow, NotAcceptable.
        """
        with self._stores.database.write():
            host = self._stores.hosts.owned(owner_id, host_id)
            if host.quarantined_at is None:
                raise NotAllowedNow("This machine is not in quarantine.")
            if not may_appeal(host.quarantined_at, host.appealed_at, host.appeal_answer, now):
                raise NotAllowedNow(
                    "Your appeal was answered a short time ago. You can appeal again a day after the last one."
                    if host.appeal_answer else "Your appeal waits for the operator of the grid."
                )  # fmt: skip
            words = require_words(text, "text")
            self._stores.hosts.appeal(host.id, words, now)
            self._notices.appealed(host, words, now)
