"""Letters: what a person is told by mail and webhook. Written inside the caller's transaction, sent by the postman."""

import datetime as dt
import json
import logging
from collections.abc import Mapping
from typing import Any

from server.rules.letters import MAIL, RESET, WEBHOOK
from server.storage.stores import Stores

_MOST_WAITING = 100
_LOG = logging.getLogger(__name__)


class Letters:
    def __init__(self, stores: Stores, sends_mail: bool, grid_name: str = "DAIG") -> None:
        """`sends_mail`: a mail server is configured; without one no mail is written."""
        self._stores = stores
        self.sends_mail = sends_mail
        self._grid_name = grid_name

    def write(
        self, account_id: int, subject: str, body: str, now: dt.datetime, event: Mapping[str, Any] | None = None
    ) -> int:
        """Tell a person, by every way that the account has chosen; how many letters that makes.

        Mail if the account has an address and wants mail; a webhook if it has one: `event`, with subject and text.
        """
        account = self._stores.accounts.by_id(account_id)
        if account is None or account.deleted_at is not None:
            return 0
        written = 0
        if account.email and account.email_verified_at is not None and account.tell_by_mail:
            written += self.mail(account_id, account.email, subject, body, now)
        if account.webhook_url:
            written += self.webhook(account_id, account.webhook_url, subject, body, now, event)
        return written

    def mail(self, account_id: int, address: str, subject: str, body: str, now: dt.datetime) -> int:
        """One mail to this address, whatever the account wants to be told."""
        return self._add(account_id, MAIL, address, subject, body, now) if self.sends_mail else 0

    def webhook(
        self, account_id: int, url: str, subject: str, body: str, now: dt.datetime, event: Mapping[str, Any] | None
    ) -> int:
        told = {"grid": self._grid_name, "at": now.isoformat(), "subject": subject, "text": body, **(event or {})}
        return self._add(account_id, WEBHOOK, url, subject, json.dumps(told, separators=(",", ":")), now)

    def ask_reset(self, address: str, now: dt.datetime) -> int:
        """Noted without a look at the accounts, so that the time it takes tells nothing; the postman looks."""
        if not self.sends_mail or self._stores.letters.waiting_to(address):
            return 0
        self._stores.letters.add(None, RESET, address, "A new password", "", now)
        return 1

    def _add(self, account_id: int, channel: str, address: str, subject: str, body: str, now: dt.datetime) -> int:
        # By channel: else who has a webhook fail all day would silence the mail that says so of a thief.
        if self._stores.letters.waiting_of(account_id, channel) >= _MOST_WAITING:
            _LOG.warning("account %d has very many letters waiting: another is not written", account_id)
            return 0
        self._stores.letters.add(account_id, channel, address, " ".join(subject.split()), body, now)
        return 1
