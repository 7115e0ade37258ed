"""An account's ways to be told: its e-mail address, proven by a link that was sent there, and its webhook."""

import datetime as dt
import secrets

from server.domain.letters import Letters
from server.domain.ports import Ring
from server.domain.secrets import hash_of, new_secret
from server.domain.throttle import Throttle
from server.errors import NotAcceptable, NotAllowedNow, NotFound
from server.rules.addresses import mail_problem, webhook_problem
from server.rules.letters import WEBHOOK
from server.storage.account_tables import Account
from server.storage.stores import Stores
from volunteer.protocol.account_messages import Contact

VERIFY_LASTS = dt.timedelta(hours=24)
_PURPOSE = "verify"
_MOST_SENT = 5
_MOST_LINKS_TRIED = 30
_MOST_TESTS = 5


class Addresses:
    def __init__(self, stores: Stores, letters: Letters, ring: Ring, public_url: str, grid_name: str) -> None:
        self._stores = stores
        self._letters = letters
        self._ring = ring
        self._public_url = public_url.rstrip("/")
        self._grid_name = grid_name
        self._throttle = Throttle(stores)

    def view(self, account_id: int, now: dt.datetime) -> Contact:
        row = self._row(account_id)
        pending = self._stores.proofs.of_account(account_id, _PURPOSE, now)
        tried = self._stores.letters.newest_of(account_id, WEBHOOK, 1)
        return Contact(
            sends_mail=self._letters.sends_mail, email=row.email, pending_email=pending.email if pending else "",
            tell_by_mail=row.tell_by_mail, webhook_url=row.webhook_url, webhook_secret=row.webhook_secret,
            webhook_trouble=tried[0].trouble if tried else "",
            webhook_sent_at=tried[0].sent_at if tried else None, is_listed=row.is_listed,
            lists_hosts=row.lists_hosts, is_exported=row.is_exported,
        )  # fmt: skip

    def give_email(self, account_id: int, address: str, now: dt.datetime) -> None:
        """Send a link to the address; the account has it once the link was followed.

        Until then the one before stays. Raises NotAcceptable, NotAllowedNow, TooManyTries.
        """
        if not self._letters.sends_mail:
            raise NotAllowedNow("This grid sends no mail.")
        address = address.strip()
        problem = mail_problem(address)
        if problem:
            raise NotAcceptable(problem, "email")
        secret = new_secret("daigmail")
        with self._stores.database.write():
            name = self._row(account_id).name
            self._throttle.count("verify", str(account_id), _MOST_SENT, now)
            self._stores.proofs.add(account_id, _PURPOSE, hash_of(secret), address, now + VERIFY_LASTS, now)
            text = (
                f"This address was given for the account “{name}” on {self._grid_name}.\n\n"
                f"If that was you, confirm it within a day:\n\n{self._public_url}/verify/{secret}\n\n"
                "If it was not, do nothing: the address is not used."
            )
            self._letters.mail(account_id, address, f"Your address for {self._grid_name}", text, now)
        self._ring("letters")

    def pending(self, secret: str, remote: str, now: dt.datetime) -> tuple[str, str]:
        """(name, address) of a link. Raises NotFound: unknown, used, or too old; TooManyTries."""
        proof = self._stores.proofs.live(_PURPOSE, hash_of(secret), now)
        row = None if proof is None else self._stores.accounts.by_id(proof.account_id)
        if proof is None or row is None or row.deleted_at is not None:
            self._throttle.count("link", remote, _MOST_LINKS_TRIED, now)
            raise NotFound("This link has been used already, is too old, or was not copied whole.")
        return str(row.name), str(proof.email)

    def confirm(self, secret: str, remote: str, now: dt.datetime) -> str:
        """The account has the address now; returns it. Raises NotFound, NotAllowedNow, TooManyTries."""
        self.pending(secret, remote, now)
        with self._stores.database.write():
            proof = self._stores.proofs.live(_PURPOSE, hash_of(secret), now)
            if proof is None or not self._stores.proofs.use(proof):
                raise NotFound("This link has been used already.")
            other = self._stores.accounts.with_email(proof.email)
            if other is not None and other.id != proof.account_id:
                raise NotAllowedNow("Another account has this address already.")
            old = self._row(proof.account_id).email
            self._stores.accounts.change(proof.account_id, email=proof.email, email_verified_at=now)
            # A link to a new password that went to the address before.
            self._stores.proofs.delete_of(proof.account_id)
            self._say_farewell(proof.account_id, old, proof.email, now)
        self._ring("letters")
        return str(proof.email)

    def remove_email(self, account_id: int, now: dt.datetime) -> None:
        with self._stores.database.write():
            old = self._row(account_id).email
            self._stores.accounts.change(account_id, email="", email_verified_at=None)
            self._stores.proofs.delete_of(account_id)
            self._say_farewell(account_id, old, "", now)
        self._ring("letters")

    def choose(self, account_id: int, tell_by_mail: bool, webhook_url: str, now: dt.datetime) -> None:
        """How to be told. A webhook that is new gets a secret of its own. Raises NotAcceptable."""
        url = webhook_url.strip()
        problem = webhook_problem(url) if url else ""
        if problem:
            raise NotAcceptable(problem, "webhook_url")
        with self._stores.database.write():
            row = self._row(account_id)
            secret = row.webhook_secret if url and url == row.webhook_url else (secrets.token_hex(32) if url else "")
            self._stores.accounts.change(
                account_id, tell_by_mail=tell_by_mail, webhook_url=url, webhook_secret=secret
            )

    def test_webhook(self, account_id: int, now: dt.datetime) -> None:
        """A letter like any other, now. Raises NotAllowedNow, TooManyTries."""
        with self._stores.database.write():
            row = self._row(account_id)
            if not row.webhook_url:
                raise NotAllowedNow("There is no webhook to test.")
            self._throttle.count("webhook test", str(account_id), _MOST_TESTS, now)
            text = "This is a test: your webhook works."
            self._letters.webhook(account_id, row.webhook_url, "Test", text, now, {"event": "test"})
        self._ring("letters")

    def choose_listing(
        self, account_id: int, is_listed: bool, lists_hosts: bool | None, is_exported: bool | None
    ) -> None:
        """What leaderboards and statistics sites may show; what is None stays."""
        columns = {"is_listed": is_listed, "lists_hosts": lists_hosts, "is_exported": is_exported}
        with self._stores.database.write():
            self._stores.accounts.change(account_id, **{n: v for n, v in columns.items() if v is not None})

    def _say_farewell(self, account_id: int, old: str, new: str, now: dt.datetime) -> None:
        """Who loses the account by a thief's change learns it."""
        if old and old.lower() != new.lower():
            text = f"Your account on {self._grid_name} does not use this address any more."
            self._letters.mail(account_id, old, "Your address was changed", text, now)

    def _row(self, account_id: int) -> Account:
        row = self._stores.accounts.by_id(account_id)
        if row is None:
            raise NotFound()
        return row
