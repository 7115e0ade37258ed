"""What an owner is told, once for each thing that happens, however a project ends or stops."""

import json
from typing import Any

import pytest

from server.domain.notices import Notices
from server.errors import SomebodyElseWasFirst
from server.rules.states import ProjectState
from server.storage.projects import MOST_EVENTS
from server.storage.tables import Account, Event, Letter, Result
from tests.support.domain_grid import Cast, DomainGrid


def reachable(grid: DomainGrid, account: int) -> None:
    """By mail and by webhook."""
    columns: dict[str, Any] = {"email": "owner@example.org", "email_verified_at": grid.now}
    Account.update(webhook_url="https://hook.example/", **columns).where(Account.id == account).execute()


def written() -> dict[str, Letter]:
    letters = {letter.channel: letter for letter in Letter.select()}
    assert len(letters) == Letter.select().count()
    return letters


def sentences(grid: DomainGrid, project: int) -> list[str]:
    return [event.sentence for event in grid.stores.projects.events(project)]


def test_the_owner_gets_one_letter_with_what_happened_and_where_to_look(grid: DomainGrid, owner: int) -> None:
    reachable(grid, owner)
    project = grid.project(owner, name="Digits\n two")
    with grid.stores.database.write():
        grid.notices.needs_attention(grid.row(project), "the model diverged in round 3.", grid.now)
    letters = written()
    mail, event = letters["mail"], json.loads(letters["webhook"].body)
    assert (mail.account_id, mail.address, mail.subject) == (owner, "owner@example.org", "Digits two needs attention")
    assert "Your project “Digits two” needs attention: the model diverged in round 3." in mail.body
    assert f"https://grid.test/projects/{project}" in mail.body
    assert (event["event"], event["project"]) == ("project.needs_attention", project)
    assert sentences(grid, project)[0] == "Needs attention: the model diverged in round 3."
    assert grid.row(project).reason == "the model diverged in round 3."


def test_a_letter_holds_no_link_where_nobody_knows_the_grids_address(grid: DomainGrid, owner: int) -> None:
    reachable(grid, owner)
    project = grid.project(owner)
    with grid.stores.database.write():
        Notices(grid.stores, grid.letters).finished(grid.row(project), "Finished after 7 rounds.", grid.now)
    letters = written()
    assert letters["mail"].subject == "digits is finished"
    assert "Finished after 7 rounds." in letters["mail"].body
    assert "/projects/" not in letters["mail"].body + letters["webhook"].body
    assert grid.row(project).ended_at == grid.now


def test_a_training_that_ends_by_itself_tells_its_owner(grid: DomainGrid, owner: int, steady: Cast) -> None:
    reachable(grid, owner)
    project = grid.project(owner, examples=8, k=9, epochs=1)
    steady.deliver(steady.lease())
    grid.rounds()
    assert grid.row(project).state is ProjectState.finished
    assert "Finished after 1 round." in written()["mail"].body


def test_nobody_is_told_twice_of_what_somebody_else_has_moved(grid: DomainGrid, owner: int) -> None:
    reachable(grid, owner)
    project = grid.project(owner)
    before = grid.row(project)
    with grid.stores.database.write():
        grid.notices.finished(grid.row(project), "Finished after 1 round.", grid.now)
    with pytest.raises(SomebodyElseWasFirst), grid.stores.database.write():
        grid.notices.needs_attention(before, "too late.", grid.now)
    assert set(written()) == {"mail", "webhook"}
    assert grid.row(project).state is ProjectState.finished


def test_hosts_lost_within_a_minute_are_one_line(grid: DomainGrid, owner: int, ghost: Cast, slow: Cast) -> None:
    project = grid.project(owner, examples=80, k=4)
    sizes = len(ghost.lease().mini_batches) + len(slow.lease().mini_batches)
    grid.wait(5.1)
    assert grid.transitioner.run_pass(grid.now) == 2
    again = len(ghost.lease().mini_batches)
    grid.wait(5.1)
    assert grid.transitioner.run_pass(grid.now) == 1
    lines = [line for line in sentences(grid, project) if "lost" in line]
    assert lines == [f"2 hosts were lost in round 0; their {sizes + again} mini-batches go to others."]


def test_hosts_lost_after_a_minute_are_another_line(grid: DomainGrid, owner: int, ghost: Cast) -> None:
    project = grid.project(owner)
    for _ in range(2):
        ghost.lease()
        grid.wait(61)
        grid.transitioner.run_pass(grid.now)
    lines = [line for line in sentences(grid, project) if "lost" in line]
    assert lines == ["A host was lost in round 0; its 3 mini-batches go to others."] * 2


def test_a_log_keeps_its_newest_lines_only(grid: DomainGrid, owner: int) -> None:
    first, second = grid.project(owner), grid.project(owner)
    before = len(sentences(grid, second))
    with grid.stores.database.write():
        for number in range(MOST_EVENTS + 30):
            grid.stores.projects.say(first, f"line {number}", grid.now)
    assert Event.select().where(Event.project == first).count() == MOST_EVENTS
    assert sentences(grid, first)[0] == f"line {MOST_EVENTS + 29}"
    assert len(sentences(grid, second)) == before


def test_what_travels_is_counted_once_for_each_blob_that_the_host_has_not(
    grid: DomainGrid, owner: int, steady: Cast
) -> None:
    grid.project(owner, examples=80, k=4)
    lease = steady.lease()
    blobs = {ref.sha256: ref.size for ref in (lease.plan, lease.weights, *(shard.blob for shard in lease.shards))}
    if lease.frozen_weights:
        blobs[lease.frozen_weights.sha256] = lease.frozen_weights.size
    gradient = grid.honest(lease).encode()
    steady.upload(lease.result, gradient)
    first = Result.get_by_id(int(lease.result))
    assert (first.bytes_down, first.bytes_up) == (sum(blobs.values()), len(gradient))
    grid.rounds()
    steady.held = list(blobs)
    lease = steady.lease()
    new = {shard.blob.sha256: shard.blob.size for shard in lease.shards if shard.blob.sha256 not in blobs}
    assert Result.get_by_id(int(lease.result)).bytes_down == lease.weights.size + sum(new.values())
