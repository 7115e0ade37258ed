import pytest

from server.errors import NotFound
from tests.support.domain_grid import DomainGrid


def test_a_schedule_lasts_as_long_as_the_training(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner, examples=40, batch_size=4, k=3, epochs=5, schedule="cosine", warmup_rounds=2)
    rate = grid.plan(project).optimizer["config"]["learning_rate"]
    assert rate["class_name"] == "CosineDecay"
    assert rate["config"]["warmup_steps"] + rate["config"]["decay_steps"] == 5 * 4


@pytest.mark.parametrize(
    "texts", [{"warmup_rounds": "100"}, {"warmup_rounds": "2", "schedule": "linear"}, {"class_weights": "balanced"}]
)
def test_what_suits_no_training_stands_beside_its_field(grid: DomainGrid, owner: int, texts: dict[str, str]) -> None:
    draft = grid.drafts.start(owner, grid.form(**texts), grid.files(10, 40), grid.now)
    grid.checker.run_pass(grid.now)
    assert {problem.field for problem in grid.drafts.view(owner, draft).problems} == {next(iter(texts))}


def test_what_was_left_empty_is_chosen_when_model_and_data_are_known(grid: DomainGrid, owner: int) -> None:
    form = grid.form(batch_size="", k="", epochs="", shard_examples="")
    draft = grid.drafts.start(owner, form, grid.files(45, 1437), grid.now)
    grid.checker.run_pass(grid.now)
    outlook = grid.drafts.outlook(owner, draft)
    assert outlook is not None
    assert (outlook.suggested.batch_size, outlook.suggested.k) == (32, 4)
    project = grid.row(grid.drafts.submit(owner, draft, grid.now))
    assert (project.settings["batch_size"], project.settings["k"]) == (32, 4)
    assert set(project.settings["chosen"]) == {"batch_size", "k", "epochs", "shard_examples"}


def test_only_the_owner_of_a_ready_draft_is_told_its_outlook(grid: DomainGrid, owner: int, stranger: int) -> None:
    draft = grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
    assert grid.drafts.outlook(owner, draft) is None
    grid.checker.run_pass(grid.now)
    assert grid.drafts.outlook(owner, draft) is not None
    with pytest.raises(NotFound):
        grid.drafts.outlook(stranger, draft)
