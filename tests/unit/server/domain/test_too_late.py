"""What is found wrong when its round has closed: flagged, or the project goes back; and what quarantine takes along."""

from pathlib import Path

import numpy as np
import pytest

from server.domain.quarantine import Quarantine
from server.domain.replay import Replay
from server.errors import ResultEnded, StaleResult
from server.rules.states import AuditState, ProjectState, Purpose, ResultState, RoundState, UnitState
from server.rules.validation_policy import ValidationPolicy
from server.storage.tables import Action, Checkpoint, CreditEntry, Letter, MiniBatchUse, Project, Round, Unit
from tests.support.domain_grid import Cast, DomainGrid
from tests.support.judging import (
    TRUSTED,
    deliver,
    flipped,
    honest,
    host_of_its_own,
    judge,
    row,
    speak,
    trusted,
    unit_of,
    units,
)
from volunteer.protocol.messages import Heartbeat, Lease
from volunteer.protocol.tensors import load


@pytest.fixture
def policy() -> ValidationPolicy:
    return ValidationPolicy(quorum=2, least_check=0.0, audit_share=0.0)


@pytest.fixture
def referee(grid: DomainGrid) -> Cast:
    return host_of_its_own(grid, "referee", awake=False)


def weights(grid: DomainGrid, project: int) -> np.ndarray:  # type: ignore[type-arg]
    checkpoint = grid.stores.checkpoints.latest(project)
    assert checkpoint is not None
    return load(grid.stores.blobs.path(checkpoint.weights_sha256))[0]["trainable"]


def close_rounds(grid: DomainGrid, host: Cast, until: int, lies_in: int = -1) -> list[int]:
    """Its results, round by round; in one of them it lies."""
    results = []
    while grid.row(1).round < until and grid.row(1).state is ProjectState.running:
        trusted(grid, host, TRUSTED)
        results.append(deliver(grid, host, flipped if grid.row(1).round == lies_in else honest))
        grid.rounds()
    return results


def audit(grid: DomainGrid, referee: Cast, unit_id: int) -> int:
    with grid.stores.database.write():
        grid.stores.opinions.set_audit(grid.stores.work.unit(unit_id), AuditState.wanted)
    return int(speak(grid, referee, unit_id, honest, Purpose.audit).id)


def test_too_much_that_was_wrong_takes_the_project_back_to_weights_from_before_it(
    grid: DomainGrid, owner: int, proven: Cast, referee: Cast, tmp_path: Path
) -> None:
    project = grid.project(owner, examples=120, k=6, epochs=3)
    results = close_rounds(grid, proven, 3, lies_in=1)
    lie = results[1]
    unit = unit_of(grid, lie)
    assert unit.round == 1
    good = grid.stores.checkpoints.get(project, 1)
    audit(grid, referee, unit.id)
    judge(grid)
    after = grid.row(project)
    assert (after.round, after.epoch, after.state) == (1, 0, ProjectState.running)
    assert [one.round for one in grid.stores.checkpoints.of_project(project)] == [0, 1]
    assert grid.stores.checkpoints.latest(project) == good
    assert [(one.number, one.state) for one in grid.stores.rounds.of_project(project)] == [
        (0, RoundState.closed), (1, RoundState.open),
    ]  # fmt: skip
    assert {use.round for use in MiniBatchUse.select()} == {0}
    assert row(grid, lie).state is ResultState.invalid
    assert [unit.state for unit in units(grid) if unit.round in (1, 2)] == [UnitState.undone] * 2
    assert "went back by 2 rounds" in grid.stores.projects.events(project, 1)[0].sentence
    assert Action.select().where(Action.what == "went back").count() == 1
    assert grid.audit.findings(grid.now) == []
    close_rounds(grid, proven, 99)
    np.testing.assert_array_equal(weights(grid, project), np.full(30, 12.0))
    assert grid.audit.findings(grid.now) == []
    outcome = Replay(grid.stores, grid.plans, grid.learner, tmp_path / "scratch").run(project, lambda line: None)
    assert outcome.agrees, "what is recorded gives these weights, as if nothing had been undone"


