import pytest

from server.rules.learning_values import LearnerFailed
from server.rules.states import ProjectState
from tests.support.domain_grid import Cast, DomainGrid


def train(grid: DomainGrid, host: Cast, rounds: int) -> None:
    for _ in range(rounds):
        host.deliver(host.lease())
        grid.rounds()


def evaluate(grid: DomainGrid) -> int:
    count = 0
    while moved := grid.evaluator.run_pass(grid.now):
        count += moved
        assert count < 100
    return count


def test_the_first_weights_are_measured_and_then_the_newest_now_and_again(
    grid: DomainGrid, owner: int, steady: Cast
) -> None:
    project = grid.project(owner, examples=100, k=1, validation_fraction=0.2)
    assert evaluate(grid) == 1
    train(grid, steady, 5)
    assert evaluate(grid) == 0, "not yet again"
    grid.wait(16)
    assert evaluate(grid) == 1
    measured = [c.round for c in grid.stores.checkpoints.of_project(project) if c.evaluated_at]
    assert measured == [0, 5]
    view = grid.views.view(owner, project, grid.now)
    assert view.validation_loss == pytest.approx(5 * 4 / 25)


def test_every_epochs_end_is_measured_also_when_all_is_over(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project = grid.project(owner, examples=10, k=50, epochs=3, validation_fraction=0.2)
    train(grid, steady, 3)
    assert grid.row(project).state is ProjectState.finished
    assert evaluate(grid) == 3
    losses = [c.validation_loss for c in grid.stores.checkpoints.of_project(project) if c.ends_epoch]
    assert losses == pytest.approx([8 / 3, 16 / 3, 24 / 3])


def test_without_validation_data_there_is_nothing_to_do(grid: DomainGrid, owner: int, steady: Cast) -> None:
    grid.project(owner)
    train(grid, steady, 3)
    assert evaluate(grid) == 0
    assert grid.learner.evaluations == 0


@pytest.mark.parametrize("broken", ["learner", "blob"])
def test_what_cannot_be_measured_is_tried_a_few_times_and_holds_up_no_other_project(
    grid: DomainGrid, owner: int, stranger: int, steady: Cast, broken: str
) -> None:
    bad = grid.project(owner, examples=100, validation_fraction=0.2)
    good = grid.project(stranger, examples=50, validation_fraction=0.2, seed=7)
    tries = []

    def fail() -> None:
        tries.append(1)
        if len(tries) % 2 or len(tries) > 7:
            raise LearnerFailed

    if broken == "blob":
        shard = grid.stores.projects.shards(bad, validation=True)[0]
        grid.stores.blobs.delete(shard.sha256)
    else:
        grid.learner.before_evaluation = fail
    for _ in range(20):
        evaluate(grid)
    checkpoint = grid.stores.checkpoints.latest(good)
    assert checkpoint is not None
    if broken == "blob":
        assert checkpoint.evaluated_at is not None
    assert len(tries) <= 8


@pytest.mark.parametrize("end", ["paused", "cancelled", "needs_attention"])
def test_the_last_weights_of_a_project_that_stopped_are_measured_once(
    grid: DomainGrid, owner: int, steady: Cast, end: str
) -> None:
    project = grid.project(owner, examples=100, k=1, validation_fraction=0.2)
    assert evaluate(grid) == 1
    train(grid, steady, 3)
    if end == "needs_attention":
        with grid.stores.database.write():
            grid.stores.projects.move(grid.row(project), ProjectState.needs_attention, reason="it diverged.")
    else:
        getattr(grid.projects, {"paused": "pause", "cancelled": "cancel"}[end])(owner, project, grid.now)
    assert evaluate(grid) == 1
    assert grid.views.view(owner, project, grid.now).validation_loss == pytest.approx(3 * 4 / 25)
    grid.wait(3600)
    assert evaluate(grid) == 0


def test_a_project_that_was_never_prepared_is_nothing_to_measure(grid: DomainGrid, owner: int) -> None:
    draft = grid.drafts.start(owner, grid.form(validation_fraction=0.2), grid.files(10, 40), grid.now)
    grid.checker.run_pass(grid.now)
    grid.projects.cancel(owner, grid.drafts.submit(owner, draft, grid.now), grid.now)
    assert evaluate(grid) == 0


def test_a_surprise_at_one_project_is_not_the_others(
    grid: DomainGrid, owner: int, stranger: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = grid.project(owner, examples=100, validation_fraction=0.2)
    good = grid.project(stranger, examples=50, validation_fraction=0.2, seed=7)
    latest = grid.stores.checkpoints.latest

    def surprising(project_id: int) -> object:
        if project_id == bad:
            raise RuntimeError("a bug")
        return latest(project_id)

    monkeypatch.setattr(grid.stores.checkpoints, "latest", surprising)
    assert evaluate(grid) == 1
    newest = latest(good)
    assert newest is not None
    assert newest.evaluated_at is not None


def _early(grid: DomainGrid, owner: int, host: Cast, losses: list[float], patience: int = 2, **texts: object) -> int:
    """A project of 6 epochs, a round each, measured after every one as the grid would."""
    form = {"examples": 10, "k": 50, "epochs": 6, "validation_fraction": 0.2, "early_stopping": patience}
    project = grid.project(owner, **{**form, **texts})  # type: ignore[arg-type]
    assert evaluate(grid) == 1
    for loss in losses:
        grid.learner.validation_losses = [loss]
        train(grid, host, 1)
        evaluate(grid)
        grid.wait(1)
    return project


def test_a_training_that_gets_no_better_is_finished_early(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project = _early(grid, owner, steady, [0.9, 0.5, 0.6, 0.5])
    row = grid.row(project)
    assert row.state is ProjectState.finished
    assert row.ended_at is not None
    said = [event.sentence for event in grid.views.view(owner, project, grid.now).events]
    assert (
        "Stopped early after epoch 4: the validation loss has not improved for 2 epochs; the best was epoch 2." in said
    )
    assert "Stopped" not in str(steady.ask())
    assert grid.audit.findings(grid.now) == []
    grid.collector.run_pass(grid.now)
    best = [c for c in grid.stores.checkpoints.of_project(project) if c.validation_loss == 0.5]
    assert all(c.weights_sha256 for c in best)


def test_a_validation_loss_that_is_no_number_is_no_better(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project = _early(grid, owner, steady, [0.9, float("nan"), float("nan")])
    assert grid.row(project).state is ProjectState.finished


def test_while_it_gets_better_or_nobody_asked_for_it_training_goes_on(
    grid: DomainGrid, owner: int, stranger: int, steady: Cast
) -> None:
    better = _early(grid, owner, steady, [0.9, 1.0, 0.8, 0.9, 0.7])
    assert grid.row(better).state is ProjectState.running
    grid.projects.cancel(owner, better, grid.now)
    unasked = _early(grid, stranger, steady, [0.1, 0.2, 0.3, 0.4, 0.5], patience=0)
    assert grid.row(unasked).state is ProjectState.running


def test_a_paused_project_is_stopped_early_only_when_it_runs_again(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project = _early(grid, owner, steady, [0.5, 0.6])
    grid.learner.validation_losses = [0.7]
    train(grid, steady, 1)
    grid.projects.pause(owner, project, grid.now)
    evaluate(grid)
    assert grid.row(project).state is ProjectState.paused
    grid.projects.resume(owner, project, grid.now)
    grid.learner.validation_losses = [0.8]
    train(grid, steady, 1)
    evaluate(grid)
    assert grid.row(project).state is ProjectState.finished
