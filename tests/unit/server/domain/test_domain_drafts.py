import shutil
from pathlib import Path
from typing import Any

import pytest

from server.errors import NotAcceptable, NotAllowedNow, NotFound
from server.rules import forecast
from server.rules.incoming import IncomingFile
from server.rules.intake_values import CutRequest, IntakeFailed
from server.rules.learning_values import LearnerFailed
from server.rules.states import DraftState, ProjectState
from server.storage.tables import Draft
from tests.support.domain_grid import DomainGrid


def problems(grid: DomainGrid, owner: int, draft: int) -> dict[str, str]:
    return {problem.field: problem.sentence for problem in grid.drafts.view(owner, draft).problems}


def only(files: list[IncomingFile], *fields: str) -> list[IncomingFile]:
    return [file for file in files if file.field in fields]


def test_a_good_draft_becomes_ready_and_says_what_training_will_mean(grid: DomainGrid, owner: int) -> None:
    draft = grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
    assert grid.rings == ["drafts"]
    assert grid.drafts.view(owner, draft).state is DraftState.checking
    grid.checker.run_pass(grid.now)
    view = grid.drafts.view(owner, draft)
    assert view.state is DraftState.ready
    facts = dict(view.facts)
    assert facts["Mini-batches an epoch"] == "10"
    assert facts["Optimizer steps an epoch"] == "4 (with fit it would be 10)"


def test_every_mistake_is_named_beside_its_field_and_nothing_is_uploaded_twice(grid: DomainGrid, owner: int) -> None:
    form = grid.form(k="many", name="", consent="")
    draft = grid.drafts.start(owner, form, grid.files(10, 40, labels=39), grid.now)
    grid.checker.run_pass(grid.now)
    assert grid.drafts.view(owner, draft).state is DraftState.needs_correction
    found = problems(grid, owner, draft)
    assert set(found) == {"k", "name", "consent", "labels"}
    assert found["labels"] == "labels has 39 rows, data has 40"
    before = {u.field: u for u in grid.drafts.view(owner, draft).uploads}
    grid.drafts.change(owner, draft, grid.form(), only(grid.files(10, 40), "labels"), grid.now)
    grid.checker.run_pass(grid.now)
    view = grid.drafts.view(owner, draft)
    assert view.state is DraftState.ready
    assert {u.field for u in view.uploads} == set(before)
    uploads = grid.folder / "drafts" / str(draft) / "uploads"
    assert len(list(uploads.iterdir())) == 3, "the file that was replaced is gone"


def test_missing_files_are_asked_for(grid: DomainGrid, owner: int) -> None:
    draft = grid.drafts.start(owner, grid.form(), [], grid.now)
    grid.checker.run_pass(grid.now)
    assert set(problems(grid, owner, draft)) == {"model", "data", "labels"}


def test_validation_data_needs_its_labels(grid: DomainGrid, owner: int) -> None:
    files = grid.files(10, 40)
    path = grid.drafts.incoming_folder / "v"
    path.write_text("5")
    files.append(IncomingFile("validation_data", "v.npy", path, 1))
    draft = grid.drafts.start(owner, grid.form(), files, grid.now)
    grid.checker.run_pass(grid.now)
    assert set(problems(grid, owner, draft)) == {"validation_labels"}


def test_a_model_that_is_refused_is_named_with_the_sentence(grid: DomainGrid, owner: int) -> None:
    files = grid.files("refuse: The layer “λ” is a Lambda.", 40)
    draft = grid.drafts.start(owner, grid.form(), files, grid.now)
    grid.checker.run_pass(grid.now)
    assert problems(grid, owner, draft) == {"model": "The layer “λ” is a Lambda."}


