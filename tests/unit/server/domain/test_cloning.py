import json

import pytest

from server.domain.cloning import next_name
from server.domain.draft_checker import DraftChecker
from server.domain.drafts import Drafts
from server.errors import NotAcceptable, NotAllowedNow, NotFound
from server.rules.quotas import UploadBounds
from server.rules.states import DraftState, ProjectState
from server.storage.tables import Draft, Project
from tests.support.domain_grid import Cast, DomainGrid
from volunteer.protocol.tensors import load


def clone(grid: DomainGrid, owner: int, project: int, start: str = "original") -> int:
    draft = grid.cloning.clone(owner, project, grid.now, start)
    grid.checker.run_pass(grid.now)
    return draft


def test_a_clone_is_a_ready_draft_with_the_same_texts_model_and_data(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner, examples=40, validation_fraction=0.2, epochs=7, seed=3)
    draft = clone(grid, owner, project)
    view = grid.drafts.view(owner, draft)
    assert view.state is DraftState.ready, view.problems
    assert (view.form["name"], view.form["epochs"], view.form["seed"]) == ("digits 2", "7", "3")
    assert {u.field for u in view.uploads} == {"model", "data", "labels", "validation_data", "validation_labels"}
    submitted = grid.drafts.submit(owner, draft, grid.now)
    grid.preparer.run_pass(grid.now)
    assert grid.row(submitted).state is ProjectState.running
    assert grid.row(submitted).origin == project


def test_settings_of_a_clone_can_be_changed_without_gathering_again(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner, examples=40, validation_fraction=0.2)
    draft = clone(grid, owner, project)
    before = {u.field: u.size for u in grid.drafts.view(owner, draft).uploads}
    grid.projects.delete(owner, project, grid.now)
    form = {**grid.drafts.view(owner, draft).form, "k": "1"}
    grid.drafts.change(owner, draft, form, [], grid.now, ["validation_data", "validation_labels"])
    grid.checker.run_pass(grid.now)
    view = grid.drafts.view(owner, draft)
    assert view.state is DraftState.ready, view.problems
    assert {u.field for u in view.uploads} == set(before) - {"validation_data", "validation_labels"}


