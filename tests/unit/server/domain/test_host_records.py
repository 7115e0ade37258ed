"""What operators see of hosts and do to them, and that nobody else does."""

from typing import Any

import pytest

from server.domain import host_records
from server.domain.appeals import Appeals
from server.domain.host_records import HostRecords
from server.domain.operating import Operating
from server.domain.quarantine import Quarantine
from server.domain.verdicts import Verdicts
from server.errors import NotAcceptable, NotAllowedNow, NotFound
from server.rules.quorum import Agreement
from server.rules.states import AuditState, Purpose, ResultState
from server.rules.validation_policy import ValidationPolicy
from server.storage.account_tables import Account
from server.storage.tables import Host, Result, Unit
from tests.support.domain_grid import Cast, DomainGrid


@pytest.fixture
def records(grid: DomainGrid) -> HostRecords:
    quarantine = Quarantine(grid.stores, grid.plans, grid.notices)
    return HostRecords(grid.stores, quarantine, grid.notices, grid.rings.append, ValidationPolicy(quorum=2))


@pytest.fixture
def appeals(grid: DomainGrid) -> Appeals:
    return Appeals(grid.stores, grid.notices)


@pytest.fixture
def attic(grid: DomainGrid, owner: int) -> Cast:
    return grid.host(owner, "attic")


CALLS: list[tuple[str, tuple[Any, ...]]] = [
    ("hosts", ("all", "")), ("record", (1,)), ("quarantine", (1, "why")), ("release", (1, "why")),
    ("refuse_appeal", (1, "why")), ("appoint_referee", (1,)), ("dismiss_referee", (1,)), ("audits", ()),
]  # fmt: skip


@pytest.mark.parametrize(("method", "arguments"), CALLS)
def test_to_everybody_else_there_are_no_records(
    grid: DomainGrid, operator: int, owner: int, attic: Cast, records: HostRecords, method: str, arguments: Any
) -> None:
    Host.update(quarantined_at=grid.now, quarantine_reason="zeros", appealed_at=grid.now, appeal="no").execute()
    before = grid.dump()
    for who in (owner, 999):
        with pytest.raises(NotFound):
            getattr(records, method)(who, *arguments, grid.now)
    assert grid.dump() == before


def test_who_is_put_out_by_hand_loses_trust_and_leases_and_the_log_says_why(
    grid: DomainGrid, operator: int, owner: int, attic: Cast, records: HostRecords
) -> None:
    grid.project(owner)
    lease = attic.lease()
    Host.update(trust=12).execute()
    records.quarantine(operator, attic.id, "  All\nzeros. ", grid.now)
    assert (attic.row.quarantine_reason, attic.row.trust) == ("All zeros.", 0)
    assert Result.get_by_id(int(lease.result)).state is not ResultState.leased
    [noted] = grid.stores.actions.newest(9)
    assert (noted.actor, noted.detail) == (operator, "All zeros.")
    with pytest.raises(NotAllowedNow):
        records.quarantine(operator, attic.id, "again", grid.now)
    with pytest.raises(NotAcceptable):
        records.release(operator, attic.id, " ", grid.now)
    records.release(operator, attic.id, "Its memory was replaced.", grid.now)
    assert attic.row.quarantined_at is None
    assert grid.rings[-1] == "rounds"
    with pytest.raises(NotAllowedNow):
        records.release(operator, attic.id, "again", grid.now)


def test_who_is_released_begins_anew_and_what_it_computed_before_counts_against_it_no_more(
    grid: DomainGrid, operator: int, owner: int, attic: Cast, records: HostRecords
) -> None:
    grid.project(owner)
    for _ in range(2):
        attic.deliver(attic.lease())
        grid.rounds()
    Host.update(trust=12, confirmed=40, disagreed=2, refuted=3).where(Host.id == attic.id).execute()
    records.quarantine(operator, attic.id, "All zeros.", grid.now)
    records.release(operator, attic.id, "Its memory was replaced.", grid.now)
    assert (attic.row.trust, attic.row.confirmed, attic.row.disagreed, attic.row.refuted) == (0, 0, 0, 0)
    verdicts = Verdicts(grid.stores, grid.plans)
    before, later = Result.select().order_by(Result.id).limit(2)
    with grid.stores.database.write():
        verdicts.refute(before, grid.now)
        assert attic.row.refuted == 0
        assert grid.stores.opinions.recent_verdicts(attic.row, 20) == []
        Host.update(forgiven=before.id).where(Host.id == attic.id).execute()
        verdicts.refute(later, grid.now)
    assert attic.row.refuted == 1
    assert grid.stores.opinions.recent_verdicts(attic.row, 20) == [Agreement.differ]


