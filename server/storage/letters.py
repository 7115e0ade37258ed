"""Letters that wait, and proofs: secrets that were sent to an address."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from peewee import fn

from server.errors import NotFound
from server.rules.letters import WEBHOOK
from server.storage.account_tables import Letter, MailProof

_WAITING = "sent_at IS NULL AND given_up_at IS NULL"
"""As the index of those that wait has it."""


class LetterStore:
    def add(
        self, account_id: int | None, channel: str, address: str, subject: str, body: str, now: dt.datetime
    ) -> Letter:
        return Letter.create(
            account=account_id, channel=channel, address=address, subject=subject[:200], body=body, created_at=now,
            due_at=now,
        )  # fmt: skip

    def due(self, channels: Sequence[str], now: dt.datetime, most: int) -> list[Letter]:
        """Mail first: a webhook's other end may take its time, and anybody may have many of them."""
        marks = ", ".join("?" * len(channels))
        condition = f"{_WAITING} AND due_at <= ? AND channel IN ({marks}) ORDER BY channel = ?, due_at LIMIT ?"
        return Letter.rows_where(condition, now.timestamp(), *channels, WEBHOOK, most)

    def claim(self, letter: Letter, due_at: dt.datetime) -> bool:
        """Count a try, and put the next one off: only one process sends a letter. False: another was first."""
        claimed = (
            Letter.update(tries=Letter.tries + 1, due_at=due_at)
            .where(Letter.id == letter.id, Letter.tries == letter.tries, Letter.due_at == letter.due_at)
            .where(Letter.sent_at.is_null(), Letter.given_up_at.is_null())
            .execute()
        )
        return bool(claimed == 1)

    def sent(self, letter_id: int, now: dt.datetime) -> None:
        Letter.update(sent_at=now, body="", trouble="").where(Letter.id == letter_id).execute()

    def failed(self, letter_id: int, trouble: str) -> None:
        Letter.update(trouble=trouble[:1000]).where(Letter.id == letter_id).execute()

    def given_up(self, letter_id: int, trouble: str, now: dt.datetime) -> None:
        Letter.update(given_up_at=now, body="", trouble=trouble[:1000]).where(Letter.id == letter_id).execute()

    def hurry(self, letter_id: int, now: dt.datetime) -> None:
        """Due at once, without forgetting how often it was tried. Raises NotFound when it does not wait."""
        waits = (Letter.id == letter_id) & Letter.sent_at.is_null() & Letter.given_up_at.is_null()
        if Letter.update(due_at=now).where(waits).execute() != 1:
            raise NotFound("This letter does not wait.")

    def waiting_of(self, account_id: int, channel: str) -> int:
        return Letter.select().where(
            Letter.account == account_id, Letter.channel == channel, Letter.sent_at.is_null(),
            Letter.given_up_at.is_null(),
        ).count()  # fmt: skip

    def waiting_to(self, address: str) -> int:
        """Of those that belong to no account yet."""
        return Letter.select().where(
            Letter.account.is_null(), Letter.address == address, Letter.sent_at.is_null(), Letter.given_up_at.is_null()
        ).count()  # fmt: skip

    def newest_of(self, account_id: int, channel: str, most: int) -> list[Letter]:
        chosen = Letter.select().where(Letter.account == account_id, Letter.channel == channel)
        return list(chosen.order_by(Letter.id.desc()).limit(most))

    def unfinished(self, most: int) -> list[Letter]:
        """Those that wait and those that were given up, newest first."""
        return Letter.rows_where("sent_at IS NULL ORDER BY id DESC LIMIT ?", most)

    def counts(self) -> tuple[int, int, int]:
        """(waiting, sent, given up)."""
        row: Any = Letter.select(
            fn.COUNT(Letter.id), fn.COUNT(Letter.sent_at), fn.COUNT(Letter.given_up_at)
        ).tuples()[0]  # fmt: skip
        return int(row[0]) - int(row[1]) - int(row[2]), int(row[1]), int(row[2])

    def delete_of(self, account_id: int) -> None:
        Letter.delete().where(Letter.account == account_id).execute()

    def delete_old(self, before: dt.datetime) -> int:
        """Those that were sent or given up, and written before then."""
        done = Letter.sent_at.is_null(False) | Letter.given_up_at.is_null(False)
        return int(Letter.delete().where(done, Letter.created_at < before).execute())


class ProofStore:
    def add(
        self, account_id: int, purpose: str, secret_hash: str, email: str, expires_at: dt.datetime, now: dt.datetime
    ) -> MailProof:
        """The newest of a purpose counts: those before it are gone."""
        self.delete_of(account_id, purpose)
        return MailProof.create(
            account=account_id, purpose=purpose, secret_hash=secret_hash, email=email, expires_at=expires_at,
            created_at=now,
        )  # fmt: skip

    def live(self, purpose: str, secret_hash: str, now: dt.datetime) -> MailProof | None:
        return MailProof.row_where(
            "secret_hash = ? AND purpose = ? AND expires_at > ?", secret_hash, purpose, now.timestamp()
        )

    def of_account(self, account_id: int, purpose: str, now: dt.datetime) -> MailProof | None:
        return MailProof.row_where(
            "account_id = ? AND purpose = ? AND expires_at > ?", account_id, purpose, now.timestamp()
        )

    def use(self, proof: MailProof) -> bool:
        """Used once: False when somebody else has just done it."""
        return bool(MailProof.delete().where(MailProof.id == proof.id).execute() == 1)

    def delete_of(self, account_id: int, purpose: str | None = None) -> None:
        mine = MailProof.account == account_id
        MailProof.delete().where(mine if purpose is None else mine & (MailProof.purpose == purpose)).execute()

    def delete_old(self, before: dt.datetime) -> int:
        return int(MailProof.delete().where(MailProof.expires_at < before).execute())
