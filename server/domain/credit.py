"""Credit: granted on a verdict, once a result; taken back when a check refutes it. In the caller's transaction."""

import datetime as dt

from server.rules import credit
from server.rules.states import CreditKind
from server.storage.ledger import Entry, day_of
from server.storage.stores import Stores
from server.storage.tables import Project, Result, Unit


class Credit:
    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def grant(
        self, result: Result, unit: Unit, project: Project, kind: CreditKind, now: dt.datetime
    ) -> int:
        """Thousandths entered now; 0 when the result had its credit already, or when surplus is above the host's cap.

        A result that is held again and then found valid after all needs nothing: it has kept what it had. `granted`
        is by the unit, and so the same for every host of it; `surplus` by what was delivered, for the unit may have
        been split since.
        """
        ledger = self._stores.ledger
        if ledger.of_result(result.id):
            return 0
        surplus = kind is CreditKind.surplus
        count = min(result.delivered, result.size) if surplus else unit.size
        amount = credit.amount_of(project.operations, count)
        if surplus and amount > self._surplus_room(result.host_id, amount, now):
            return 0
        account, team = ledger.holder(result.host_id)
        ledger.add(Entry(result.host_id, account, team, result.id, project.id, kind, amount), now)
        return amount

    def take_back(self, result: Result, now: dt.datetime) -> int:
        """Thousandths taken back by an entry of their own; 0 when it had none or they are taken back already."""
        ledger = self._stores.ledger
        entries = ledger.of_result(result.id)
        amount = sum(entry.amount for entry in entries)
        if amount <= 0:
            return 0
        ledger.add(entries[0]._replace(kind=CreditKind.taken_back, amount=-amount), now)
        return amount

    def _surplus_room(self, host_id: int, of_one_unit: int, now: dt.datetime) -> int:
        """What the host may still be granted as surplus today."""
        ledger, today = self._stores.ledger, day_of(now)
        work = (CreditKind.granted, CreditKind.taken_back)
        lately = ledger.granted_to(host_id, work, today - credit.LATELY_DAYS + 1)
        had = ledger.granted_to(host_id, (CreditKind.surplus,), today)
        return credit.surplus_cap(lately, of_one_unit) - had