def test_a_project_goes_back_over_the_end_of_an_epoch(
    grid: DomainGrid, owner: int, proven: Cast, referee: Cast
) -> None:
    project = grid.project(owner, examples=48, k=4, epochs=3)
    results = close_rounds(grid, proven, 5, lies_in=2)
    assert grid.row(project).epoch == 1
    audit(grid, referee, unit_of(grid, results[2]).id)
    judge(grid)
    assert (grid.row(project).round, grid.row(project).epoch) == (2, 0)
    assert grid.audit.findings(grid.now) == []
    close_rounds(grid, proven, 99)
    np.testing.assert_array_equal(weights(grid, project), np.full(12, 12.0))
    assert grid.audit.findings(grid.now) == []


def test_the_optimizers_state_is_kept_beside_weights_that_a_project_may_have_to_go_back_to(
    grid: DomainGrid, owner: int, proven: Cast, referee: Cast
) -> None:
    """Three rounds an epoch: what may be gone back to is at most an epoch's end before the last ten rounds."""
    project = grid.project(owner, examples=36, k=3, epochs=9)
    results = close_rounds(grid, proven, 17, lies_in=8)
    while grid.collector.run_pass(grid.now):
        pass
    kept = {one.round for one in grid.stores.checkpoints.of_project(project) if one.optimizer_sha256}
    assert kept == {6, 9, 12, 15, 16, 17}
    audit(grid, referee, unit_of(grid, results[8]).id)
    judge(grid)
    assert grid.row(project).round == 6
    close_rounds(grid, proven, 99)
    np.testing.assert_array_equal(weights(grid, project), np.full(9, 36.0))
    checkpoint = grid.stores.checkpoints.latest(project)
    assert checkpoint is not None
    steps = load(grid.stores.blobs.path(checkpoint.optimizer_sha256))[0]["0000"]
    assert int(steps) == checkpoint.round, "no step was forgotten"


def test_a_step_that_was_being_computed_for_an_undone_round_is_thrown_away(
    grid: DomainGrid, owner: int, proven: Cast, referee: Cast
) -> None:
    project = grid.project(owner, examples=120, k=6, epochs=3)
    results = close_rounds(grid, proven, 2, lies_in=1)
    deliver(grid, proven)
    while grid.validator.run_pass(grid.now):
        pass
    assert grid.stores.rounds.get(project, 2).state is RoundState.closing

    def meanwhile() -> None:
        grid.learner.before_step = lambda: None
        audit(grid, referee, unit_of(grid, results[1]).id)
        judge(grid)
        # The new round is closing, too, before the old step is done.
        while grid.stores.rounds.get(project, 1).state is RoundState.open:
            trusted(grid, proven, TRUSTED)
            deliver(grid, proven)
            judge(grid)

    grid.learner.before_step = meanwhile
    assert grid.assimilator.run_pass(grid.now) == 0
    assert grid.row(project).round == 1
    assert grid.audit.findings(grid.now) == []
    grid.rounds()
    assert grid.row(project).round == 2
    close_rounds(grid, proven, 99)
    np.testing.assert_array_equal(weights(grid, project), np.full(30, 12.0))


def test_a_little_that_was_wrong_is_flagged_and_stays(
    grid: DomainGrid, owner: int, proven: Cast, referee: Cast
) -> None:
    project = grid.project(owner, examples=400, k=40, epochs=1)
    small = grid.stores.work
    lease = proven.lease()
    blob = grid.honest(lease, 1)
    flipped(blob)
    proven.upload(lease.result, blob)
    grid.rounds()
    close_rounds(grid, proven, 1)
    unit = unit_of(grid, lease.result)
    assert unit.size == 1
    audit(grid, referee, unit.id)
    judge(grid)
    unit = small.unit(unit.id)
    assert (unit.state, unit.refuted_at, unit.audit) == (UnitState.valid, grid.now, AuditState.refuted)
    assert grid.stores.rounds.get(project, 0).refuted == 1
    assert grid.row(project).round == 1
    assert row(grid, lease.result).state is ResultState.invalid
    assert grid.audit.findings(grid.now) == []
    # Another referee says the same: nothing is counted twice.
    audit(grid, host_of_its_own(grid, "another referee"), unit.id)
    judge(grid)
    assert grid.stores.rounds.get(project, 0).refuted == 1
    assert grid.audit.findings(grid.now) == []


