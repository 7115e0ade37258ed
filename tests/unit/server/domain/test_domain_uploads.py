"""Uploads in parts: what stays of a broken one, who may have how much, and what is let go of."""

import datetime as dt
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.domain.drafts import Drafts
from server.domain.upload_collector import UploadCollector
from server.domain.uploads import KEPT, Uploads
from server.errors import Busy, ChecksumMismatch, NoSuchUpload, NotAcceptable, QuotaExceeded, UploadGone
from server.rules.incoming import Checksum, IncomingFile, NewUpload
from server.rules.quotas import UploadBounds
from tests.support.domain_grid import DomainGrid

DATA = b"weights and more weights " * 100
DIGEST = hashlib.sha256(DATA).hexdigest()


class Cut(Exception):
    """The line is cut."""


@pytest.fixture
def grid(tmp_path: Path) -> Iterator[DomainGrid]:
    grid = DomainGrid(tmp_path)
    yield grid
    grid.stores.database.close()


@pytest.fixture
def owner(grid: DomainGrid) -> int:
    return grid.person("owner")


def begun(grid: DomainGrid, owner: int, size: int = len(DATA), sha256: str = "") -> str:
    return grid.uploads.create(owner, NewUpload("../x/data.npy", size, sha256), grid.now).name


def whole(grid: DomainGrid, owner: int) -> str:
    name = begun(grid, owner)
    assert grid.uploads.append(owner, name, 0, [DATA], None, grid.now).is_whole
    return name


def broken_after(*blocks: bytes) -> Iterator[bytes]:
    yield from blocks
    raise Cut


def test_what_came_before_the_line_was_cut_stays(grid: DomainGrid, owner: int) -> None:
    name = begun(grid, owner)
    with pytest.raises(Cut):
        grid.uploads.append(owner, name, 0, broken_after(DATA[:7], DATA[7:20]), None, grid.now)
    grid.restart()
    assert grid.uploads.view(owner, name, grid.now).offset == 20
    last = grid.uploads.append(owner, name, 20, [DATA[20:]], None, grid.now)
    assert (last.is_whole, last.sha256, last.filename) == (True, DIGEST, "data.npy")


def test_of_a_part_whose_checksum_was_not_seen_to_match_nothing_stays(grid: DomainGrid, owner: int) -> None:
    name = begun(grid, owner)
    checksum = Checksum("sha256", hashlib.sha256(DATA).digest())
    with pytest.raises(Cut):
        grid.uploads.append(owner, name, 0, broken_after(DATA), checksum, grid.now)
    assert grid.uploads.view(owner, name, grid.now).offset == 0


def test_a_file_whose_last_part_came_just_before_a_kill_is_concluded_when_it_is_asked_for(
    grid: DomainGrid, owner: int
) -> None:
    right, wrong = begun(grid, owner, sha256=DIGEST), begun(grid, owner, sha256="0" * 64)
    for name in (right, wrong):
        grid.stores.partial_uploads.path(name).write_bytes(DATA)
    with pytest.raises(NotAcceptable, match="not uploaded completely"):
        grid.uploads.take(owner, right, "data")
    assert grid.uploads.view(owner, right, grid.now).sha256 == DIGEST
    with pytest.raises(ChecksumMismatch):
        grid.uploads.view(owner, wrong, grid.now)
    with pytest.raises(NoSuchUpload):
        grid.uploads.view(owner, wrong, grid.now)


