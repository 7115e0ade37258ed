"""Validator: what a grid that asks for two opinions does with results, while their round is open."""


import pytest

from server.rules.states import AuditState, CreditKind, Purpose, ResultState, RoundState, UnitState
from server.rules.validation_policy import ValidationPolicy
from server.storage.tables import CreditEntry, Host, Round
from tests.support.domain_grid import Cast, DomainGrid
from tests.support.judging import (
    TRUSTED,
    a_little_off,
    deliver,
    doubled,
    flipped,
    honest,
    host_of_its_own,
    judge,
    noise,
    row,
    speak,
    trusted,
    unit_of,
)


@pytest.fixture
def policy() -> ValidationPolicy:
    return ValidationPolicy(quorum=2, least_check=0.0)


@pytest.fixture
def project(grid: DomainGrid, owner: int) -> int:
    return grid.project(owner, examples=80, k=6)


def used(grid: DomainGrid, project: int) -> int:
    return int(grid.stores.rounds.get(project, 0).used)


def test_a_result_of_a_host_without_trust_waits_for_a_second_opinion(
    grid: DomainGrid, project: int, fresh: Cast
) -> None:
    result = deliver(grid, fresh)
    judge(grid)
    assert row(grid, result).state is ResultState.held
    unit = unit_of(grid, result)
    assert (unit.state, unit.opinions, unit.seeks) == (UnitState.open, 2, True)
    assert used(grid, project) == 0
    assert not CreditEntry.select().count()
    assert grid.audit.findings(grid.now) == []


def test_two_that_agree_count_once_and_both_earn_trust_and_the_same_credit(
    grid: DomainGrid, project: int, fresh: Cast, second: Cast
) -> None:
    first = deliver(grid, fresh)
    judge(grid)
    other = speak(grid, second, unit_of(grid, first).id).id
    judge(grid)
    unit = unit_of(grid, first)
    assert (unit.state, unit.canonical, unit.seeks) == (UnitState.valid, first, False)
    assert [row(grid, r).state for r in (first, other)] == [ResultState.valid] * 2
    assert used(grid, project) == unit.size
    for host in (fresh, second):
        assert (host.row.trust, host.row.confirmed) == (1, 1)
        assert grid.stores.accounts.by_id(host.row.account_id).trust == 1  # type: ignore[union-attr]
    amounts = [entry.amount for entry in CreditEntry.select()]
    assert len(amounts) == 2
    assert amounts[0] == amounts[1]
    assert grid.audit.findings(grid.now) == []


def test_a_trusted_hosts_result_counts_at_once(grid: DomainGrid, project: int, proven: Cast) -> None:
    result = deliver(grid, proven)
    judge(grid)
    assert row(grid, result).state is ResultState.valid
    assert row(grid, result).confirmed_at is None
    assert used(grid, project) == unit_of(grid, result).size


def test_trust_of_the_machine_alone_or_of_the_account_alone_is_not_enough(
    grid: DomainGrid, project: int, proven: Cast
) -> None:
    Host.update(trust=0).where(Host.id == proven.id).execute()
    result = deliver(grid, proven)
    judge(grid)
    assert row(grid, result).state is ResultState.held


def test_the_odd_one_of_three_is_invalid_and_loses_its_trust(
    grid: DomainGrid, project: int, proven: Cast, second: Cast, third: Cast
) -> None:
    trusted(grid, proven, 5)
    trusted(grid, second, TRUSTED)
    lie = deliver(grid, proven, flipped)
    judge(grid)
    unit = unit_of(grid, lie)
    speak(grid, second, unit.id)
    judge(grid)
    assert grid.stores.work.unit(unit.id).opinions == 3
    speak(grid, third, unit.id)
    judge(grid)
    unit = grid.stores.work.unit(unit.id)
    assert unit.state is UnitState.valid
    assert row(grid, unit.canonical or 0).host_id == second.id
    assert row(grid, lie).state is ResultState.invalid
    assert (proven.row.trust, proven.row.refuted) == (0, 1)
    assert grid.stores.accounts.by_id(proven.row.account_id).trust == 0  # type: ignore[union-attr]
    assert {entry.host_id for entry in CreditEntry.select()} == {second.id, third.id}
    assert grid.audit.findings(grid.now) == []