def test_a_finished_project_stays_finished_and_its_owner_reads_of_it(
    grid: DomainGrid, owner: int, proven: Cast, referee: Cast
) -> None:
    project = grid.project(owner, examples=48, k=6, epochs=1)
    results = close_rounds(grid, proven, 99, lies_in=1)
    assert grid.row(project).state is ProjectState.finished
    audit(grid, referee, unit_of(grid, results[1]).id)
    judge(grid)
    assert grid.row(project).state is ProjectState.finished
    assert grid.row(project).round == 2
    assert "when the project had ended already" in grid.stores.projects.events(project, 1)[0].sentence
    assert grid.audit.findings(grid.now) == []


def test_a_check_that_agrees_after_the_round_has_closed_confirms_and_is_credited(
    grid: DomainGrid, owner: int, proven: Cast, referee: Cast
) -> None:
    grid.project(owner, examples=120, k=6)
    [result] = close_rounds(grid, proven, 1)
    unit = unit_of(grid, result)
    with grid.stores.database.write():
        grid.stores.opinions.want(unit, 2)
    other = speak(grid, referee, unit.id).id
    judge(grid)
    assert row(grid, other).state is ResultState.valid
    assert row(grid, result).confirmed_at == grid.now
    assert proven.row.trust == TRUSTED + 1
    assert sorted(entry.result for entry in CreditEntry.select()) == [result, other]
    assert grid.audit.findings(grid.now) == []


def test_a_host_that_lies_twice_is_put_out_and_what_only_it_said_leaves_the_open_round(
    grid: DomainGrid, owner: int, proven: Cast, referee: Cast
) -> None:
    project = grid.project(owner, examples=400, k=90, epochs=1)
    lies, others = [], []
    for number in range(4):
        trusted(grid, proven, TRUSTED)
        lease = proven.lease()
        blob = grid.honest(lease, 1)
        (flipped if number < 2 else honest)(blob)
        proven.upload(lease.result, blob)
        judge(grid)
        (lies if number < 2 else others).append(int(lease.result))
    assert grid.stores.rounds.get(project, 0).used == 4
    held = proven.lease()
    with grid.stores.database.write():
        grid.stores.accounts.change(proven.row.account_id, email="proven@example.org", email_verified_at=grid.now)
    for lie in lies:
        audit(grid, referee, unit_of(grid, lie).id)
        judge(grid)
    host = proven.row
    assert host.quarantined_at == grid.now
    assert "Other computers computed the same work" in host.quarantine_reason
    assert [row(grid, other).state for other in others] == [ResultState.unneeded] * 2
    assert [unit_of(grid, other).state for other in others] == [UnitState.open] * 2
    assert row(grid, held.result).state is ResultState.cancelled
    assert grid.stores.rounds.get(project, 0).used == 2, "the referee's own two"
    assert host.credit == 0
    [letter] = [letter for letter in Letter.select() if letter.account_id == host.account_id]
    assert "My computers" in letter.body
    assert Action.select().where(Action.what == "quarantined machine").count() == 1
    assert grid.audit.findings(grid.now) == []


def test_what_a_quarantined_host_did_for_closed_rounds_is_checked_by_others(
    grid: DomainGrid, owner: int, proven: Cast, referee: Cast
) -> None:
    grid.project(owner, examples=120, k=6, epochs=3)
    results = close_rounds(grid, proven, 3)
    with grid.stores.database.write():
        Quarantine(grid.stores, grid.plans, grid.notices).impose(proven.row, "It was heard to lie.", None, grid.now)
    assert [unit_of(grid, result).seeks for result in results] == [True] * 3
    for result in results:
        speak(grid, referee, unit_of(grid, result).id)
    judge(grid)
    assert [row(grid, result).state for result in results] == [ResultState.valid] * 3
    assert grid.audit.findings(grid.now) == []