def test_only_so_many_large_files_are_digested_at_once_and_the_others_are_busy(
    grid: DomainGrid, owner: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.domain.uploads._SMALL", 10)
    name, small = begun(grid, owner), begun(grid, owner, 10)
    grid.stores.partial_uploads.path(name).write_bytes(DATA)
    grid.stores.partial_uploads.path(small).write_bytes(DATA[:10])
    with grid.uploads._digests, grid.uploads._digests:
        with pytest.raises(Busy):
            grid.uploads.view(owner, name, grid.now)
        with pytest.raises(NoSuchUpload):
            grid.uploads.view(grid.person("stranger"), name, grid.now)
        assert grid.uploads.view(owner, small, grid.now).is_whole
    assert grid.uploads.view(owner, name, grid.now).sha256 == DIGEST


def test_an_account_holds_no_more_than_it_may_with_declared_sizes_counted(grid: DomainGrid, owner: int) -> None:
    bounds = UploadBounds(account_bytes=10_000, free_bytes=0)
    uploads, drafts = Uploads(grid.stores, bounds), Drafts(grid.stores, grid.rings.append, bounds)
    name = uploads.create(owner, NewUpload("a.npy", 6_000), grid.now).name
    with pytest.raises(QuotaExceeded, match="Start or discard"):
        uploads.create(owner, NewUpload("b.npy", 4_001), grid.now)
    uploads.create(grid.person("stranger"), NewUpload("b.npy", 9_000), grid.now)
    path = drafts.incoming_folder / "form-file"
    path.write_bytes(b"0" * 5_000)
    with pytest.raises(NotAcceptable, match="Start or discard"):
        drafts.start(owner, {}, [IncomingFile("labels", "b.npy", path, 5_000)], grid.now)
    uploads.append(owner, name, 0, [b"0" * 6_000], None, grid.now)
    drafts.start(owner, {}, [uploads.take(owner, name, "data")], grid.now)
    with pytest.raises(QuotaExceeded):
        uploads.create(owner, NewUpload("b.npy", 4_001), grid.now)
    uploads.create(owner, NewUpload("b.npy", 4_000), grid.now)


def test_what_a_draft_was_converted_to_counts_in_what_its_account_holds(grid: DomainGrid, owner: int) -> None:
    bounds = UploadBounds(account_bytes=10_000, free_bytes=0)
    drafts, uploads = Drafts(grid.stores, grid.rings.append, bounds), Uploads(grid.stores, bounds)
    draft = drafts.start(owner, {}, [uploads.take(owner, whole(grid, owner), "data")], grid.now)
    converted = grid.stores.folder / "drafts" / str(draft) / "check-1" / "data" / "x.npy"
    converted.parent.mkdir(parents=True)
    converted.write_bytes(b"0" * 6_000)
    with pytest.raises(QuotaExceeded):
        uploads.create(owner, NewUpload("b.npy", 4_001 - len(DATA)), grid.now)
    uploads.create(grid.person("stranger"), NewUpload("b.npy", 9_000), grid.now)
    name = uploads.create(owner, NewUpload("b.npy", 4_000 - len(DATA)), grid.now).name
    uploads.remove(owner, name, grid.now)
    # For the draft's own new files it does not: it goes before they are checked.
    path = drafts.incoming_folder / "form-file"
    path.write_bytes(b"0" * 9_000)
    drafts.change(owner, draft, {}, [IncomingFile("data", "b.npy", path, 9_000)], grid.now)


def test_no_file_is_looked_at_while_the_database_is_held(
    grid: DomainGrid, owner: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole(grid, owner)
    begun(grid, owner)
    partial = grid.stores.partial_uploads
    looked: list[bool] = []
    received = partial.received

    def look(name: str) -> int:
        looked.append(grid.stores.database._database.in_transaction())
        return received(name)

    monkeypatch.setattr(partial, "received", look)
    grid.uploads.create(owner, NewUpload("b.npy", 5), grid.now)
    assert looked == [False, False], "the unfinished one before, and the new one to be shown"


def test_what_is_still_to_come_of_others_counts_as_taken_on_the_disk(grid: DomainGrid, owner: int) -> None:
    free = os.statvfs(grid.folder).f_bavail * os.statvfs(grid.folder).f_frsize
    bounds = UploadBounds(account_bytes=2**60, free_bytes=free // 2)
    uploads = Uploads(grid.stores, bounds, most=2**60)
    uploads.create(grid.person("stranger"), NewUpload("a.npy", free // 3), grid.now)
    with pytest.raises(QuotaExceeded, match="nearly full"):
        uploads.create(owner, NewUpload("b.npy", free // 3), grid.now)


def test_an_upload_that_a_draft_did_not_take_is_still_there(grid: DomainGrid, owner: int) -> None:
    name = whole(grid, owner)
    bounds = UploadBounds(account_bytes=1)
    file = grid.uploads.take(owner, name, "data")
    with pytest.raises(NotAcceptable):
        Drafts(grid.stores, grid.rings.append, bounds).start(owner, {}, [file], grid.now)
    assert grid.uploads.view(owner, name, grid.now).is_whole


def test_an_upload_that_was_named_for_two_fields_is_still_there(grid: DomainGrid, owner: int) -> None:
    name = begun(grid, owner)
    grid.uploads.append(owner, name, 0, [DATA], None, grid.now)
    twice = [grid.uploads.take(owner, name, field) for field in ("data", "labels")]
    with pytest.raises(NotAcceptable, match="used already"):
        grid.drafts.start(owner, {}, twice, grid.now)
    assert grid.uploads.view(owner, name, grid.now).offset == len(DATA)


def test_one_upload_becomes_one_file_of_one_draft(grid: DomainGrid, owner: int) -> None:
    name = whole(grid, owner)
    file = grid.uploads.take(owner, name, "data")
    twice = [file, grid.uploads.take(owner, name, "labels")]
    with pytest.raises(NotAcceptable, match="used already"):
        grid.drafts.start(owner, {}, twice, grid.now)
    assert not grid.drafts.list_for(owner)


def test_uploads_that_nobody_goes_on_with_are_let_go(grid: DomainGrid, owner: int) -> None:
    collector = UploadCollector(grid.stores)
    left, used, busy = begun(grid, owner), whole(grid, owner), begun(grid, owner)
    folder = grid.stores.partial_uploads.folder
    for path in (folder / left, folder / "nobody's"):
        path.touch()
        os.utime(path, (0, 0))
    grid.drafts.start(owner, {}, [grid.uploads.take(owner, used, "data")], grid.now)
    assert collector.run_pass(grid.now) == 1
    assert {path.name for path in folder.iterdir()} == {left, busy}
    grid.now += KEPT
    with pytest.raises(UploadGone):
        grid.uploads.view(owner, left, grid.now)
    assert grid.uploads.list_for(owner, grid.now) == []
    assert collector.run_pass(grid.now) == 1
    # Into this one somebody is writing, however long that takes.
    assert {path.name for path in folder.iterdir()} == {busy}


def test_a_row_that_lost_its_file_is_nobodys(grid: DomainGrid, owner: int) -> None:
    name = begun(grid, owner)
    grid.stores.partial_uploads.path(name).unlink()
    with pytest.raises(NoSuchUpload):
        grid.uploads.view(owner, name, grid.now)
    assert UploadCollector(grid.stores).run_pass(grid.now + dt.timedelta(days=1)) == 1
    assert grid.stores.partial_uploads.declared_bytes(owner) == 0


def test_with_an_account_its_uploads_go(grid: DomainGrid, owner: int) -> None:
    whole(grid, owner)
    kept = begun(grid, grid.person("stranger"))
    grid.uploads.remove_all_of(owner)
    assert [path.name for path in grid.stores.partial_uploads.folder.iterdir()] == [kept]
    assert grid.uploads.list_for(owner, grid.now) == []


def test_nobody_begins_uploads_without_end(grid: DomainGrid, owner: int) -> None:
    for _ in range(40):
        begun(grid, owner, 1)
    with pytest.raises(QuotaExceeded, match="very many"):
        begun(grid, owner, 1)
