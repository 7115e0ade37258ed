"""Join keys, hosts, and what hosts may download."""

import datetime as dt

import msgspec
import pytest

from server.domain import hosts as hosts_module
from server.domain import join_keys as join_keys_module
from server.errors import (
    HostTooOld,
    JoinKeyInvalid,
    NoSuchBlob,
    NotAcceptable,
    NotFound,
    UnknownToken,
)
from server.storage.account_tables import JoinKey
from server.storage.tables import Host
from tests.support.domain_grid import MEMORY, START, Cast, DomainGrid
from volunteer.protocol.messages import AttachRequest, GiveBack, GiveBackReason, Machine, WorkRequest

MACHINE = Machine("Linux", "test", 2, MEMORY, "0.1.0", 1, 2)


def test_a_join_key_is_for_so_many_machines(grid: DomainGrid, owner: int) -> None:
    key = grid.join_keys.create(owner, "lab", 2, 1, grid.now)
    tokens = {grid.hosts.attach(AttachRequest(key, f"pc {n}", MACHINE), grid.now).token for n in range(2)}
    assert len(tokens) == 2
    with pytest.raises(JoinKeyInvalid):
        grid.hosts.attach(AttachRequest(key, "pc 3", MACHINE), grid.now)
    assert grid.join_keys.list_for(owner, grid.now) == []


