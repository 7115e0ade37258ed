"""Guarded moves, references, leadership: what several processes may do at once."""

import datetime as dt
from pathlib import Path

import pytest
from peewee import IntegrityError

from server.errors import LeadershipLost, NotFound, SomebodyElseWasFirst
from server.rules.states import DraftState, ProjectState, ResultState, RoundState, UnitState, may_move
from server.storage.stores import Stores, open_stores
from server.storage.tables import Checkpoint, Draft, Project, Result, Round, Shard, Unit

SECOND = dt.timedelta(seconds=1)


def test_a_second_move_from_the_same_state_is_refused(stores: Stores, project: Project) -> None:
    first, second = stores.projects.by_id(project.id), stores.projects.by_id(project.id)
    stores.projects.move(first, ProjectState.running)
    with pytest.raises(SomebodyElseWasFirst):
        stores.projects.move(second, ProjectState.cancelled)
    assert stores.projects.by_id(project.id).state is ProjectState.running


def test_a_result_gets_one_verdict(stores: Stores, result: Result) -> None:
    first, second = stores.work.result(result.id), stores.work.result(result.id)
    assert first is not None
    assert second is not None
    stores.work.move(first, ResultState.reported)
    with pytest.raises(SomebodyElseWasFirst):
        stores.work.move(second, ResultState.lost)
    stores.work.move(first, ResultState.valid)
    with pytest.raises(SomebodyElseWasFirst, match="valid cannot become lost"):
        stores.work.move(first, ResultState.lost)


@pytest.mark.parametrize("old", ResultState)
@pytest.mark.parametrize("new", ResultState)
def test_only_allowed_moves_of_a_result_are_made(
    stores: Stores, result: Result, old: ResultState, new: ResultState
) -> None:
    Result.update(state=old).execute()
    row = stores.work.result(result.id)
    assert row is not None
    if may_move(old, new):
        stores.work.move(row, new)
    else:
        with pytest.raises(SomebodyElseWasFirst):
            stores.work.move(row, new)
    assert Result.get().state is (new if may_move(old, new) else old)


def test_a_unit_becomes_valid_once(stores: Stores, unit: Unit) -> None:
    first, second = stores.work.unit(unit.id), stores.work.unit(unit.id)
    stores.work.move_unit(first, UnitState.valid, canonical=7)
    with pytest.raises(SomebodyElseWasFirst):
        stores.work.move_unit(second, UnitState.cancelled)
    stores.work.shorten(unit, [3])
    assert stores.work.unit(unit.id).mini_batches == [3, 1, 2], "a unit is split only while it is open"


def test_a_round_counts_only_while_it_is_open(stores: Stores, project: Project, now: dt.datetime) -> None:
    round_ = stores.rounds.open(project.id, 0, 0, 4, now)
    assert stores.rounds.count(round_, 3, 12) == 3
    assert stores.rounds.count(round_, 2, 8) == 5
    stores.rounds.begin_closing(round_, now)
    with pytest.raises(SomebodyElseWasFirst):
        stores.rounds.count(round_, 1, 4)
    with pytest.raises(SomebodyElseWasFirst):
        stores.rounds.begin_closing(round_, now)
    stores.rounds.close(round_, now, 0.5, {}, "mean")
    with pytest.raises(SomebodyElseWasFirst):
        stores.rounds.close(round_, now, 0.4, {}, "mean")
    closed = stores.rounds.get(project.id, 0)
    assert (closed.state, closed.used, closed.examples, closed.loss) == (RoundState.closed, 5, 20, 0.5)


def test_a_round_opens_once(stores: Stores, project: Project, now: dt.datetime) -> None:
    stores.rounds.open(project.id, 0, 0, 4, now)
    with pytest.raises(IntegrityError):
        stores.rounds.open(project.id, 0, 0, 4, now)


def test_a_project_advances_by_one_round_at_a_time(stores: Stores, project: Project) -> None:
    stores.projects.advance(project.id, 1, 0, 4)
    with pytest.raises(SomebodyElseWasFirst):
        stores.projects.advance(project.id, 1, 0, 4)
    with pytest.raises(SomebodyElseWasFirst):
        stores.projects.advance(project.id, 3, 0, 4)


