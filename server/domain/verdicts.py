"""What a verdict changes, inside the caller's transaction: unit, round, the host's record and its credit."""

import datetime as dt

from server.domain.credit import Credit
from server.domain.plans import Plans, places_of
from server.rules import k_batch
from server.rules.states import CreditKind, Purpose, ResultState, RoundState, UnitState
from server.storage.hosts import THE_GRID
from server.storage.stores import Stores
from server.storage.tables import Project, Result, Round, Unit

CONTRADICTED = "Other hosts computed other numbers for this unit."
ROUND_CLOSED = "The round has closed."
ANOTHER_FIRST = "Another host was first."
CLEARED = "A recomputation has found it right, against what other hosts had said."
UNNEEDED = "The round closed without it. It was checked, and it was right."
UNCLEAR = "It was close to what other hosts computed, not close enough to count; nobody is blamed for that."


class Verdicts:
    def __init__(self, stores: Stores, plans: Plans) -> None:
        self._stores = stores
        self._plans = plans
        self._credit = Credit(stores)

    def count(self, project: Project, round_: Round, unit: Unit, result: Result, now: dt.datetime) -> None:
        """The result stands for the unit, whose mini-batches are used. Raises SomebodyElseWasFirst."""
        seed = self._plans.of(project.plan_sha256).seed
        places = places_of(seed, unit.epoch, project.mini_batches)
        used_at = {mini_batch: int(places[mini_batch]) for mini_batch in unit.mini_batches}
        self._stores.work.move(result, ResultState.valid, sentence="")
        self._stores.work.move_unit(unit, UnitState.valid, canonical=result.id)
        self._stores.rounds.use(project.id, unit.epoch, used_at, unit.round, unit.id)
        self._stores.rounds.count(round_, unit.size, self._examples(project, unit))
        self._grant(project, unit, result, CreditKind.granted, now)

    def uncount(self, project: Project, round_: Round, unit: Unit) -> None:
        """Take a unit that counted out of its open round: what spoke of it waits for its verdict again."""
        self._stores.rounds.uncount(round_, unit.size, self._examples(project, unit), unit.id)
        self._stores.work.move_unit(unit, UnitState.open, canonical=None)
        for result in self._stores.opinions.of(unit.id):
            if result.state is ResultState.valid:
                self._stores.work.move(result, ResultState.held)

    def hold(self, unit: Unit, result: Result, opinions: int, now: dt.datetime) -> None:
        """Its verdict waits until so many results speak of the unit; who computes it already is asked to go on."""
        self._stores.work.move(result, ResultState.held, sentence="It waits for another host's opinion.")
        self.seek(unit, opinions, now)

    def seek(self, unit: Unit, opinions: int, now: dt.datetime) -> None:
        """The unit wants so many opinions; leases of those who have not spoken of it become checks."""
        self._stores.opinions.want(unit, max(unit.opinions, opinions))
        accounts = self._stores.hosts.accounts_by_host(r.host_id for r in self._stores.work.results_of(unit.id))
        spoken = {accounts[result.host_id] for result in self._stores.opinions.of(unit.id)}
        for result in self._leased(unit):
            if result.purpose is not Purpose.work:
                continue
            if accounts[result.host_id] in spoken:
                # The same words as without a check: its owner must not read from them that one was drawn.
                self._end(result, ANOTHER_FIRST, now)
            else:
                self._stores.opinions.turn_into_check(result)

    def confirm(self, project: Project, unit: Unit, result: Result, now: dt.datetime) -> None:
        """Another opinion agrees with it."""
        if result.confirmed_at is None:
            self._stores.opinions.confirm(result, now)
        if result.state is not ResultState.held:
            return
        if unit.state is UnitState.valid:
            self._stores.work.move(result, ResultState.valid, sentence="")
            self._grant(project, unit, result, CreditKind.granted, now)
        else:
            # What was asked for is paid whole, whatever has become of the round meanwhile.
            kind = CreditKind.granted if result.purpose is Purpose.check else CreditKind.surplus
            self.thank(project, unit, result, now, UNNEEDED, kind)

    def thank(
        self, project: Project, unit: Unit, result: Result, now: dt.datetime, sentence: str,
        kind: CreditKind = CreditKind.surplus,
    ) -> None:  # fmt: skip
        """It is right, and not needed any more."""
        self._stores.work.move(result, ResultState.unneeded, sentence=sentence)
        self._grant(project, unit, result, kind, now)

    def refute(self, result: Result, now: dt.datetime) -> None:
        """It is wrong, and its host is to blame, unless it was released from quarantine since it computed that."""
        self._stores.work.move(result, ResultState.invalid, sentence=CONTRADICTED)
        self._credit.take_back(result, now)
        host = self._stores.hosts.by_id(result.host_id)
        if result.id > host.forgiven:
            self._stores.opinions.blame(host)

    def doubt(self, result: Result, volunteers: int, now: dt.datetime) -> None:
        """It is a little off what hosts of so many volunteers agree on (0: what a referee says, and nobody else)."""
        if result.id > self._stores.hosts.by_id(result.host_id).forgiven:
            self._stores.opinions.doubt(result, volunteers)
        if result.state is ResultState.held:
            self.dismiss(result, UNCLEAR, now)

    def clear(self, project: Project, unit: Unit, result: Result, now: dt.datetime) -> None:
        """A referee has found right what others had found wrong: its host gets its record and its credit back."""
        host = self._stores.hosts.by_id(result.host_id)
        if result.id > host.forgiven:
            self._stores.opinions.clear(host)
        self.thank(project, unit, result, now, CLEARED)

    def dismiss(self, result: Result, sentence: str, now: dt.datetime) -> None:
        """It does not count, and nobody is blamed; what was granted for it on trust is taken back."""
        self._stores.work.move(result, ResultState.unneeded, sentence=sentence)
        self._credit.take_back(result, now)

    def end_leases(self, unit: Unit, sentence: str, now: dt.datetime) -> None:
        for result in self._leased(unit):
            self._end(result, sentence, now)

    def close_if_enough(self, project: Project, number: int, now: dt.datetime) -> None:
        """A round that has its mini-batches begins to close."""
        round_ = self._stores.rounds.get(project.id, number)
        if round_.state is RoundState.open and k_batch.has_enough(round_.used, round_.target):
            self._stores.rounds.begin_closing(round_, now)
            self._cancel_the_rest(project, number, now)

    def _cancel_the_rest(self, project: Project, number: int, now: dt.datetime) -> None:
        """What is still running is not needed; its mini-batches are free again and stand at the queue's head.

        Opinions on a unit that was computed are gathered all the same: its host has earned its verdict.
        """
        for unit in self._stores.work.units_of_round(project.id, number, UnitState.open):
            if not self._stores.opinions.of(unit.id):
                self.end_leases(unit, ROUND_CLOSED, now)
            self._stores.work.move_unit(unit, UnitState.cancelled)

    def _grant(self, project: Project, unit: Unit, result: Result, kind: CreditKind, now: dt.datetime) -> None:
        """The server earns nothing by its own recomputations."""
        if self._stores.hosts.by_id(result.host_id).attachment != THE_GRID:
            self._credit.grant(result, unit, project, kind, now)

    def _leased(self, unit: Unit) -> list[Result]:
        return [r for r in self._stores.work.results_of(unit.id) if r.state is ResultState.leased]

    def _end(self, result: Result, sentence: str, now: dt.datetime) -> None:
        self._stores.work.move(result, ResultState.cancelled, ended_at=now, sentence=sentence)

    def _examples(self, project: Project, unit: Unit) -> int:
        layout = self._plans.of(project.plan_sha256).layout
        return sum(layout.locate(mini_batch).count for mini_batch in unit.mini_batches)