def test_to_detach_a_machine_and_join_anew_does_not_hide_its_quarantine(
    grid: DomainGrid, operator: int, owner: int, attic: Cast, records: HostRecords
) -> None:
    records.quarantine(operator, attic.id, "All zeros.", grid.now)
    grid.hosts.detach(owner, attic.id, grid.now)
    again = grid.host(owner, "attic")
    record = records.record(operator, again.id, grid.now)
    assert (record.account_hosts, record.account_quarantined) == (1, 1)


def test_an_appeal_waits_for_one_answer_and_may_be_repeated_a_day_later(
    grid: DomainGrid, operator: int, owner: int, stranger: int, attic: Cast, records: HostRecords, appeals: Appeals
) -> None:
    for account in (operator, owner):
        Account.update(webhook_url="https://hooks.example.org").where(Account.id == account).execute()
    with pytest.raises(NotAllowedNow, match="not in quarantine"):
        appeals.appeal(owner, attic.id, "It is fine.", grid.now)
    records.quarantine(operator, attic.id, "All zeros.", grid.now)
    with pytest.raises(NotFound):
        appeals.appeal(stranger, attic.id, "It is mine.", grid.now)
    appeals.appeal(owner, attic.id, "It was too warm.", grid.now)
    told = {(letter.account_id, letter.subject) for letter in grid.stores.letters.unfinished(9)}
    assert told == {(operator, "attic: an appeal"), (owner, "attic gets no more work")}
    with pytest.raises(NotAllowedNow, match="waits"):
        appeals.appeal(owner, attic.id, "Hurry.", grid.now)
    assert [row.appeal for row in records.hosts(operator, "appealed", "", grid.now)] == ["It was too warm."]
    assert Operating(grid.stores, grid.rings.append, []).overview(operator, grid.now).appeals == 1
    records.refuse_appeal(operator, attic.id, "And now?", grid.now)
    assert records.hosts(operator, "appealed", "", grid.now) == []
    with pytest.raises(NotAllowedNow):
        records.refuse_appeal(operator, attic.id, "No.", grid.now)
    with pytest.raises(NotAllowedNow, match="a day"):
        appeals.appeal(owner, attic.id, "It is cold now.", grid.now)
    grid.wait(86_400)
    appeals.appeal(owner, attic.id, "It is cold now.", grid.now)
    records.release(operator, attic.id, "Good.", grid.now)
    assert (attic.row.appeal, attic.row.appealed_at, attic.row.appeal_answer) == ("", None, "")


def test_only_operators_machines_referee_and_no_longer_than_they_are_that(
    grid: DomainGrid, operator: int, owner: int, steady: Cast, attic: Cast, records: HostRecords
) -> None:
    with pytest.raises(NotAllowedNow):
        records.appoint_referee(operator, attic.id, grid.now)
    may_be = [records.record(operator, host.id, grid.now).may_be_referee for host in (attic, steady)]
    assert may_be == [False, True]
    records.appoint_referee(operator, steady.id, grid.now)
    assert records.record(operator, steady.id, grid.now).trusted
    assert records.audits(operator, grid.now).referees == 1
    with pytest.raises(NotAllowedNow, match="referee"):
        records.quarantine(operator, steady.id, "All zeros.", grid.now)
    operating = Operating(grid.stores, grid.rings.append, [])
    operating.appoint(operator, owner, grid.now)
    operating.dismiss(owner, operator, grid.now)
    assert not steady.row.is_referee
    with pytest.raises(NotAllowedNow):
        records.dismiss_referee(owner, steady.id, grid.now)