@pytest.mark.parametrize("error", [LearnerFailed("The learner died."), RuntimeError("bug")])
def test_a_check_that_fails_for_our_own_fault_says_so_and_does_not_spin(
    grid: DomainGrid, owner: int, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(request: object) -> None:
        raise error

    monkeypatch.setattr(grid.learner, "inspect", fail)
    draft = grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
    assert grid.checker.run_pass(grid.now) == 1
    assert grid.checker.run_pass(grid.now) == 0
    assert grid.drafts.view(owner, draft).state is DraftState.needs_correction
    assert "bug" not in problems(grid, owner, draft)[""]


@pytest.mark.parametrize(("examples", "told"), [(1, "A single example cannot be split"), (2, "")])
def test_a_validation_split_that_cannot_be_made_is_told_before_anything_is_queued(
    grid: DomainGrid, owner: int, examples: int, told: str
) -> None:
    draft = grid.drafts.start(owner, grid.form(validation_fraction=0.9), grid.files(10, examples), grid.now)
    grid.checker.run_pass(grid.now)
    assert problems(grid, owner, draft).get("validation_fraction", "").startswith(told)
    assert (grid.drafts.view(owner, draft).state is DraftState.ready) == (not told)


def test_more_mini_batches_or_shards_than_can_be_looked_through_are_refused_beside_the_field(
    grid: DomainGrid, owner: int
) -> None:
    sizes = ((1, 1, "batch_size", "batch size of 3 or more"), (4, 4, "shard_examples", "101 examples a shard"))
    for batch_size, shard_examples, field, told in sizes:
        form = grid.form(batch_size=batch_size, shard_examples=shard_examples)
        draft = grid.drafts.start(owner, form, grid.files(10, 2_000_001 + 10_000 * (batch_size > 1)), grid.now)
        grid.checker.run_pass(grid.now)
        assert told in problems(grid, owner, draft)[field]


def test_a_loss_that_does_not_fit_the_model_stands_beside_the_loss(grid: DomainGrid, owner: int) -> None:
    form = grid.form(loss="sparse_categorical_crossentropy")
    draft = grid.drafts.start(owner, form, grid.files(10, 40), grid.now)
    grid.checker.run_pass(grid.now)
    found = problems(grid, owner, draft)
    assert set(found) == {"loss"}
    assert "the model has one output" in found["loss"]


def test_a_wrong_number_does_not_make_the_choice_of_a_loss_forgotten(grid: DomainGrid, owner: int) -> None:
    form = grid.form(k="many", loss="nonsense", optimizer="Nothing")
    draft = grid.drafts.start(owner, form, grid.files(10, 40), grid.now)
    grid.checker.run_pass(grid.now)
    found = problems(grid, owner, draft)
    assert set(found) == {"k", "loss", "optimizer"}
    assert "nonsense" in found["loss"]


@pytest.mark.parametrize("broken", ["folder", "conclusion", "facts"])
def test_a_draft_that_cannot_be_checked_holds_up_none_behind_it(
    grid: DomainGrid, owner: int, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = (grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now) for _ in range(2))
    conclude, facts = grid.stores.drafts.conclude, forecast.facts
    if broken == "folder":
        folder = grid.folder / "drafts" / str(bad)
        shutil.rmtree(folder)
        folder.write_text("no folder")
    elif broken == "conclusion":

        def fail_once(draft: Draft, *outcome: object) -> bool:
            monkeypatch.setattr(grid.stores.drafts, "conclude", conclude)
            raise OSError("the disk is full")

        monkeypatch.setattr(grid.stores.drafts, "conclude", fail_once)
    else:

        def fail(*given: object) -> list[tuple[str, str]]:
            monkeypatch.setattr(forecast, "facts", facts)
            raise ZeroDivisionError

        monkeypatch.setattr(forecast, "facts", fail)
    assert grid.checker.run_pass(grid.now) == 2
    assert "Something went wrong in the server" in problems(grid, owner, bad)[""]
    assert grid.drafts.view(owner, bad).state is DraftState.needs_correction
    assert grid.drafts.view(owner, good).state is DraftState.ready


def test_a_draft_that_cannot_even_be_concluded_waits_and_nothing_spins(
    grid: DomainGrid, owner: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object) -> None:
        raise OSError("the disk is full")

    draft = grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
    with monkeypatch.context() as patch:
        patch.setattr(grid.stores.drafts, "conclude", fail)
        assert grid.checker.run_pass(grid.now) == 0
    assert grid.checker.run_pass(grid.now) == 1
    assert grid.drafts.view(owner, draft).state is DraftState.ready


def test_a_check_that_found_mistakes_keeps_no_unpacked_data(grid: DomainGrid, owner: int) -> None:
    draft = grid.drafts.start(owner, grid.form(), grid.files(10, 40, labels=39), grid.now)
    grid.checker.run_pass(grid.now)
    assert [path.name for path in (grid.folder / "drafts" / str(draft)).iterdir()] == ["uploads"]


def test_a_project_that_cannot_be_given_up_holds_up_none_behind_it(
    grid: DomainGrid, owner: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = []
    for _ in range(2):
        draft = grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
        grid.checker.run_pass(grid.now)
        numbers.append(grid.drafts.submit(owner, draft, grid.now))
    by_id, of_project = grid.stores.projects.by_id, grid.stores.drafts.of_project

    def fail(project_id: int) -> Any:
        if project_id == numbers[0]:
            raise OSError("the disk is full")
        return of_project(project_id)

    monkeypatch.setattr(grid.stores.drafts, "of_project", fail)
    monkeypatch.setattr(grid.stores.projects, "by_id", fail)
    assert grid.preparer.run_pass(grid.now) == 1
    monkeypatch.undo()
    assert by_id(numbers[0]).state is ProjectState.preparing
    assert grid.row(numbers[1]).state is ProjectState.running


def test_a_check_of_an_older_version_does_not_overwrite_a_newer_one(
    grid: DomainGrid, owner: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
    inspect = grid.learner.inspect

    def slowly(request):  # type: ignore[no-untyped-def]
        monkeypatch.undo()
        grid.drafts.change(owner, draft, grid.form(k=7), [], grid.now)
        return inspect(request)

    monkeypatch.setattr(grid.learner, "inspect", slowly)
    grid.checker.run_pass(grid.now)
    assert grid.drafts.view(owner, draft).state is DraftState.checking
    grid.checker.run_pass(grid.now)
    project = grid.drafts.submit(owner, draft, grid.now)
    assert grid.row(project).settings["k"] == 7


def test_earlier_checks_leave_nothing_on_the_disk(grid: DomainGrid, owner: int) -> None:
    draft = grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
    for k in range(1, 5):
        grid.checker.run_pass(grid.now)
        grid.drafts.change(owner, draft, grid.form(k=k), [], grid.now)
    grid.checker.run_pass(grid.now)
    folder = grid.folder / "drafts" / str(draft)
    assert sorted(path.name for path in folder.iterdir()) == ["check-4", "uploads"]


def test_a_draft_that_is_not_ready_cannot_be_submitted(grid: DomainGrid, owner: int) -> None:
    draft = grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
    with pytest.raises(NotAllowedNow):
        grid.drafts.submit(owner, draft, grid.now)


def test_submitting_twice_gives_the_same_project(grid: DomainGrid, owner: int) -> None:
    draft = grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
    grid.checker.run_pass(grid.now)
    project = grid.drafts.submit(owner, draft, grid.now)
    assert grid.drafts.submit(owner, draft, grid.now) == project
    assert grid.drafts.list_for(owner) == []
    with pytest.raises(NotAllowedNow):
        grid.drafts.discard(owner, draft, grid.now)
    grid.preparer.run_pass(grid.now)
    assert not (grid.folder / "drafts" / str(draft)).exists(), "what was uploaded is shards now"


def test_a_draft_does_not_exist_for_a_stranger(grid: DomainGrid, owner: int, stranger: int) -> None:
    draft = grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
    before = grid.dump()
    for act in (
        lambda: grid.drafts.view(stranger, draft),
        lambda: grid.drafts.change(stranger, draft, {}, [], grid.now),
        lambda: grid.drafts.submit(stranger, draft, grid.now),
        lambda: grid.drafts.discard(stranger, draft, grid.now),
    ):
        with pytest.raises(NotFound):
            act()
    assert grid.drafts.list_for(stranger) == []
    assert grid.dump() == before


def test_discarding_a_draft_deletes_its_files(grid: DomainGrid, owner: int) -> None:
    draft = grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
    grid.drafts.discard(owner, draft, grid.now)
    assert not (grid.folder / "drafts" / str(draft)).exists()
    assert grid.checker.run_pass(grid.now) == 0


def test_a_file_for_an_unknown_field_changes_nothing(grid: DomainGrid, owner: int) -> None:
    files = grid.files(10, 40)
    path = grid.drafts.incoming_folder / "evil"
    path.write_text("x")
    with pytest.raises(NotAcceptable):
        grid.drafts.start(owner, {}, [*files, IncomingFile("../evil", "x", path, 1)], grid.now)
    assert grid.drafts.list_for(owner) == []
    assert all(file.path.exists() for file in files)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("model.h5", "model.h5"),
        ("../../etc/passwd", "passwd"),
        ("C:\\models\\my model.keras", "my model.keras"),
        ("<script>.h5", "_script_.h5"),
        ("...", "file"),
        ("", "file"),
        ("a\r\nSet-Cookie: x.h5", "a__Set-Cookie_ x.h5"),
        ("x" * 500, "x" * 120),
    ],
)
def test_file_names_are_made_harmless(grid: DomainGrid, owner: int, given: str, kept: str) -> None:
    path = grid.drafts.incoming_folder / "upload"
    path.write_text("1")
    draft = grid.drafts.start(owner, {}, [IncomingFile("model", given, path, 1)], grid.now)
    assert grid.drafts.view(owner, draft).uploads[0].filename == kept


@pytest.mark.parametrize(
    ("error", "told"),
    [(IntakeFailed("The disk is full."), "The disk is full."), (KeyError("bug"), "something went wrong")],
)
def test_a_preparation_that_fails_says_so_and_can_be_tried_again(
    grid: DomainGrid, owner: int, error: Exception, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(request: CutRequest) -> None:
        raise error

    draft = grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
    grid.checker.run_pass(grid.now)
    project = grid.drafts.submit(owner, draft, grid.now)
    monkeypatch.setattr(grid.intake, "cut", fail)
    grid.preparer.run_pass(grid.now)
    row = grid.row(project)
    assert row.state is ProjectState.needs_attention
    assert told in row.reason
    assert grid.views.view(owner, project, grid.now).can_resume
    monkeypatch.undo()
    grid.projects.resume(owner, project, grid.now)
    grid.preparer.run_pass(grid.now)
    assert grid.row(project).state is ProjectState.running
    assert grid.audit.findings(grid.now) == []


@pytest.mark.parametrize("act", ["cancel", "delete"])
def test_a_project_that_ends_while_it_is_prepared_breaks_no_pass(
    grid: DomainGrid, owner: int, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = []
    for seed in range(2):
        draft = grid.drafts.start(owner, grid.form(seed=seed), grid.files(10, 40), grid.now)
        grid.checker.run_pass(grid.now)
        numbers.append(grid.drafts.submit(owner, draft, grid.now))
    cut = grid.intake.cut

    def meanwhile(request):  # type: ignore[no-untyped-def]
        monkeypatch.undo()
        getattr(grid.projects, act)(owner, numbers[0], grid.now)
        return cut(request)

    monkeypatch.setattr(grid.intake, "cut", meanwhile)
    grid.preparer.run_pass(grid.now)
    assert grid.row(numbers[1]).state is ProjectState.running
    assert grid.audit.findings(grid.now) == []


def test_uploads_lie_where_only_the_server_reads(grid: DomainGrid) -> None:
    assert Path(grid.folder).stat().st_mode & 0o077 == 0
    assert grid.drafts.incoming_folder.stat().st_mode & 0o077 == 0


def test_early_stopping_without_validation_is_refused_beside_its_field(grid: DomainGrid, owner: int) -> None:
    form = grid.form(early_stopping=3, validation_fraction=0)
    draft = grid.drafts.start(owner, form, grid.files(10, 40), grid.now)
    grid.checker.run_pass(grid.now)
    assert set(problems(grid, owner, draft)) == {"early_stopping"}
    grid.drafts.change(owner, draft, {**form, "validation_fraction": "0.2"}, [], grid.now)
    grid.checker.run_pass(grid.now)
    assert grid.drafts.view(owner, draft).state is DraftState.ready
