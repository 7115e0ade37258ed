"""The audit finds a planted disagreement of every kind, and only where there is one."""

from collections.abc import Callable

import pytest

from server.rules.states import ProjectState, ResultState, RoundState, UnitState
from server.storage.tables import Checkpoint, MiniBatchUse, Project, Result, Round, Unit
from tests.support.domain_grid import Cast, DomainGrid


@pytest.fixture
def half_way(grid: DomainGrid, owner: int, steady: Cast, slow: Cast) -> DomainGrid:
    """One epoch is over; of the second one round is closed, and one result is out."""
    project = grid.project(owner, examples=32, k=2, epochs=3)
    while grid.row(project).round < 5:
        steady.deliver(steady.lease())
        grid.rounds()
    slow.ask()
    assert grid.audit.findings(grid.now) == []
    return grid


def swap_two_places() -> None:
    first, second = MiniBatchUse.select().where(MiniBatchUse.epoch == 0).limit(2)
    for row, place in ((first, 99), (second, first.place), (first, second.place)):
        MiniBatchUse.update(place=place).where(
            MiniBatchUse.epoch == 0, MiniBatchUse.mini_batch == row.mini_batch
        ).execute()


def forget_a_use() -> None:
    first = MiniBatchUse.select().where(MiniBatchUse.epoch == 0).first()
    MiniBatchUse.delete().where(MiniBatchUse.epoch == 0, MiniBatchUse.mini_batch == first.mini_batch).execute()


def spoil_a_unit() -> None:
    unit = Unit.select().where(Unit.state == UnitState.valid).first()
    Unit.update(size=unit.size + 1).where(Unit.id == unit.id).execute()


def unit_without_canonical() -> None:
    unit = Unit.select().where(Unit.state == UnitState.valid).first()
    Unit.update(canonical=None).where(Unit.id == unit.id).execute()


def second_valid_result() -> None:
    result = Result.select().where(Result.state == ResultState.leased).first()
    unit = Unit.select().where(Unit.state == UnitState.valid).first()
    Result.update(state=ResultState.valid, unit=unit.id).where(Result.id == result.id).execute()


def open_unit_in_a_closed_round() -> None:
    Unit.update(round=0).where(Unit.state == UnitState.open).execute()


def hold_a_result_that_nobody_waits_for() -> None:
    result = Result.select().where(Result.state == ResultState.leased).first()
    Result.update(state=ResultState.held).where(Result.id == result.id).execute()


def seek_an_opinion_on_nothing() -> None:
    unit = Unit.select().where(Unit.state == UnitState.open).first()
    Unit.update(seeks=True).where(Unit.id == unit.id).execute()


def valid_result_of_a_cancelled_unit() -> None:
    result = Result.select().where(Result.state == ResultState.leased).first()
    Result.update(state=ResultState.valid, confirmed_at=1.0).where(Result.id == result.id).execute()


def refute_a_canonical_result() -> None:
    unit = Unit.select().where(Unit.state == UnitState.valid).first()
    Result.update(state=ResultState.invalid).where(Result.id == unit.canonical).execute()


PLANTED: dict[str, tuple[Callable[[], object], str]] = {
    "a round's count": (lambda: Round.update(used=3).where(Round.number == 1).execute(), "it counts 3 mini-batches"),
    "a round's examples": (lambda: Round.update(examples=9).where(Round.number == 1).execute(), "9 examples"),
    "a round closed too early": (
        lambda: Round.update(target=4).where(Round.number == 1).execute(),
        "it is closed with 2 of 4",
    ),
    "a checkpoint lost": (
        lambda: Checkpoint.delete().where(Checkpoint.round == 2).execute(),
        "round 1: it is closed and has no checkpoint",
    ),
    "the project's round": (lambda: Project.update(round=4).execute(), "its round is 4, its rows say 5"),
    "the project's state": (
        lambda: Project.update(state=ProjectState.finished).execute(),
        "it is finished in epoch 1 of 3",
    ),
    "a use forgotten": (forget_a_use, "epoch 0 is over with 7 of 8 mini-batches used"),
    "places exchanged": (swap_two_places, "epoch 0 has mini-batches at places that are not theirs"),
    "the head of the queue": (lambda: Project.update(head=7).execute(), "places before its head 7 are not used"),
    "a unit's size": (spoil_a_unit, "its size is 3, it has 2 mini-batches"),
    "a unit without its canonical result": (unit_without_canonical, "canonical None, with 1 valid results"),
    "a unit with two valid results": (second_valid_result, "with 2 valid results"),
    "a held result forgotten": (hold_a_result_that_nobody_waits_for, "1 results of it are held, and nobody is asked"),
    "an opinion on nothing": (seek_an_opinion_on_nothing, "it seeks another opinion, and there is none yet"),
    "a valid result too many": (valid_result_of_a_cancelled_unit, "it is open with 1 valid results"),
    "a canonical result that is wrong": (refute_a_canonical_result, "with 0 valid results"),
    "what was found wrong": (
        lambda: Round.update(refuted=2).where(Round.number == 1).execute(),
        "it counts 2 mini-batches that were found wrong, rows 0",
    ),
    "a unit open in a closed round": (open_unit_in_a_closed_round, "it is open in a round that is closed"),
    "a lease in a closed round": (open_unit_in_a_closed_round, "a result is still leased in a round that is closed"),
    "a round that went back": (
        lambda: Round.update(state=RoundState.closing).where(Round.number == 1).execute(),
        "round 1: it is closing, but a later round is there",
    ),
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_disagreement_is_found(half_way: DomainGrid, what: str) -> None:
    plant, sentence = PLANTED[what]
    plant()
    findings = half_way.audit.findings(half_way.now)
    assert any(sentence in finding for finding in findings), findings


@pytest.mark.parametrize("kind", ["shard", "checkpoint", "gradient", "plan", "source"])
def test_a_missing_blob_is_found(half_way: DomainGrid, kind: str) -> None:
    project = half_way.row(1)
    name = {
        "shard": lambda: half_way.stores.projects.shards(1)[0].sha256,
        "checkpoint": lambda: half_way.stores.checkpoints.latest(1).weights_sha256,  # type: ignore[union-attr]
        "gradient": lambda: Result.select().where(Result.gradient_sha256 != "").first().gradient_sha256,
        "plan": lambda: project.plan_sha256,
        "source": lambda: project.source_sha256,
    }[kind]()
    half_way.plans.of(project.plan_sha256)
    half_way.stores.blobs.delete(name)
    assert half_way.audit.findings(half_way.now) == [f"project 1: the blob {name[:12]} is missing"]


def test_a_missing_plan_is_found_also_by_a_fresh_process(half_way: DomainGrid) -> None:
    name = half_way.row(1).plan_sha256
    half_way.stores.blobs.delete(name)
    half_way.restart()
    assert half_way.audit.findings(half_way.now) == [f"project 1: the blob {name[:12]} is missing"]


def test_the_audit_changes_nothing(half_way: DomainGrid) -> None:
    before = half_way.dump()
    half_way.audit.findings(half_way.now)
    assert half_way.dump() == before


def test_a_project_that_is_not_prepared_yet_has_nothing_to_disagree(grid: DomainGrid, owner: int) -> None:
    draft = grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
    grid.checker.run_pass(grid.now)
    grid.drafts.submit(owner, draft, grid.now)
    assert grid.audit.findings(grid.now) == []