def test_one_that_is_a_little_off_is_not_blamed(
    grid: DomainGrid, project: int, fresh: Cast, second: Cast, third: Cast
) -> None:
    trusted(grid, second, TRUSTED)
    off = deliver(grid, fresh, a_little_off)
    judge(grid)
    for host in (second, third):
        speak(grid, host, unit_of(grid, off).id)
        judge(grid)
    assert row(grid, off).state is ResultState.unneeded
    assert (fresh.row.refuted, fresh.row.disagreed) == (0, 1)
    assert unit_of(grid, off).state is UnitState.valid


def test_a_second_machine_of_the_same_account_is_no_second_opinion(
    grid: DomainGrid, project: int, fresh: Cast
) -> None:
    first = deliver(grid, fresh, flipped)
    judge(grid)
    accomplice = grid.host(fresh.row.account_id, "accomplice")
    other = speak(grid, accomplice, unit_of(grid, first).id, flipped).id
    judge(grid)
    assert row(grid, other).state is ResultState.unneeded
    assert unit_of(grid, first).state is UnitState.open
    assert grid.audit.findings(grid.now) == []


def test_a_check_that_contradicts_takes_the_unit_out_of_its_open_round_until_a_third_has_spoken(
    grid: DomainGrid, project: int, proven: Cast, second: Cast, third: Cast
) -> None:
    trusted(grid, third, TRUSTED)
    lie = deliver(grid, proven, flipped)
    judge(grid)
    unit = unit_of(grid, lie)
    assert used(grid, project) == unit.size
    speak(grid, second, unit.id)
    judge(grid)
    assert used(grid, project) == 0
    assert grid.stores.work.unit(unit.id).state is UnitState.open
    assert grid.audit.findings(grid.now) == []
    speak(grid, third, unit.id)
    judge(grid)
    assert used(grid, project) == unit.size
    assert row(grid, lie).state is ResultState.invalid
    kinds = [(entry.host_id, entry.kind) for entry in CreditEntry.select().order_by(CreditEntry.id)]
    assert kinds[:2] == [(proven.id, CreditKind.granted), (proven.id, CreditKind.taken_back)]
    assert sorted(kinds[2:]) == sorted([(second.id, CreditKind.granted), (third.id, CreditKind.granted)])
    assert proven.row.credit == 0
    assert grid.audit.findings(grid.now) == []


def test_five_that_all_say_something_else_are_left_to_a_referee(
    grid: DomainGrid, project: int, fresh: Cast
) -> None:
    first = deliver(grid, fresh, noise(0))
    judge(grid)
    unit = unit_of(grid, first)
    for number in range(1, 5):
        speak(grid, host_of_its_own(grid, f"other {number}"), unit.id, noise(number))
        judge(grid)
    unit = grid.stores.work.unit(unit.id)
    assert (unit.audit, unit.seeks, unit.state) == (AuditState.wanted, False, UnitState.open)
    assert grid.audit.findings(grid.now) == []


def test_a_referee_outranks_two_that_agree_on_a_lie(
    grid: DomainGrid, project: int, fresh: Cast, second: Cast, third: Cast
) -> None:
    lies = [deliver(grid, fresh, doubled)]
    judge(grid)
    unit = unit_of(grid, lies[0])
    lies.append(speak(grid, second, unit.id, doubled).id)
    judge(grid)
    assert row(grid, lies[0]).state is ResultState.valid
    with grid.stores.database.write():
        grid.stores.opinions.set_audit(unit, AuditState.wanted)
    truth = speak(grid, third, unit.id, honest, Purpose.audit).id
    judge(grid)
    unit = grid.stores.work.unit(unit.id)
    assert (unit.state, unit.canonical, unit.audit) == (UnitState.valid, truth, AuditState.refuted)
    assert [row(grid, lie).state for lie in lies] == [ResultState.invalid] * 2
    assert used(grid, project) == unit.size
    assert (fresh.row.credit, second.row.credit) == (0, 0)
    assert grid.audit.findings(grid.now) == []