def test_keys_that_are_dead_do_not_stand_in_the_way_of_new_ones(
    grid: DomainGrid, owner: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(join_keys_module, "_MAX_KEYS", 3)
    for _ in range(9):
        key = grid.join_keys.create(owner, "lab", 1, 1, grid.now)
        grid.hosts.attach(AttachRequest(key, "pc", MACHINE), grid.now)
    for _ in range(3):
        grid.join_keys.create(owner, "lab", 1, 1, grid.now)
    with pytest.raises(NotAcceptable, match="Revoke"):
        grid.join_keys.create(owner, "lab", 1, 1, grid.now)
    grid.wait(3600)
    grid.join_keys.create(owner, "lab", 1, 1, grid.now)
    assert JoinKey.select().count() == 1


def test_a_join_key_expires(grid: DomainGrid, owner: int) -> None:
    key = grid.join_keys.create(owner, "lab", 2, 1, grid.now)
    grid.wait(3600)
    with pytest.raises(JoinKeyInvalid):
        grid.hosts.attach(AttachRequest(key, "pc", MACHINE), grid.now)
    assert grid.join_keys.list_for(owner, grid.now) == []
    assert Host.select().count() == 0


def test_a_revoked_join_key_attaches_nobody_and_detaches_nobody(
    grid: DomainGrid, owner: int, stranger: int
) -> None:
    key = grid.join_keys.create(owner, "lab", 9, 1, grid.now)
    token = grid.hosts.attach(AttachRequest(key, "pc", MACHINE), grid.now).token
    number = grid.join_keys.list_for(owner, grid.now)[0].id
    with pytest.raises(NotFound):
        grid.join_keys.revoke(stranger, number, grid.now)
    grid.join_keys.revoke(owner, number, grid.now)
    with pytest.raises(JoinKeyInvalid):
        grid.hosts.attach(AttachRequest(key, "pc", MACHINE), grid.now)
    assert grid.hosts.by_token(token).name == "pc"


def test_an_attachment_whose_answer_was_lost_is_asked_for_again_and_takes_one_use(
    grid: DomainGrid, owner: int
) -> None:
    key = grid.join_keys.create(owner, "lab", 1, 1, grid.now)
    first = grid.hosts.attach(AttachRequest(key, "pc", MACHINE, "a random word"), grid.now)
    again = grid.hosts.attach(AttachRequest(key, "pc", MACHINE, "a random word"), grid.now)
    assert again.host == first.host
    assert grid.hosts.by_token(again.token).name == "pc"
    with pytest.raises(UnknownToken):
        grid.hosts.by_token(first.token)
    for nonce in ("", "another word"):
        with pytest.raises(JoinKeyInvalid):
            grid.hosts.attach(AttachRequest(key, "pc", MACHINE, nonce), grid.now)
    with pytest.raises(JoinKeyInvalid):
        grid.hosts.attach(AttachRequest("another key", "pc", MACHINE, "a random word"), grid.now)
    grid.wait(3600)
    with pytest.raises(JoinKeyInvalid):
        grid.hosts.attach(AttachRequest(key, "pc", MACHINE, "a random word"), grid.now)
    assert Host.select().count() == 1


def test_hosts_without_a_nonce_are_hosts_of_their_own(grid: DomainGrid, owner: int) -> None:
    key = grid.join_keys.create(owner, "lab", 2, 1, grid.now)
    assert len({grid.hosts.attach(AttachRequest(key, "pc", MACHINE), grid.now).host for _ in range(2)}) == 2


def test_rubbish_instead_of_a_key_does_not_ask_for_the_write_lock(
    grid: DomainGrid, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write() -> None:
        raise AssertionError("the write lock was taken")

    monkeypatch.setattr(grid.stores.database, "write", write)
    for nonce in ("", "a random word"):
        with pytest.raises(JoinKeyInvalid):
            grid.hosts.attach(AttachRequest("daigjoin_rubbish", "pc", MACHINE, nonce), grid.now)


def test_a_detached_host_is_nobody_and_its_work_goes_to_another_at_once(
    grid: DomainGrid, owner: int, stranger: int
) -> None:
    key = grid.join_keys.create(stranger, "lab", 1, 1, grid.now)
    request = AttachRequest(key, "pc", MACHINE, "a random word")
    attached = grid.hosts.attach(request, grid.now)
    detached, other = Cast(grid, int(attached.host)), grid.host(stranger, "other")
    grid.project(owner, examples=12, k=3, epochs=1)
    delivered = detached.lease()
    detached.deliver(delivered, count=1)
    lease = detached.lease()
    with pytest.raises(NotFound):
        grid.hosts.detach(owner, detached.id, grid.now)
    assert grid.hosts.by_token(attached.token).id == detached.id
    grid.hosts.detach(stranger, detached.id, grid.now)
    with pytest.raises(UnknownToken):
        grid.hosts.by_token(attached.token)
    with pytest.raises(JoinKeyInvalid):
        grid.hosts.attach(request, grid.now)
    with pytest.raises(NotFound):
        grid.hosts.detach(stranger, detached.id, grid.now)
    assert [view.name for view in grid.hosts.list_for(stranger, grid.now)] == ["other"]
    assert other.lease().mini_batches == lease.mini_batches
    assert grid.stores.work.result(int(delivered.result)) is not None
    assert grid.grid.view(grid.now).hosts_online == 1


def test_a_host_that_is_detached_while_it_waits_for_work_gets_none(
    grid: DomainGrid, owner: int, stranger: int
) -> None:
    """Its token opens nothing any more: what was leased to it would wait for three missed heartbeats."""
    waits, other = grid.host(stranger, "waits"), grid.host(stranger, "other")
    row = waits.row
    grid.project(owner, examples=12, k=3, epochs=1)
    grid.hosts.detach(stranger, waits.id, grid.now)
    before = grid.dump()
    with pytest.raises(UnknownToken):
        grid.dispatch.ask(row, WorkRequest(MACHINE), grid.now)
    assert grid.dump() == before
    assert other.lease()


def test_secrets_are_kept_as_hashes_only(grid: DomainGrid, owner: int) -> None:
    key = grid.join_keys.create(owner, "lab", 1, 1, grid.now)
    token = grid.hosts.attach(AttachRequest(key, "pc", MACHINE), grid.now).token
    text = repr(grid.dump())
    assert key not in text
    assert token not in text
    assert JoinKey.get().key_hash != key


@pytest.mark.parametrize(
    ("uses", "hours", "field"), [(0, 1, "uses"), (10**6, 1, "uses"), (1, 0, "hours"), (1, 10**6, "hours")]
)
def test_a_join_key_has_limits(grid: DomainGrid, owner: int, uses: int, hours: int, field: str) -> None:
    with pytest.raises(NotAcceptable) as caught:
        grid.join_keys.create(owner, "lab", uses, hours, grid.now)
    assert caught.value.field == field


@pytest.mark.parametrize("token", ["", "x", "daighost_" + "A" * 43])
def test_an_unknown_token_is_refused(grid: DomainGrid, steady: Cast, token: str) -> None:
    with pytest.raises(UnknownToken):
        grid.hosts.by_token(token)


def test_a_machine_that_is_too_old_uses_up_no_join_key(
    grid: DomainGrid, owner: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = grid.join_keys.create(owner, "lab", 1, 1, grid.now)
    monkeypatch.setattr(hosts_module, "OLDEST_PROTOCOL", 2)
    with pytest.raises(HostTooOld, match="install"):
        grid.hosts.attach(AttachRequest(key, "pc", MACHINE), grid.now)
    monkeypatch.undo()
    grid.hosts.attach(AttachRequest(key, "pc", msgspec.structs.replace(MACHINE, threads=8)), grid.now)


def test_a_volunteer_sees_what_each_machine_does(grid: DomainGrid, owner: int, stranger: int) -> None:
    host = grid.host(stranger, "attic")
    doing = lambda: grid.hosts.list_for(stranger, grid.now)[0].doing  # noqa: E731
    assert doing() == "attached, has not asked for work yet"
    host.ask()
    assert doing() == "awake, waiting for work"
    grid.project(owner)
    lease = host.lease()
    assert doing() == "computing 3 mini-batches"
    grid.reports.give_back(host.row, lease.result, GiveBack(GiveBackReason.quitting), grid.now)
    for seconds, text in ((61, "1 minute"), (3600, "1 hour"), (7200, "3 hours"), (86400, "1 day")):
        grid.wait(seconds)
        assert doing() == f"silent for {text}"
    assert grid.hosts.list_for(owner, grid.now) == []


def test_a_volunteer_sees_what_went_wrong_of_late_each_thing_once(grid: DomainGrid, owner: int, stranger: int) -> None:
    host = grid.host(stranger, "attic")
    grid.project(owner, examples=400)
    for reason in (GiveBackReason.quitting, GiveBackReason.out_of_memory, GiveBackReason.out_of_memory):
        grid.wait(60)
        grid.reports.give_back(host.row, host.lease().result, GiveBack(reason), grid.now)
    host.lease()
    grid.wait(3600)
    grid.transitions()
    silent, memory = grid.hosts.list_for(stranger, grid.now)[0].troubles
    assert silent.at == grid.now
    assert "another machine took it over" in silent.sentence
    assert "ran out of memory" in memory.sentence
    assert memory.at == grid.now - dt.timedelta(hours=1)
    grid.wait(7 * 86400 + 1)
    assert grid.hosts.list_for(stranger, grid.now)[0].troubles == []


def test_a_machine_gets_another_name_from_its_owner(grid: DomainGrid, owner: int, stranger: int) -> None:
    host = grid.host(owner, "attic")
    assert grid.hosts.rename(owner, host.id, " the\u202e old\n laptop ", grid.now).name == "the old laptop"
    assert grid.hosts.rename(owner, host.id, None, grid.now).name == "the old laptop"
    for name in ("", " \n", "x" * 201):
        with pytest.raises(NotAcceptable, match="1 to 200"):
            grid.hosts.rename(owner, host.id, name, grid.now)
    with pytest.raises(NotFound):
        grid.hosts.rename(stranger, host.id, "mine", grid.now)
    grid.hosts.detach(owner, host.id, grid.now)
    with pytest.raises(NotFound):
        grid.hosts.rename(owner, host.id, "ghost", grid.now)


def test_a_host_may_download_what_its_current_lease_names_and_nothing_else(
    grid: DomainGrid, owner: int, steady: Cast, liar: Cast
) -> None:
    project = grid.project(owner, examples=400, k=2)
    lease = steady.lease()
    named = [lease.plan, lease.weights, lease.frozen_weights, *(shard.blob for shard in lease.shards)]
    for blob in named:
        assert blob is not None
        assert grid.host_blobs.open_for_host(steady.row, blob.sha256, grid.now).stat().st_size == blob.size
        with pytest.raises(NoSuchBlob):
            grid.host_blobs.open_for_host(liar.row, blob.sha256, grid.now)
    other = {s.sha256 for s in grid.stores.projects.shards(project)} - {blob.sha256 for blob in named if blob}
    secret = grid.row(project).source_sha256
    for sha256 in (next(iter(other)), secret, "", "0" * 64, "../../grid.db"):
        with pytest.raises(NoSuchBlob):
            grid.host_blobs.open_for_host(steady.row, sha256, grid.now)
    steady.deliver(lease)
    with pytest.raises(NoSuchBlob):
        grid.host_blobs.open_for_host(steady.row, lease.plan.sha256, grid.now)


def test_validation_data_never_leave_the_server(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project = grid.project(owner, examples=20, k=50, validation_fraction=0.2)
    lease = steady.lease()
    held_back = grid.stores.projects.shards(project, validation=True)[0].sha256
    assert held_back not in {shard.blob.sha256 for shard in lease.shards}
    with pytest.raises(NoSuchBlob):
        grid.host_blobs.open_for_host(steady.row, held_back, grid.now)


def test_a_blob_that_is_missing_is_no_blob(grid: DomainGrid, owner: int, steady: Cast) -> None:
    grid.project(owner)
    lease = steady.lease()
    grid.stores.blobs.delete(lease.plan.sha256)
    with pytest.raises(NoSuchBlob):
        grid.host_blobs.open_for_host(steady.row, lease.plan.sha256, grid.now)


def test_the_grid_starts_at_a_known_instant(grid: DomainGrid) -> None:
    assert grid.now == START
    assert grid.now.tzinfo is dt.UTC
