"""Recomputes the ledger: every sum from its entries, every entry from the result that it is for. Changes nothing."""

from collections.abc import Iterator

from server.rules.credit import amount_of
from server.rules.states import CreditKind, ResultState
from server.storage.ledger import Credited
from server.storage.stores import Stores

_WITH_CREDIT = (ResultState.valid,)
_PERHAPS = (ResultState.held, ResultState.unneeded)
"""One that is held again has kept what it had; one that was not needed may have surplus."""


class LedgerAudit:
    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def findings(self) -> Iterator[str]:
        """One sentence for each disagreement. Inside the caller's read transaction."""
        ledger = self._stores.ledger
        for what, number, said, found in ledger.sums_that_differ():
            yield f"{what} {number}: its credit is {said}, its entries come to {found}"
        for number in ledger.granted_twice():
            yield f"result {number}: credit was granted for it more than once"
        for number in ledger.taken_back_wrongly():
            yield f"result {number}: not what was granted for it was taken back"
        for one in ledger.credited():
            yield from _entry(one)
        for number in ledger.valid_without_credit():
            yield f"result {number}: it is valid and has no credit"


def _entry(one: Credited) -> Iterator[str]:
    count = one.unit_size if one.kind is CreditKind.granted else min(one.delivered, one.size)
    worth = amount_of(one.operations, count)
    if one.amount != worth:
        yield f"result {one.result}: {one.amount} was granted for it, it is worth {worth}"
    if one.net and one.state not in (*_WITH_CREDIT, *_PERHAPS):
        yield f"result {one.result}: it is {one.state} and has credit"
    if not one.net and one.state in _WITH_CREDIT:
        yield f"result {one.result}: it is {one.state} and its credit was taken back"