def test_a_mini_batch_is_used_once_an_epoch_or_the_database_says_no(
    stores: Stores, project: Project, unit: Unit
) -> None:
    stores.rounds.use(project.id, 0, {3: 0, 1: 1}, 0, unit.id)
    for places in ({3: 2}, {2: 0}):
        with pytest.raises(IntegrityError):
            stores.rounds.use(project.id, 0, places, 1, unit.id)
    stores.rounds.use(project.id, 1, {3: 0}, 2, unit.id)
    assert stores.rounds.used_places(project.id, 0, 1) == {1}
    assert stores.rounds.count_used_in_epoch(project.id, 0) == 2


def test_a_check_of_an_older_revision_is_not_recorded(stores: Stores, project: Project, now: dt.datetime) -> None:
    draft = stores.drafts.add(project.owner_id, {"k": "4"}, now)
    old = stores.drafts.owned(project.owner_id, draft.id)
    stores.drafts.change(draft, {"k": "5"}, now)
    assert not stores.drafts.conclude(old, DraftState.ready, [], [], [], {}, now)
    assert Draft.get().state is DraftState.checking


def test_a_draft_becomes_one_project(stores: Stores, project: Project, now: dt.datetime) -> None:
    draft = stores.drafts.add(project.owner_id, {}, now)
    assert stores.drafts.conclude(draft, DraftState.ready, [], [], [], {}, now)
    draft = stores.drafts.owned(project.owner_id, draft.id)
    stores.drafts.submitted(draft, project.id)
    with pytest.raises(SomebodyElseWasFirst):
        stores.drafts.submitted(draft, project.id)
    with pytest.raises(SomebodyElseWasFirst):
        stores.drafts.change(draft, {}, now)


def test_an_expired_join_key_or_a_used_one_gives_nothing(stores: Stores, project: Project, now: dt.datetime) -> None:
    stores.join_keys.add(project.owner_id, "a" * 64, "lab", 1, now + SECOND, now)
    assert stores.join_keys.use("a" * 64, now) == project.owner_id
    assert stores.join_keys.use("a" * 64, now) is None
    stores.join_keys.add(project.owner_id, "b" * 64, "lab", 1, now + SECOND, now)
    assert stores.join_keys.use("b" * 64, now + SECOND) is None


def test_overdue_is_late_or_silent(stores: Stores, result: Result, now: dt.datetime) -> None:
    assert stores.work.overdue(now + 15 * SECOND) == []
    assert [r.id for r in stores.work.overdue(now + 16 * SECOND)] == [result.id]
    stores.work.heard(result, 1, now + 1000 * SECOND)
    assert stores.work.overdue(now + 60 * SECOND) == []
    assert [r.id for r in stores.work.overdue(now + 61 * SECOND)] == [result.id]


def test_a_sign_of_life_after_the_end_wakes_nothing(stores: Stores, result: Result, now: dt.datetime) -> None:
    stores.work.move(result, ResultState.lost)
    before = Result.get().silent_at
    stores.work.heard(result, 1, now + 1000 * SECOND)
    assert Result.get().silent_at == before


def test_host_seconds_are_counted_from_the_common_start(
    stores: Stores, result: Result, project: Project, now: dt.datetime
) -> None:
    assert stores.work.host_seconds(now, now + 10 * SECOND, [project.id, 99]) == {project.id: 10.0, 99: 0.0}
    assert stores.work.host_seconds(now + 4 * SECOND, now + 10 * SECOND, [project.id]) == {project.id: 6.0}
    stores.work.move(result, ResultState.lost, ended_at=now + 5 * SECOND)
    assert stores.work.host_seconds(now + 4 * SECOND, now + 10 * SECOND, [project.id]) == {project.id: 1.0}
    assert stores.work.host_seconds(now + 6 * SECOND, now + 10 * SECOND, [project.id]) == {project.id: 0.0}
    assert stores.work.given_until(project.id, now + 5 * SECOND).host_seconds == 5.0
    assert stores.work.given_until(project.id, now).host_seconds == 0.0
    assert stores.work.given_since(project.id, now, now + 9 * SECOND).host_seconds == 5.0


