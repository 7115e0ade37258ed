import dataclasses
import itertools
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from server.errors import MalformedGradient, NoSuchResult, NotYourResult, ResultEnded, StaleResult
from server.rules.states import ProjectState, ResultState, UnitState
from tests.support.domain_grid import Cast, DomainGrid
from volunteer.protocol.digests import sha256_of
from volunteer.protocol.gradients import GradientBlob
from volunteer.protocol.messages import GiveBack, GiveBackReason, Heartbeat, Lease, Verdict
from volunteer.protocol.tensors import save


def state_of(grid: DomainGrid, lease: Lease) -> ResultState:
    result = grid.stores.work.result(int(lease.result))
    assert result is not None
    return result.state


def raw_header(header: object, body: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def test_an_honest_gradient_waits_for_the_validator(grid: DomainGrid, owner: int, steady: Cast) -> None:
    grid.project(owner)
    lease = steady.lease()
    grid.rings.clear()
    assert steady.deliver(lease).verdict is Verdict.pending
    assert grid.rings == ["rounds"], "a report that may complete a round wakes the scheduler"
    assert state_of(grid, lease) is ResultState.reported


def test_a_repeated_upload_gets_its_recorded_verdict_also_after_the_round_closed(
    grid: DomainGrid, owner: int, steady: Cast
) -> None:
    project = grid.project(owner)
    lease = steady.lease()
    blob = grid.honest(lease)
    assert steady.upload(lease.result, blob).verdict is Verdict.pending
    assert steady.upload(lease.result, blob).verdict is Verdict.pending
    grid.rounds()
    assert grid.row(project).round == 1
    before = grid.dump()
    assert steady.upload(lease.result, blob).verdict is Verdict.valid
    assert grid.dump() == before


def test_another_upload_for_a_result_that_was_reported_is_refused(grid: DomainGrid, owner: int, steady: Cast) -> None:
    grid.project(owner)
    lease = steady.lease()
    steady.deliver(lease)
    before = grid.dump()
    with pytest.raises(ResultEnded):
        steady.deliver(lease, seconds=2.0)
    assert grid.dump() == before


def test_a_gradient_from_an_older_round_is_not_counted(
    grid: DomainGrid, owner: int, slow: Cast, steady: Cast
) -> None:
    grid.project(owner, examples=80, k=2)
    late = slow.lease()
    steady.deliver(steady.lease())
    grid.rounds()
    steady.deliver(steady.lease())
    grid.rounds()
    assert grid.row(1).round == 1
    before = grid.dump()
    with pytest.raises(StaleResult):
        slow.deliver(late)
    assert grid.dump() == before


def test_somebody_elses_result_cannot_be_reported(grid: DomainGrid, owner: int, steady: Cast, liar: Cast) -> None:
    grid.project(owner)
    lease = steady.lease()
    before = grid.dump()
    with pytest.raises(NotYourResult):
        liar.deliver(lease)
    with pytest.raises(NotYourResult):
        grid.reports.heartbeat(liar.row, lease.result, Heartbeat(0), grid.now)
    with pytest.raises(NotYourResult):
        grid.reports.give_back(liar.row, lease.result, GiveBack(GiveBackReason.failed), grid.now)
    with pytest.raises(NotYourResult):
        grid.reports.allowance(liar.row, lease.result, grid.now)
    assert grid.dump() == before


ARABIC = {ord("0") + digit: 0x660 + digit for digit in range(10)}


@pytest.mark.parametrize("name", ["", "0", "99", "-1", "1.0", "x", "9" * 40, "²", "1 OR 1=1"])
def test_a_result_that_does_not_exist_is_refused(grid: DomainGrid, owner: int, steady: Cast, name: str) -> None:
    grid.project(owner)
    before = grid.dump()
    with pytest.raises(NoSuchResult):
        grid.reports.heartbeat(steady.row, name, Heartbeat(0), grid.now)
    assert grid.dump() == before


@pytest.mark.parametrize("other", ["0{}", "00000000000000{}", " {}", "{}.0"])
def test_a_result_has_one_name_only(grid: DomainGrid, owner: int, steady: Cast, other: str) -> None:
    """Beginnings of its upload are kept by name: with many a host could push those of all others out."""
    grid.project(owner)
    lease = steady.lease()
    assert grid.reports.allowance(steady.row, lease.result, grid.now) > 0
    for name in (other.format(lease.result), lease.result.translate(ARABIC)):
        with pytest.raises(NoSuchResult):
            grid.reports.allowance(steady.row, name, grid.now)


MALFORMED = {
    "nothing": b"",
    "noise": b"\x93NUMPY" * 40,
    "too long a header": struct.pack("<Q", 2**60) + b"{}",
    "a header that is no JSON": struct.pack("<Q", 4) + b"{nan",
    "a header that is a list": raw_header([]),
    "numbers beyond all bounds": raw_header({"gradient": {"dtype": "F32", "shape": [1], "data_offsets": [0, 1e999]}}),
    "an entry that is a number": raw_header({"gradient": 1}),
    "other names": save({"weights": np.zeros(10, np.float32)}, {"mini_batches": "1", "examples": "4", "seconds": "1"}),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_bytes_that_are_no_gradient_are_refused_and_change_nothing(
    grid: DomainGrid, owner: int, liar: Cast, what: str
) -> None:
    grid.project(owner)
    lease = liar.lease()
    before, blobs = grid.dump(), set(grid.stores.blobs.names())
    with pytest.raises(MalformedGradient):
        liar.upload(lease.result, MALFORMED[what])
    assert (grid.dump(), set(grid.stores.blobs.names())) == (before, blobs)
    assert liar.deliver(lease).verdict is Verdict.pending, "and the honest one is still welcome"


def changed(blob: GradientBlob, **changes: object) -> GradientBlob:
    return dataclasses.replace(blob, **changes)  # type: ignore[arg-type]


LIES = {
    "more mini-batches than were leased": lambda b: changed(b, mini_batches=b.mini_batches + 1),
    "no mini-batches": lambda b: changed(b, mini_batches=0),
    "fewer than no mini-batches": lambda b: changed(b, mini_batches=-1),
    "more examples than these have": lambda b: changed(b, examples=b.examples + 1),
    "beyond all numbers": lambda b: changed(b, examples=10**40),
    "negative seconds": lambda b: changed(b, seconds=-1.0),
    "seconds that are no number": lambda b: changed(b, seconds=float("nan")),
    "endless seconds": lambda b: changed(b, seconds=float("inf")),
    "a longer gradient": lambda b: changed(b, gradient=np.zeros(len(b.gradient) + 1, np.float32)),
    "a shorter gradient": lambda b: changed(b, gradient=b.gradient[1:]),
    "another dtype": lambda b: changed(b, gradient=b.gradient.astype(np.float64)),
    "another shape": lambda b: changed(b, gradient=b.gradient.reshape(1, -1)),
    "moving where nothing moves": lambda b: changed(b, moving=np.zeros(1, np.float32)),
    "more sums": lambda b: changed(b, sums=np.zeros(2, np.float64)),
}


@pytest.mark.parametrize("what", LIES)
def test_a_gradient_that_does_not_fit_the_lease_is_refused_and_changes_nothing(
    grid: DomainGrid, owner: int, liar: Cast, what: str
) -> None:
    grid.project(owner)
    lease = liar.lease()
    before, blobs = grid.dump(), set(grid.stores.blobs.names())
    with pytest.raises(MalformedGradient):
        liar.upload(lease.result, LIES[what](grid.honest(lease)))
    assert (grid.dump(), set(grid.stores.blobs.names())) == (before, blobs)


def test_an_upload_may_be_no_larger_than_a_gradient_of_the_project(grid: DomainGrid, owner: int, steady: Cast) -> None:
    grid.project(owner)
    lease = steady.lease()
    most = grid.reports.allowance(steady.row, lease.result, grid.now)
    assert len(grid.honest(lease).encode()) <= most < 10**5


def test_a_late_result_still_counts_while_its_round_is_open(grid: DomainGrid, owner: int, slow: Cast) -> None:
    grid.project(owner)
    lease = slow.lease()
    grid.wait(31)
    grid.transitions()
    assert state_of(grid, lease) is ResultState.lost
    assert slow.deliver(lease).verdict is Verdict.pending
    grid.rounds()
    assert state_of(grid, lease) is ResultState.valid


def test_a_late_result_is_not_needed_when_another_was_first(
    grid: DomainGrid, owner: int, slow: Cast, steady: Cast
) -> None:
    grid.project(owner, examples=80, k=4)
    late = slow.lease()
    slow_speed_unit = late.mini_batches
    grid.wait(31)
    grid.transitions()
    again = steady.lease()
    assert again.mini_batches == slow_speed_unit
    steady.deliver(again, count=None)
    grid.validator.run_pass(grid.now)
    if grid.stores.rounds.get(1, 0).used < 4:
        assert slow.deliver(late).verdict is Verdict.unneeded
    else:
        with pytest.raises(StaleResult):
            slow.deliver(late)


def test_a_prefix_splits_the_unit_and_the_rest_goes_back_to_the_queue(
    grid: DomainGrid, owner: int, slow: Cast, steady: Cast
) -> None:
    grid.project(owner, examples=40, k=6)
    lease = slow.lease()
    assert len(lease.mini_batches) == 6
    assert slow.deliver(lease, count=2).verdict is Verdict.pending
    grid.rounds()
    assert grid.stores.rounds.get(1, 0).used == 2
    assert set(steady.lease().mini_batches) >= set(lease.mini_batches[2:5])
    assert grid.audit.findings(grid.now) == []


def test_a_prefix_is_not_needed_while_another_host_computes_the_whole(
    grid: DomainGrid, owner: int, slow: Cast, steady: Cast
) -> None:
    grid.project(owner, examples=8, k=50)
    lease, other = slow.lease(), steady.lease()
    assert lease.mini_batches == other.mini_batches
    assert slow.deliver(lease, count=1).verdict is Verdict.unneeded
    assert steady.deliver(other).verdict is Verdict.pending
    grid.rounds()
    assert state_of(grid, other) is ResultState.valid


def test_the_whole_is_not_needed_after_the_unit_was_split(
    grid: DomainGrid, owner: int, slow: Cast, steady: Cast
) -> None:
    project = grid.project(owner, examples=40, k=6)
    first = slow.lease()
    grid.wait(31)
    grid.transitions()
    second = steady.lease()
    assert second.mini_batches == first.mini_batches
    steady.deliver(second, count=2)
    reply = slow.deliver(first)
    assert reply.verdict is Verdict.unneeded
    assert "split" in reply.sentence
    grid.rounds()
    assert grid.stores.rounds.get(project, 0).used == 2
    assert grid.audit.findings(grid.now) == []


def test_a_host_in_flight_is_told_to_stop_when_its_round_has_closed(
    grid: DomainGrid, owner: int, slow: Cast, steady: Cast
) -> None:
    grid.project(owner, examples=8, k=50)
    lease, other = slow.lease(), steady.lease()
    assert grid.reports.heartbeat(slow.row, lease.result, Heartbeat(1), grid.now).go_on
    steady.deliver(other)
    grid.rounds()
    reply = grid.reports.heartbeat(slow.row, lease.result, Heartbeat(1), grid.now)
    assert not reply.go_on
    assert reply.reason


@pytest.mark.parametrize("act", ["cancel", "needs attention"])
def test_a_host_in_flight_is_told_to_stop_when_its_project_has(
    grid: DomainGrid, owner: int, slow: Cast, act: str
) -> None:
    project = grid.project(owner)
    lease = slow.lease()
    if act == "cancel":
        grid.projects.cancel(owner, project, grid.now)
    else:
        grid.stores.projects.move(grid.row(project), ProjectState.needs_attention, reason="x")
    reply = grid.reports.heartbeat(slow.row, lease.result, Heartbeat(1), grid.now)
    assert not reply.go_on
    assert state_of(grid, lease) is ResultState.cancelled


def test_what_a_host_computes_while_its_project_is_paused_still_counts(
    grid: DomainGrid, owner: int, slow: Cast
) -> None:
    project = grid.project(owner)
    lease = slow.lease()
    grid.projects.pause(owner, project, grid.now)
    assert grid.reports.heartbeat(slow.row, lease.result, Heartbeat(1), grid.now).go_on
    slow.deliver(lease)
    grid.rounds()
    assert state_of(grid, lease) is ResultState.valid
    assert grid.row(project).round == 0, "but no round closes"
    grid.projects.resume(owner, project, grid.now)
    grid.rounds()
    assert grid.row(project).round == 1


def test_a_heartbeat_puts_silence_off_but_not_the_deadline(grid: DomainGrid, owner: int, slow: Cast) -> None:
    grid.project(owner)
    lease = slow.lease()
    for _ in range(9):
        grid.wait(3)
        reply = grid.reports.heartbeat(slow.row, lease.result, Heartbeat(0), grid.now)
        assert reply.go_on
        assert grid.transitioner.run_pass(grid.now) == 0
    assert reply.deadline_seconds == pytest.approx(3)
    grid.wait(3.5)
    assert grid.transitioner.run_pass(grid.now) == 1
    assert state_of(grid, lease) is ResultState.lost


def test_quitting_is_nobodys_failure(grid: DomainGrid, owner: int, steady: Cast) -> None:
    grid.project(owner)
    for _ in range(30):
        lease = steady.lease()
        grid.reports.give_back(steady.row, lease.result, GiveBack(GiveBackReason.quitting), grid.now)
        grid.transitions()
    assert grid.row(1).state is ProjectState.running
    assert state_of(grid, lease) is ResultState.given_back


def test_giving_back_twice_is_no_error(grid: DomainGrid, owner: int, steady: Cast) -> None:
    grid.project(owner)
    lease = steady.lease()
    grid.reports.give_back(steady.row, lease.result, GiveBack(GiveBackReason.failed), grid.now)
    before = grid.dump()
    assert "already" in grid.reports.give_back(
        steady.row, lease.result, GiveBack(GiveBackReason.failed), grid.now
    ).sentence
    assert grid.dump() == before


def test_a_hosts_speed_is_measured_and_a_boast_is_not_believed(
    grid: DomainGrid, owner: int, steady: Cast, liar: Cast
) -> None:
    project = grid.project(owner, examples=400, k=20)
    operations = grid.row(project).operations
    lease = steady.lease()
    grid.wait(10)
    steady.deliver(lease, seconds=8.0)
    assert steady.row.speed == pytest.approx(operations * len(lease.mini_batches) / 8)
    grid.rounds()
    lease = liar.lease()
    grid.wait(20)
    liar.deliver(lease, seconds=0.0)
    assert liar.row.speed == pytest.approx(operations * len(lease.mini_batches) / 1.0)


def test_every_state_of_a_result_takes_or_refuses_a_report_without_a_surprise(
    grid: DomainGrid, owner: int, steady: Cast
) -> None:
    """All states of the result and its unit, set by hand: one answer or one of the named refusals."""
    grid.project(owner)
    lease = steady.lease()
    from server.storage.tables import Result, Unit

    for result, unit in itertools.product(ResultState, UnitState):
        Result.update(state=result, digest="", gradient_sha256="").execute()
        Unit.update(state=unit).execute()
        try:
            reply = steady.deliver(lease)
        except (ResultEnded, StaleResult):
            assert result not in (ResultState.leased, ResultState.lost)
        else:
            assert result in (ResultState.leased, ResultState.lost)
            assert (reply.verdict is Verdict.pending) == (unit is UnitState.open)


def test_a_gradient_that_comes_too_late_while_it_is_written_leaves_no_bytes_behind(
    grid: DomainGrid, owner: int, steady: Cast, slow: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid.project(owner, k=1)
    first, second = steady.lease(), slow.lease()
    late = grid.honest(second)
    adopt_as = grid.stores.blobs.adopt_as

    def adopt_and_close_the_round(path: Path, sha256: str) -> None:
        adopt_as(path, sha256)
        monkeypatch.undo()
        steady.deliver(first)
        grid.rounds()

    monkeypatch.setattr(type(grid.stores.blobs), "adopt_as", lambda _, *given: adopt_and_close_the_round(*given))
    with pytest.raises(StaleResult):
        slow.upload(second.result, late)
    assert not grid.stores.blobs.has(sha256_of([late.encode()]))
    assert grid.audit.findings(grid.now) == []
