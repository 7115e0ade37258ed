"""Curves of long trainings: few points, the newest among them, and never sent twice."""

import datetime as dt

from server.rules import views
from server.rules.thinning import MOST_POINTS
from server.storage.tables import Project, Result
from tests.support.domain_grid import START, Cast, DomainGrid

LONG = 100_000


def train(grid: DomainGrid, project: int, host: Cast, rounds: int) -> None:
    for _ in range(rounds):
        lease = host.lease()
        grid.wait(2)
        host.deliver(lease)
        grid.rounds()


def fill(grid: DomainGrid, project: int, rounds: int) -> None:
    """Closed rounds by the thousands, every hundredth measured: straight into the tables."""
    start = START.timestamp()
    with grid.stores.database.write():
        grid.stores.database.rows("DELETE FROM round WHERE project_id = ?", project)
        numbers = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)"
        grid.stores.database.rows(
            f"{numbers} INSERT INTO round (project_id, number, epoch, state, target, used, examples, opened_at,"
            " closed_at, loss, metrics) SELECT ?, i, i / 1000, 'closed', 3, 3, 12, ? + i, ? + i + 1, 1.0 / (i + 1),"
            " '{\"accuracy\":0.5}' FROM n",
            rounds, project, start, start,
        )  # fmt: skip
        grid.stores.database.rows(
            f"{numbers} INSERT INTO checkpoint (project_id, round, epoch, ends_epoch, weights_sha256, weights_size,"
            " optimizer_sha256, created_at, validation_loss, validation_metrics, evaluated_at)"
            " SELECT ?, i + 1, i / 1000, 0, '', 0, '', ? + i, 2.0 / (i + 1), '{}',"
            " CASE WHEN i % 10 = 9 THEN ? + i END FROM n",
            rounds, project, start, start,
        )  # fmt: skip
        grid.stores.rounds.open(project, rounds, rounds // 1000, 3, grid.now)
        Project.update(round=rounds, epoch=rounds // 1000).where(Project.id == project).execute()


def grow(grid: DomainGrid, project: int, rounds: int) -> None:
    Project.update(round=rounds).where(Project.id == project).execute()


def merged(held: views.Curves, news: views.Curves) -> dict[int, float | None]:
    """As the page does it: the last point of each bucket of the newest step."""
    points = {**dict(zip(held.rounds, held.loss, strict=True)), **dict(zip(news.rounds, news.loss, strict=True))}
    last = {number // news.step: number for number in sorted(points)}
    return {number: points[number] for number in last.values()}


def test_each_round_is_a_point_with_what_it_took_and_who_had_a_part(
    grid: DomainGrid, owner: int, steady: Cast
) -> None:
    project = grid.project(owner, k=3)
    train(grid, project, steady, 3)
    curves = grid.views.curves(owner, project)
    assert (curves.step, curves.rounds, curves.epochs) == (1, [0, 1, 2], [0, 0, 0])
    assert (curves.seconds, curves.mini_batches, curves.hosts) == ([2.0] * 3, [3] * 3, [1] * 3)
    assert curves.times == [START.timestamp() + 2 * (n + 1) for n in range(3)]
    assert curves.loss == [float(f"{each.loss:.6g}") for each in grid.stores.rounds.closed(project)]


def test_who_has_points_already_gets_the_new_ones_only(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project = grid.project(owner, k=3)
    train(grid, project, steady, 3)
    assert grid.views.curves(owner, project, after=1).rounds == [2]
    assert grid.views.curves(owner, project, after=2).rounds == []
    assert grid.views.curves(owner, project, after=10**18).rounds == []


def test_a_hundred_thousand_rounds_are_a_thousand_points_at_most(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner, k=3)
    fill(grid, project, LONG)
    curves = grid.views.curves(owner, project)
    assert MOST_POINTS / 2 < len(curves.rounds) <= MOST_POINTS
    assert len(curves.measured.rounds) <= MOST_POINTS
    assert curves.rounds[-1] == LONG - 1
    assert curves.measured.rounds[-1] == LONG - 1
    assert {len(column) for column in (curves.loss, curves.times, curves.metrics["accuracy"])} == {len(curves.rounds)}
    few = grid.views.curves(owner, project, curves.rounds[-5], curves.measured.rounds[-3])
    assert few.rounds == curves.rounds[-4:]
    assert few.measured.rounds == curves.measured.rounds[-2:]
    [summary] = grid.views.list_for(owner, grid.now)
    assert 20 < len(summary.trend) <= 40
    assert summary.loss == curves.loss[-1]


def test_who_follows_a_growing_training_holds_what_a_newcomer_gets(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner, k=3)
    fill(grid, project, 4200)
    held = views.Curves()
    for rounds in (1, 2, 700, 1000, 1001, 2001, 4003, 4100):
        grow(grid, project, rounds)
        news = grid.views.curves(owner, project, after=held.rounds[-1] if held.rounds else -1)
        points = merged(held, news)
        held = views.Curves(step=news.step, rounds=list(points), loss=list(points.values()))
        fresh = grid.views.curves(owner, project)
        assert (held.rounds, held.loss) == (fresh.rounds, fresh.loss), rounds


def test_numbers_that_are_not_finite_leave_a_gap(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project = grid.project(owner, k=3)
    train(grid, project, steady, 2)
    grid.stores.database.rows("UPDATE round SET loss = 9e999, metrics = '{\"a\":NaN}' WHERE number = 0")
    curves = grid.views.curves(owner, project)
    assert curves.loss[0] is None
    assert curves.metrics == {"a": [None, None]}


def test_a_page_tells_pace_and_bytes_from_what_was_recorded(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project = grid.project(owner, examples=200, k=3)
    assert grid.views.view(owner, project, grid.now).pace.seconds_left is None
    train(grid, project, steady, 6)
    view = grid.views.view(owner, project, grid.now)
    down = sum(result.bytes_down for result in Result.select())
    up = sum(result.bytes_up for result in Result.select())
    assert (view.pace.bytes_to_hosts, view.pace.bytes_from_hosts) == (down, up)
    assert down > 0 < up
    assert view.pace.round_seconds == 2.0
    assert view.pace.mini_batches_per_second == 1.5
    assert view.pace.seconds_left == (2 * 50 - 18) / 1.5
    grid.projects.pause(owner, project, grid.now)
    assert grid.views.view(owner, project, grid.now).pace.seconds_left is None


def test_a_pause_is_no_part_of_the_estimate(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project = grid.project(owner, examples=400, k=3)
    train(grid, project, steady, 4)
    grid.projects.pause(owner, project, grid.now)
    grid.wait(dt.timedelta(hours=9).total_seconds())
    grid.projects.resume(owner, project, grid.now)
    train(grid, project, steady, 1)
    train(grid, project, steady, 4)
    left = grid.views.view(owner, project, grid.now).pace.seconds_left
    assert left == (2 * 100 - 27) * 2 / 3


def test_the_settings_are_told_in_the_words_of_the_form(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner, k=7, batch_size=4)
    said = dict(grid.views.view(owner, project, grid.now).settings_in_words)
    assert said["K"] == "7"
    assert said["Batch size"] == "4"


def test_a_page_names_the_project_that_it_was_cloned_from_while_that_is_there(grid: DomainGrid, owner: int) -> None:
    first, second = grid.project(owner), grid.project(owner)
    Project.update(origin=first).where(Project.id == second).execute()
    assert grid.views.view(owner, second, grid.now).origin == first
    assert grid.views.view(owner, first, grid.now).origin is None
    grid.projects.delete(owner, first, grid.now)
    assert grid.views.view(owner, second, grid.now).origin is None
