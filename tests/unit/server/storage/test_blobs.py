import hashlib
import os
import time
from pathlib import Path

import pytest

from server.errors import NotFound
from server.storage.blobs import BlobFolder

DATA = b"a gradient"
NAME = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def blobs(tmp_path: Path) -> BlobFolder:
    return BlobFolder(tmp_path / "blobs")


class Recorder:
    """What was synced and renamed, in order, as names relative to the blobs."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.acts: list[str] = []
        fsync, replace = os.fsync, Path.replace

        def recorded_fsync(handle: int) -> None:
            path = Path(os.readlink(f"/proc/self/fd/{handle}"))
            self.acts.append(f"sync {'file' if path.is_file() else path.relative_to(root.parent)}")
            fsync(handle)

        def recorded_replace(path: Path, target: Path) -> Path:
            self.acts.append(f"rename to {target.relative_to(root.parent)}")
            return replace(path, target)

        monkeypatch.setattr(os, "fsync", recorded_fsync)
        monkeypatch.setattr(Path, "replace", recorded_replace)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at Linux's table of open files")
@pytest.mark.parametrize("way", ["put", "adopt", "copy_in"])
def test_a_blob_is_synced_then_renamed_then_its_folder_is_synced(
    blobs: BlobFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    file = blobs.incoming / "upload"
    file.write_bytes(DATA)
    recorder = Recorder(tmp_path / "blobs", monkeypatch)
    if way == "put":
        blobs.put(DATA)
    else:
        getattr(blobs, way)(file)
    place = f"blobs/{NAME[:2]}"
    assert recorder.acts == ["sync blobs", "sync file", f"rename to {place}/{NAME}", f"sync {place}"]


def test_a_blob_is_named_by_its_bytes(blobs: BlobFolder) -> None:
    assert blobs.put(DATA) == NAME
    assert blobs.path(NAME).read_bytes() == DATA
    assert blobs.has(NAME)
    assert list(blobs.names()) == [NAME]


def test_storing_again_changes_nothing(blobs: BlobFolder) -> None:
    assert blobs.put(DATA) == blobs.put(DATA)
    assert len(list(blobs.names())) == 1


def test_adopting_moves_and_copying_leaves_the_file(blobs: BlobFolder, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(DATA)
    assert blobs.copy_in(file) == (NAME, len(DATA))
    assert file.exists()
    assert blobs.adopt(file) == (NAME, len(DATA))
    assert not file.exists()
    assert list(blobs.incoming.iterdir()) == []


@pytest.mark.parametrize("name", ["", "..", "../../grid.db", "AB" * 32, "ab" * 31, "ab" * 32 + "\n", "é" * 64])
def test_what_is_not_a_name_is_never_a_path(blobs: BlobFolder, name: str) -> None:
    assert not blobs.has(name)
    with pytest.raises(NotFound):
        blobs.path(name)


def test_a_kill_before_the_rename_leaves_no_blob(blobs: BlobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        blobs.put(DATA)
    assert not blobs.has(NAME)


def make_old(path: Path) -> None:
    past = time.time() - 100
    os.utime(path, (past, past))


def test_old_blobs_that_nothing_names_and_torn_files_are_swept(blobs: BlobFolder) -> None:
    used, unused, young = blobs.put(b"used"), blobs.put(b"unused"), blobs.put(b"young")
    torn, folder = blobs.incoming / "tmpabc", blobs.incoming / "step"
    torn.write_bytes(b"half of")
    folder.mkdir()
    (folder / "weights").write_bytes(b"half of")
    for path in (blobs.path(used), blobs.path(unused), torn, folder):
        make_old(path)
    assert blobs.delete_unless(lambda name: name == used, 50) == 3
    assert set(blobs.names()) == {used, young}
    assert list(blobs.incoming.iterdir()) == []


def test_a_blob_that_is_stored_again_is_young_again(blobs: BlobFolder) -> None:
    blobs.put(DATA)
    make_old(blobs.path(NAME))
    blobs.put(DATA)
    assert blobs.delete_unless(lambda name: False, 50) == 0


def test_an_adopted_file_is_young_however_old_it_was(blobs: BlobFolder, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(DATA)
    make_old(file)
    blobs.adopt(file)
    assert blobs.delete_unless(lambda name: False, 50) == 0


def test_deleting_what_is_not_there_is_no_error(blobs: BlobFolder) -> None:
    blobs.put(DATA)
    blobs.delete(NAME)
    blobs.delete(NAME)
    assert not blobs.has(NAME)
