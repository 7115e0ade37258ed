"""Hosts' records: doubts add up, who was outvoted by liars is cleared, accomplices are looked at."""


import pytest

from server.rules import rollback
from server.rules.reputation import DOUBTS
from server.rules.states import AuditState, Purpose, ResultState, UnitState
from server.rules.validation_policy import ValidationPolicy
from server.storage.tables import Action, CreditEntry, Unit
from tests.support.domain_grid import Cast, DomainGrid
from tests.support.judging import (
    TRUSTED,
    a_little_off,
    deliver,
    doubled,
    honest,
    host_of_its_own,
    judge,
    speak,
    trusted,
    unit_of,
)
from volunteer.protocol.gradients import GradientBlob


@pytest.fixture
def policy() -> ValidationPolicy:
    return ValidationPolicy(quorum=2, least_check=0.0)


@pytest.fixture
def project(grid: DomainGrid, owner: int) -> int:
    return grid.project(owner, examples=800, k=80)


@pytest.fixture
def hosts(grid: DomainGrid) -> list[Cast]:
    return [host_of_its_own(grid, name) for name in ("first", "second", "third")]


def zeros(blob: GradientBlob) -> None:
    blob.gradient[:] = 0


def opinions(grid: DomainGrid, project: int, said: list[tuple[Cast, object]]) -> Unit:
    """A unit on which these hosts speak in this order."""
    (host, change), *others = said
    grid.rounds()
    unit = unit_of(grid, deliver(grid, host, change))  # type: ignore[arg-type]
    judge(grid)
    for other, change in others:
        speak(grid, other, unit.id, change)  # type: ignore[arg-type]
        judge(grid)
    return grid.stores.work.unit(unit.id)


def audited(grid: DomainGrid, unit: Unit, referee: Cast) -> Unit:
    with grid.stores.database.write():
        grid.stores.opinions.set_audit(unit, AuditState.wanted)
    speak(grid, referee, unit.id, honest, Purpose.audit)
    judge(grid)
    return grid.stores.work.unit(unit.id)


def result_of(grid: DomainGrid, host: Cast, unit: Unit) -> ResultState:
    [one] = [one for one in grid.stores.work.results_of(unit.id) if one.host_id == host.id]
    return ResultState(one.state)


def test_who_is_a_little_off_each_time_is_put_out_and_told_so(
    grid: DomainGrid, project: int, hosts: list[Cast]
) -> None:
    off, second, third = hosts
    trusted(grid, second, TRUSTED)
    for number in range(DOUBTS):
        assert off.row.quarantined_at is None, number
        opinions(grid, project, [(off, a_little_off), (second, honest), (third, honest)])
    assert off.row.quarantined_at is not None
    assert "close to them but not close enough 5 times" in off.row.quarantine_reason
    assert (off.row.refuted, off.row.credit, second.row.quarantined_at) == (0, 0, None)
    assert grid.audit.findings(grid.now) == []


def test_a_doubt_costs_the_trust_of_the_machine_and_not_that_of_its_owner(
    grid: DomainGrid, project: int, hosts: list[Cast]
) -> None:
    off, second, third = hosts
    trusted(grid, second, TRUSTED)
    trusted(grid, off, 9)
    opinions(grid, project, [(off, a_little_off), (second, honest), (third, honest)])
    assert (off.row.trust, off.row.disagreed) == (0, 1)
    assert grid.stores.accounts.by_id(off.row.account_id).trust == 9  # type: ignore[union-attr]


def test_what_only_a_referee_doubts_is_no_mark_against_a_machine_that_may_compute_in_another_way(
    grid: DomainGrid, project: int, hosts: list[Cast]
) -> None:
    off, _, referee = hosts
    trusted(grid, off, TRUSTED)
    unit = unit_of(grid, deliver(grid, off, a_little_off))
    judge(grid)
    audited(grid, unit, referee)
    assert (off.row.trust, off.row.disagreed) == (TRUSTED, 1)
    assert grid.stores.opinions.recent_verdicts(off.row, 20) == []