def test_machines_are_found_by_a_part_of_their_or_their_owners_name(
    grid: DomainGrid, operator: int, owner: int, steady: Cast, attic: Cast, records: HostRecords
) -> None:
    for search, names in (("ATT", {"attic"}), ("own", {"attic"}), ("", {"attic", "steady"}), ("%", set())):
        assert {row.name for row in records.hosts(operator, "all", search, grid.now)} == names
    grid.hosts.detach(owner, attic.id, grid.now)
    assert [row.name for row in records.hosts(operator, "all", "", grid.now)] == ["steady"]
    with pytest.raises(NotFound):
        records.record(operator, attic.id, grid.now)


def test_the_most_doubted_machines_come_first_and_those_that_nobody_doubts_not_at_all(
    grid: DomainGrid, operator: int, owner: int, steady: Cast, attic: Cast, records: HostRecords
) -> None:
    often, seldom = grid.host(owner, "often"), grid.host(owner, "seldom")
    said = {attic: (0, 0, 1), often: (6, 2, 1), seldom: (999, 0, 9), steady: (50, 0, 0)}
    for host, (agreed, close, wrong) in said.items():
        Host.update(confirmed=agreed, disagreed=close, refuted=wrong).where(Host.id == host.id).execute()
    found = records.hosts(operator, "doubted", "", grid.now)
    assert [row.name for row in found] == ["often", "attic", "seldom"], "one accident says less than three of nine"
    assert [row.name for row in records.hosts(operator, "doubted", "sel", grid.now)] == ["seldom"]


def test_every_machine_is_on_one_page(
    grid: DomainGrid, operator: int, owner: int, records: HostRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_records, "HOSTS_A_PAGE", 3)
    names = [grid.host(owner, f"machine {number}").row.name for number in range(8)]
    pages = [[row.name for row in records.hosts(operator, "all", "", grid.now, page)] for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [3, 3, 2, 0]
    assert [name for page in pages for name in page] == names[::-1]


def test_a_record_holds_what_became_of_its_newest_results(
    grid: DomainGrid, operator: int, owner: int, attic: Cast, records: HostRecords
) -> None:
    project = grid.project(owner)
    attic.deliver(attic.lease())
    grid.rounds()
    attic.lease()
    Host.update(trust=9, confirmed=19, refuted=1).where(Host.id == attic.id).execute()
    record = records.record(operator, attic.id, grid.now)
    [result] = record.results
    assert (result.project_id, result.round, result.purpose, result.state) == (project, 0, "work", "valid")
    assert (record.host.confirmed, record.host.refuted, record.trusted, record.trust_after) == (19, 1, False, 10)


def test_audits_are_counted_and_those_found_wrong_come_first_with_who_was_wrong(
    grid: DomainGrid, operator: int, owner: int, attic: Cast, records: HostRecords
) -> None:
    grid.project(owner)
    for _ in range(3):
        attic.deliver(attic.lease())
        grid.rounds()
    first, second, third = Unit.select().order_by(Unit.id).limit(3)
    for unit, audit in ((first, AuditState.refuted), (second, AuditState.agreed), (third, AuditState.wanted)):
        Unit.update(audit=audit).where(Unit.id == unit.id).execute()
    Result.update(state=ResultState.invalid).where(Result.unit == first.id).execute()
    seen = records.audits(operator, grid.now)
    assert (seen.refuted, seen.agreed, seen.wanted, seen.impossible) == (1, 1, 1, 0)
    assert [row.unit for row in seen.units] == [first.id, third.id, second.id]
    assert [row.wrong for row in seen.units] == [["attic"], [], []]


@pytest.mark.parametrize("way", ["machine", "account"])
def test_what_a_referee_still_computes_is_not_heard_when_it_is_one_no_more(
    grid: DomainGrid, operator: int, owner: int, attic: Cast, records: HostRecords, way: str
) -> None:
    grid.project(owner)
    second = grid.person("second operator")
    Account.update(is_operator=True).where(Account.id == second).execute()
    referee = grid.host(second, "referee")
    records.appoint_referee(operator, referee.id, grid.now)
    audited, ordinary = int(referee.lease().result), int(attic.lease().result)
    Result.update(purpose=Purpose.audit).where(Result.id == audited).execute()
    if way == "machine":
        records.dismiss_referee(operator, referee.id, grid.now)
    else:
        Operating(grid.stores, grid.rings.append, []).dismiss(operator, second, grid.now)
    assert not referee.row.is_referee
    assert Result.get_by_id(audited).state is ResultState.cancelled
    assert Result.get_by_id(ordinary).state is ResultState.leased