def test_a_clone_may_go_on_from_the_trained_weights(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project = grid.project(owner, examples=12, k=1)
    steady.deliver(steady.lease())
    grid.rounds()
    grid.cloning.clone(owner, project, grid.now, "trained")
    request = grid.intake.written[-1]
    latest = grid.stores.checkpoints.latest(project)
    assert latest is not None
    assert request.weights.endswith(latest.weights_sha256)
    draft = grid.drafts.list_for(owner)[0]
    model = next((grid.folder / "drafts" / str(draft.id) / "uploads").glob("model-*"))
    assert load(model)[0]["trainable"].max() > 0
    with pytest.raises(NotAcceptable, match="original, trained"):
        grid.cloning.clone(owner, project, grid.now, "random")


def test_what_was_done_to_the_data_is_recorded_with_the_clone_too_and_not_done_again(
    grid: DomainGrid, owner: int
) -> None:
    project = grid.project(owner, scaling="unit")
    done = {"version": 1, "scaling": {"inputs": {"x": {"divide": 255}}}}
    with grid.stores.database.write():
        Project.update(preprocessing=done).where(Project.id == project).execute()
    draft = clone(grid, owner, project)
    assert grid.drafts.view(owner, draft).form["scaling"] == "none"
    again = grid.drafts.submit(owner, draft, grid.now)
    grid.preparer.run_pass(grid.now)
    assert grid.row(again).preprocessing == done
    # Of a clone of the clone as well.
    third = grid.drafts.submit(owner, clone(grid, owner, again), grid.now)
    grid.preparer.run_pass(grid.now)
    assert grid.row(third).preprocessing == done


def test_class_weights_stay_with_their_classes_in_a_clone_of_a_clone(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner)
    # The digits 1 and 2 were numbered 0 and 1: "1" is a name here, and a number in the clone's form.
    with grid.stores.database.write():
        row, draft = grid.row(project), grid.stores.drafts.of_project(project)
        assert draft is not None
        assert draft.findings is not None
        objective = {**draft.findings["objective"], "class_weights": [1.0, 5.0]}
        Draft.update(findings={**draft.findings, "objective": objective}).where(Draft.id == draft.id).execute()
        Project.update(
            settings={**row.settings, "class_weights": "1:5"}, preprocessing={"labels": {"classes": [1, 2]}}
        ).where(Project.id == project).execute()
    again = grid.cloning.clone(owner, project, grid.now)
    assert grid.drafts.view(owner, again).form["class_weights"] == "1:5"


def test_other_data_than_the_clones_own_was_not_prepared(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner)
    with grid.stores.database.write():
        Project.update(preprocessing={"version": 1}).where(Project.id == project).execute()
    draft = clone(grid, owner, project)
    files = [file for file in grid.files(10, 40) if file.field == "data"]
    grid.drafts.change(owner, draft, grid.drafts.view(owner, draft).form, files, grid.now)
    grid.checker.run_pass(grid.now)
    again = grid.drafts.submit(owner, draft, grid.now)
    grid.preparer.run_pass(grid.now)
    assert grid.row(again).preprocessing == {}


def test_a_clone_whose_origin_went_before_its_data_were_gathered_asks_for_data(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner)
    draft = grid.cloning.clone(owner, project, grid.now)
    grid.projects.delete(owner, project, grid.now)
    grid.checker.run_pass(grid.now)
    found = {p.field: p.sentence for p in grid.drafts.view(owner, draft).problems}
    assert set(found) == {"data"}
    assert "is gone" in found["data"]


def test_only_the_owner_clones_and_only_what_has_shards(grid: DomainGrid, owner: int, stranger: int) -> None:
    project = grid.project(owner)
    with pytest.raises(NotFound):
        grid.cloning.clone(stranger, project, grid.now)
    draft = grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
    grid.checker.run_pass(grid.now)
    unprepared = grid.drafts.submit(owner, draft, grid.now)
    with pytest.raises(NotAllowedNow, match="still being cut"):
        grid.cloning.clone(owner, unprepared, grid.now)


def test_a_clone_counts_as_an_upload_of_its_owner(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner)
    shards = sum(s.size for s in grid.stores.projects.shards(project))
    grid.cloning._drafts = Drafts(grid.stores, grid.rings.append, UploadBounds(shards, 0))
    with pytest.raises(NotAcceptable, match="is the most"):
        grid.cloning.clone(owner, project, grid.now)
    assert list(grid.drafts.incoming_folder.glob("clone-*")) == []


def test_many_clones_made_at_once_are_not_all_gathered(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner)
    shards = sum(s.size for s in grid.stores.projects.shards(project))
    drafts = [grid.cloning.clone(owner, project, grid.now) for _ in range(2)]
    room = UploadBounds(grid.stores.drafts.uploaded_bytes(owner) + shards, 0)
    grid.checker = DraftChecker(grid.stores, grid.intake, grid.learner, room)
    while grid.checker.run_pass(grid.now):
        pass
    views = [grid.drafts.view(owner, draft) for draft in drafts]
    assert [view.state for view in views] == [DraftState.ready, DraftState.needs_correction]
    assert ["is the most" in p.sentence for p in views[-1].problems if p.field == "data"] == [True]


def test_no_draft_gathers_the_data_of_another_accounts_project(grid: DomainGrid, owner: int, stranger: int) -> None:
    own, others = grid.project(owner), grid.project(stranger)
    draft = grid.cloning.clone(owner, own, grid.now)
    with grid.stores.database.write():
        Draft.update(origin=others).where(Draft.id == draft).execute()
    grid.checker.run_pass(grid.now)
    assert {u.field for u in grid.drafts.view(owner, draft).uploads} == {"model"}


def test_the_record_of_a_clone_is_plain_json(grid: DomainGrid, owner: int) -> None:
    draft = clone(grid, owner, grid.project(owner))
    assert json.loads((grid.folder / "drafts" / str(draft) / "origin.json").read_text()) == {}


@pytest.mark.parametrize(
    ("name", "following"), [("Digits", "Digits 2"), ("Digits 2", "Digits 3"), ("7", "7 2"), ("a 99", "a 100")]
)
def test_a_clones_name_counts_on(name: str, following: str) -> None:
    assert next_name(name) == following
    assert len(next_name("x" * 120)) <= 120
