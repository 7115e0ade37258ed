"""Hosts: attached machines and what was measured of them."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from peewee import fn

from server.errors import NotFound
from server.rules.numeric_class import numeric_class
from server.rules.states import ResultState
from server.storage.account_tables import Account
from server.storage.tables import Host, Result
from volunteer.protocol.messages import Machine

THE_GRID = "the grid"


class HostStore:
    def the_grid(self, now: dt.datetime, numeric_class: str = "") -> Host:
        """The server itself, as the host whose results its own recomputations are: made on first need.

        Neither it nor its account is in any list: they are as those that were detached and deleted.
        """
        found = Host.row_where("attachment = ?", THE_GRID)
        if found is not None:
            if numeric_class and found.numeric_class != numeric_class:
                # The grid was moved to another machine.
                Host.update(numeric_class=numeric_class).where(Host.id == found.id).execute()
            return found
        account = Account.create(
            name=THE_GRID, folded=f"({THE_GRID})", password_hash="", is_listed=False, created_at=now, deleted_at=now
        )
        return Host.create(
            account=account, name=THE_GRID, token_hash=THE_GRID, system=THE_GRID, processor="", threads=1, memory=0,
            software="", numerics=0, created_at=now, attachment=THE_GRID, detached_at=now, is_referee=True,
            numeric_class=numeric_class,
        )  # fmt: skip

    def add(
        self, account_id: int, name: str, token_hash: str, machine: Machine, now: dt.datetime,
        attachment: str | None = None,
    ) -> Host:  # fmt: skip
        return Host.create(
            account=account_id, name=name, token_hash=token_hash, created_at=now, attachment=attachment,
            **_columns(machine),
        )  # fmt: skip

    def attached_as(self, attachment: str) -> Host | None:
        return Host.row_where("attachment = ? AND detached_at IS NULL", attachment)

    def set_token(self, host_id: int, token_hash: str) -> None:
        Host.update(token_hash=token_hash).where(Host.id == host_id).execute()

    def owned(self, account_id: int, host_id: int) -> Host:
        """Raises NotFound: there is none, it is another's, or it was detached."""
        host = Host.row_where("id = ? AND account_id = ? AND detached_at IS NULL", host_id, account_id)
        if host is None:
            raise NotFound("You have no such machine.")
        return host

    def detach(self, host_id: int, now: dt.datetime) -> None:
        Host.update(token_hash=f"detached {host_id}", detached_at=now).where(Host.id == host_id).execute()

    def rename(self, host_id: int, name: str) -> None:
        Host.update(name=name).where(Host.id == host_id).execute()

    def forget_names(self, account_id: int) -> None:
        """What its owner called it is the owner's; detached ones too."""
        Host.update(name="machine").where(Host.account == account_id).execute()

    def appeal(self, host_id: int, text: str, now: dt.datetime | None, answer: str = "") -> None:
        """What its owner says to its quarantine, and what an operator says to that."""
        Host.update(appeal=text, appealed_at=now, appeal_answer=answer).where(Host.id == host_id).execute()

    def forget_appeals(self, account_id: int) -> None:
        """A person's words go with the person."""
        Host.update(appeal="").where(Host.account == account_id).execute()

    def by_id(self, host_id: int) -> Host:
        """Raises NotFound."""
        host = Host.row_where("id = ?", host_id)
        if host is None:
            raise NotFound("There is no such machine.")
        return host

    def by_token(self, token_hash: str) -> Host | None:
        return Host.row_where("token_hash = ?", token_hash)

    def of_account(self, account_id: int) -> list[Host]:
        return list(Host.select().where(Host.account == account_id, Host.detached_at.is_null()).order_by(Host.id))

    def joined_since(self, account_id: int, since: dt.datetime) -> int:
        """How many machines became this account's; those that were detached meanwhile, too."""
        return int(Host.select().where(Host.account == account_id, Host.created_at > since).count())

    def saw(self, host_id: int, now: dt.datetime) -> None:
        Host.update(last_seen_at=now).where(Host.id == host_id).execute()

    def describe(self, host_id: int, machine: Machine, now: dt.datetime) -> None:
        """A host may have more memory or a newer program than when it was attached."""
        Host.update(last_seen_at=now, **_columns(machine)).where(Host.id == host_id).execute()

    def set_speed(self, host_id: int, speed: float) -> None:
        Host.update(speed=speed).where(Host.id == host_id).execute()

    def speeds(self) -> list[float]:
        """Multiply-adds a second of all hosts that were measured and are still attached."""
        rows: Any = Host.select(Host.speed).where(Host.speed > 0, Host.detached_at.is_null()).tuples()
        return [float(row[0]) for row in rows]

    def awake(self, since: dt.datetime) -> list[Host]:
        return Host.rows_where("last_seen_at >= ? AND detached_at IS NULL", since.timestamp())

    def able(self, since: dt.datetime, memory: int) -> frozenset[int]:
        """Ids of the hosts that were heard of since then, have that much memory and are in no quarantine."""
        chosen = Host.select(Host.id).where(Host.last_seen_at >= since, Host.memory >= memory)
        rows: Any = chosen.where(Host.detached_at.is_null(), Host.quarantined_at.is_null()).tuples()
        return frozenset(number for (number,) in rows)

    def accounts_of(self, host_ids: Iterable[int]) -> set[int]:
        """Whose machines these are."""
        rows: Any = Host.select(Host.account).where(Host.id.in_(list(host_ids))).tuples()
        return {int(row[0]) for row in rows}

    def accounts_by_host(self, host_ids: Iterable[int]) -> dict[int, int]:
        rows: Any = Host.select(Host.id, Host.account).where(Host.id.in_(list(host_ids))).tuples()
        return {int(host): int(account) for host, account in rows}

    def verdicts(self, host_id: int) -> dict[ResultState, int]:
        """How many results of each state the host has."""
        rows: Any = Result.select(Result.state, fn.COUNT(Result.id)).where(Result.host == host_id)
        rows = rows.group_by(Result.state)
        return {ResultState(row[0]): int(row[1]) for row in rows.tuples()}


def _columns(machine: Machine) -> dict[str, object]:
    return {
        "system": machine.system,
        "processor": machine.processor,
        "threads": machine.threads,
        "memory": machine.memory,
        "software": machine.software,
        "numerics": machine.numerics,
        "numeric_class": numeric_class(machine),
    }