def test_where_nearly_every_host_is_contradicted_the_project_is_stopped_and_nobody_blamed(
    grid: DomainGrid, owner: int, referee: Cast
) -> None:
    project = grid.project(owner, examples=400, k=90, epochs=1)
    for number in range(3):
        host = host_of_its_own(grid, f"host {number}", TRUSTED)
        lease = host.lease()
        blob = grid.honest(lease, 1)
        flipped(blob)
        host.upload(lease.result, blob)
        judge(grid)
        audit(grid, referee, unit_of(grid, lease.result).id)
        judge(grid)
    after = grid.row(project)
    assert after.state is ProjectState.needs_attention
    assert "do not agree on the gradients" in after.reason
    assert host.row.refuted == 0
    assert grid.audit.findings(grid.now) == []


@pytest.mark.parametrize("table", [Round, Checkpoint, Project, Unit])
def test_going_back_is_all_or_nothing(
    grid: DomainGrid, owner: int, proven: Cast, referee: Cast, table: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends at a statement in the middle: the rows are as before, and the next process does it again."""
    project = grid.project(owner, examples=120, k=6, epochs=3)
    results = close_rounds(grid, proven, 3, lies_in=1)
    audit(grid, referee, unit_of(grid, results[1]).id)
    for waited_for in (True, False):
        grid.validator._take_in(waited_for, 64, grid.now)
    before = grid.dump()

    def die(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    verb = {Round: "create", Checkpoint: "delete", Project: "update", Unit: "update"}[table]
    with monkeypatch.context() as patch:
        patch.setattr(table, verb, die)
        with pytest.raises(KeyboardInterrupt):
            grid.validator.run_pass(grid.now)
    assert grid.dump() == before
    grid.restart()
    judge(grid)
    assert grid.row(project).round == 1
    assert grid.audit.findings(grid.now) == []


def test_what_comes_for_a_round_that_was_undone_is_refused_and_holds_nothing_up(
    grid: DomainGrid, owner: int, proven: Cast, referee: Cast
) -> None:
    project = grid.project(owner, examples=120, k=6, epochs=3)
    slow = host_of_its_own(grid, "slow", TRUSTED)
    results = close_rounds(grid, proven, 2, lies_in=1)
    late, reported = slow.lease(), proven.lease()
    silent = slow.ask()
    assert isinstance(silent, Lease)
    audit(grid, referee, unit_of(grid, results[2]).id)
    for waited_for in (True, False):
        grid.validator._take_in(waited_for, 64, grid.now)
    proven.deliver(reported)
    grid.validator._settle(grid.now)
    assert grid.row(project).round == 1
    assert row(grid, reported.result).state is ResultState.unneeded
    for lease in (late, silent):
        with pytest.raises((StaleResult, ResultEnded)):
            slow.deliver(lease)
        assert not grid.reports.heartbeat(slow.row, lease.result, Heartbeat(1), grid.now).go_on
    judge(grid)
    assert grid.audit.findings(grid.now) == []


def test_honest_work_of_rounds_that_were_undone_keeps_its_credit_and_the_liars_own_does_not(
    grid: DomainGrid, owner: int, proven: Cast, referee: Cast
) -> None:
    """Of the liar's work nobody can say any more whether it was right."""
    project = grid.project(owner, examples=160, k=6, epochs=3)
    honest_host = host_of_its_own(grid, "honest", TRUSTED)
    results = close_rounds(grid, proven, 2, lies_in=0)
    while grid.row(project).round < 3:
        kept = deliver(grid, honest_host)
        grid.rounds()
    before = honest_host.row.credit
    assert proven.row.credit > 0 < before
    audit(grid, referee, unit_of(grid, results[0]).id)
    judge(grid)
    assert grid.row(project).round == 0
    assert proven.row.credit == 0
    assert {row(grid, result).state for result in results[1:]} == {ResultState.unneeded}
    assert (honest_host.row.credit, row(grid, kept).state) == (before, ResultState.valid)
    assert grid.audit.findings(grid.now) == []