def test_a_referee_that_agrees_confirms(grid: DomainGrid, project: int, proven: Cast, third: Cast) -> None:
    result = deliver(grid, proven)
    judge(grid)
    unit = unit_of(grid, result)
    with grid.stores.database.write():
        grid.stores.opinions.set_audit(unit, AuditState.wanted)
    speak(grid, third, unit.id, honest, Purpose.audit)
    judge(grid)
    unit = grid.stores.work.unit(unit.id)
    assert (unit.canonical, unit.audit) == (result, AuditState.agreed)
    assert row(grid, result).confirmed_at == grid.now
    assert proven.row.trust == TRUSTED + 1


def test_whether_a_trusted_hosts_result_is_checked_is_drawn_after_the_upload(
    grid: DomainGrid, owner: int, proven: Cast
) -> None:
    """About one in four here; the draw is by a secret, so the numbers are fixed for these tests only."""
    trusted(grid, proven, 4)
    grid.policy = ValidationPolicy(quorum=2, trust_after=2, least_check=0.0)
    grid.stores.facts.set("check_secret", "00" * 32)
    grid.restart()
    project = grid.project(owner, examples=400, k=100, epochs=1)
    results = []
    for _ in range(40):
        lease = proven.lease()
        proven.deliver(lease, count=1)
        results.append(int(lease.result))
        judge(grid)
    checked = [result for result in results if unit_of(grid, result).seeks]
    assert 4 <= len(checked) <= 18
    assert used(grid, project) == 40, "they count all the same"
    assert grid.audit.findings(grid.now) == []


def test_a_round_that_closes_cancels_what_was_held_and_its_check_goes_on(
    grid: DomainGrid, project: int, fresh: Cast, proven: Cast, second: Cast
) -> None:
    mine, theirs = fresh.lease(), proven.lease()
    held = int(mine.result)
    fresh.deliver(mine)
    judge(grid)
    Round.update(target=len(theirs.mini_batches)).execute()
    proven.deliver(theirs)
    judge(grid)
    assert grid.stores.rounds.get(project, 0).state is RoundState.closing
    unit = unit_of(grid, held)
    assert (unit.state, unit.seeks) == (UnitState.cancelled, True)
    grid.rounds()
    speak(grid, second, unit.id)
    judge(grid)
    assert row(grid, held).state is ResultState.unneeded
    assert (fresh.row.trust, second.row.trust) == (1, 1)
    kinds = {entry.host_id: entry.kind for entry in CreditEntry.select()}
    assert (kinds[fresh.id], kinds[second.id]) == (CreditKind.surplus, CreditKind.granted)
    assert grid.audit.findings(grid.now) == []


def test_a_strange_gradient_of_a_trusted_host_is_held(grid: DomainGrid, project: int, proven: Cast) -> None:
    for _ in range(6):
        lease = proven.lease()
        proven.deliver(lease, count=1)
        grid.rounds()

    def tiny(blob: object) -> None:
        blob.gradient[:] *= 0.01  # type: ignore[attr-defined]

    result = deliver(grid, proven, tiny)
    judge(grid)
    assert row(grid, result).state is ResultState.held
    assert "very small" in row(grid, result).suspicion
    assert unit_of(grid, result).seeks


def test_where_a_better_one_is_known_in_time_a_result_that_is_a_little_off_does_not_stand(
    grid: DomainGrid, project: int, proven: Cast, second: Cast, third: Cast
) -> None:
    off = deliver(grid, proven, a_little_off)
    judge(grid)
    unit = unit_of(grid, off)
    with grid.stores.database.write():
        grid.stores.opinions.set_audit(unit, AuditState.wanted)
    truth = speak(grid, third, unit.id, honest, Purpose.audit).id
    judge(grid)
    unit = grid.stores.work.unit(unit.id)
    assert (unit.state, unit.canonical) == (UnitState.valid, truth)
    assert row(grid, off).state is ResultState.unneeded
    assert (proven.row.refuted, proven.row.disagreed, proven.row.credit) == (0, 1, 0)
    assert used(grid, project) == unit.size
    assert grid.audit.findings(grid.now) == []