KINDS = {
    "source": lambda p, r, name: Project.update(source_sha256=name).execute(),
    "plan": lambda p, r, name: Project.update(plan_sha256=name).execute(),
    "frozen weights": lambda p, r, name: Project.update(frozen_sha256=name).execute(),
    "shard": lambda p, r, name: Shard.create(
        project=p.id, validation=False, number=0, sha256=name, size=1, examples=1
    ),
    "validation shard": lambda p, r, name: Shard.create(
        project=p.id, validation=True, number=0, sha256=name, size=1, examples=1
    ),
    "weights": lambda p, r, name: Checkpoint.create(
        project=p.id, round=0, epoch=0, ends_epoch=False, weights_sha256=name, weights_size=1, created_at=p.created_at
    ),
    "optimizer": lambda p, r, name: Checkpoint.create(
        project=p.id, round=0, epoch=0, ends_epoch=False, weights_sha256="", weights_size=1, optimizer_sha256=name,
        created_at=p.created_at,
    ),
    "gradient": lambda p, r, name: Result.update(gradient_sha256=name).execute(),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_blob_is_used_when_a_row_names_it(stores: Stores, project: Project, result: Result, kind: str) -> None:
    name = "ab" * 32
    assert not stores.references.is_used(name)
    assert stores.references.unused([name]) == [name]
    KINDS[kind](project, result, name)
    assert stores.references.is_used(name)
    assert stores.references.of_project(project.id) == {name}
    assert stores.references.of_project(project.id + 1) == set()
    stores.projects.delete(project)
    assert not stores.references.is_used(name)


def test_every_column_that_names_a_blob_is_a_reference() -> None:
    """A new column of that kind must be added to ReferenceStore, or the collector would delete its blobs."""
    named = {
        f"{table.__name__}.{column}"
        for table in (Project, Shard, Checkpoint, Result, Round, Unit, Draft)
        for column in table._meta.fields
        if column.endswith("sha256")
    }
    assert named == {
        "Project.source_sha256", "Project.plan_sha256", "Project.frozen_sha256", "Shard.sha256",
        "Checkpoint.weights_sha256", "Checkpoint.optimizer_sha256", "Result.gradient_sha256",
    }  # fmt: skip


def test_one_leads_until_its_lease_runs_out(stores: Stores, now: dt.datetime) -> None:
    lead = stores.leadership
    assert lead.take("scheduler", "a", now) == 1
    assert lead.take("scheduler", "b", now + SECOND) is None
    assert lead.take("scheduler", "a", now + 3 * SECOND) == 1
    assert lead.take("scheduler", "b", now + 6 * SECOND) is None, "it was renewed"
    assert lead.take("scheduler", "b", now + 7 * SECOND) == 2
    assert lead.take("scheduler", "a", now + 8 * SECOND) is None
    assert lead.take("another duty", "a", now) == 1


def test_the_fencing_token_of_an_earlier_leader_is_refused(stores: Stores, now: dt.datetime) -> None:
    lead = stores.leadership
    with pytest.raises(LeadershipLost):
        lead.require("scheduler", 1)
    lead.take("scheduler", "a", now)
    lead.require("scheduler", 1)
    lead.take("scheduler", "b", now + 5 * SECOND)
    with pytest.raises(LeadershipLost):
        lead.require("scheduler", 1)
    lead.require("scheduler", 2)
    assert lead.take("scheduler", "a", now + 20 * SECOND) == 3, "the token grows when it comes back"


def test_who_steps_down_lets_the_next_begin_at_once(stores: Stores, now: dt.datetime) -> None:
    stores.leadership.take("scheduler", "a", now)
    stores.leadership.give_up("scheduler", "b", now)
    assert stores.leadership.take("scheduler", "b", now) is None
    stores.leadership.give_up("scheduler", "a", now)
    assert stores.leadership.take("scheduler", "b", now) == 2


def test_what_is_not_there_is_not_found(stores: Stores, project: Project) -> None:
    for look in (
        lambda: stores.projects.by_id(99),
        lambda: stores.projects.owned(project.owner_id + 1, project.id),
        lambda: stores.rounds.get(project.id, 0),
        lambda: stores.work.unit(99),
        lambda: stores.drafts.owned(project.owner_id, 99),
    ):
        with pytest.raises(NotFound):
            look()
    assert stores.work.result(99) is None
    assert stores.checkpoints.get(project.id, 0) is None


def test_instants_and_states_come_back_as_they_went_in(stores: Stores, result: Result, now: dt.datetime) -> None:
    row = stores.work.result(result.id)
    assert row is not None
    assert row.leased_at == now
    assert row.leased_at.tzinfo is dt.UTC
    assert row.ended_at is None
    assert row.state is ResultState.leased
    assert stores.work.extend_leases(dt.timedelta(seconds=2.5)) == 1
    assert Result.get().deadline == now + dt.timedelta(seconds=62.5)


def test_a_data_folder_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    folder = tmp_path / "grid"
    folder.mkdir()
    folder.chmod(0o755)
    open_stores(folder).database.close()
    assert folder.stat().st_mode & 0o777 == 0o700