def test_who_was_outvoted_by_two_liars_gets_its_record_and_its_credit_back(
    grid: DomainGrid, project: int, hosts: list[Cast]
) -> None:
    right, *liars = hosts
    referee = host_of_its_own(grid, "referee")
    said = [(right, honest), *((liar, doubled) for liar in liars)]
    trusted(grid, liars[0], TRUSTED)
    lied = [opinions(grid, project, said) for _ in range(2)]
    assert right.row.quarantined_at is not None
    assert result_of(grid, right, lied[0]) is ResultState.invalid
    audited(grid, lied[0], referee)
    assert right.row.quarantined_at is None
    assert (right.row.refuted, right.row.confirmed, right.row.trust) == (1, 1, 0)
    assert result_of(grid, right, lied[0]) is ResultState.unneeded
    assert right.row.credit > 0
    assert "released machine" in {action.what for action in Action.select()}
    assert {entry.host_id for entry in CreditEntry.select() if entry.amount < 0} == {liar.id for liar in liars}
    assert grid.audit.findings(grid.now) == []


def test_two_without_trust_that_lie_alike_have_nobody_put_out(
    grid: DomainGrid, project: int, hosts: list[Cast]
) -> None:
    right, *liars = hosts
    unit = opinions(grid, project, [(right, honest), *((liar, doubled) for liar in liars)])
    assert (unit.state, unit.audit, right.row.refuted) == (UnitState.open, AuditState.wanted, 0)
    audited(grid, unit, host_of_its_own(grid, "referee"))
    assert (right.row.confirmed, *(liar.row.refuted for liar in liars)) == (1, 1, 1)


def test_two_without_trust_whose_gradients_both_look_odd_are_not_enough(
    grid: DomainGrid, project: int, hosts: list[Cast]
) -> None:
    proven = host_of_its_own(grid, "proven", TRUSTED)
    for _ in range(5):
        grid.rounds()
        deliver(grid, proven)
        judge(grid)
    unit = opinions(grid, project, [(liar, zeros) for liar in hosts[:2]])
    assert (unit.state, unit.audit) == (UnitState.open, AuditState.wanted)


def test_who_an_operator_put_out_is_not_let_out_by_its_record(
    grid: DomainGrid, project: int, hosts: list[Cast]
) -> None:
    right, *liars = hosts
    referee = host_of_its_own(grid, "referee")
    unit = opinions(grid, project, [(right, honest), *((liar, doubled) for liar in liars)])
    with grid.stores.database.write():
        grid.stores.opinions.quarantine(right.id, "By hand.", grid.now)
    audited(grid, unit, referee)
    assert right.row.refuted == 0
    assert right.row.quarantine_reason == "By hand."


def test_what_accomplices_have_confirmed_each_other_is_taken_out_when_both_are_found(
    grid: DomainGrid, project: int, hosts: list[Cast]
) -> None:
    *liars, referee = hosts
    lied = [opinions(grid, project, [(liar, doubled) for liar in liars]) for _ in range(3)]
    assert [unit.state for unit in lied] == [UnitState.valid] * 3
    for unit in lied[:2]:
        audited(grid, unit, referee)
    assert all(liar.row.quarantined_at for liar in liars)
    assert grid.stores.work.unit(lied[2].id).state is UnitState.open
    assert not grid.stores.opinions.of(lied[2].id)
    assert sum(liar.row.credit for liar in liars) == 0
    assert grid.audit.findings(grid.now) == []


def test_and_what_has_gone_into_the_weights_is_looked_at_by_a_referee(
    grid: DomainGrid, project: int, hosts: list[Cast], monkeypatch: pytest.MonkeyPatch
) -> None:
    *liars, referee = hosts
    monkeypatch.setattr(rollback, "must_go_back", lambda *_round: False)
    lied = [opinions(grid, project, [(liar, doubled) for liar in liars]) for _ in range(3)]
    with grid.stores.database.write():
        grid.stores.rounds.begin_closing(grid.stores.rounds.get(project, 0), grid.now)
    for unit in lied[:2]:
        audited(grid, unit, referee)
    assert all(liar.row.quarantined_at for liar in liars)
    assert grid.stores.work.unit(lied[2].id).audit is AuditState.wanted
    speak(grid, referee, lied[2].id, honest, Purpose.audit)
    judge(grid)
    assert grid.stores.work.unit(lied[2].id).refuted_at is not None
    assert [result_of(grid, liar, lied[2]) for liar in liars] == [ResultState.invalid] * 2
