import stat
import subprocess
import sys

import pytest

from volunteer.errors import StopAndTell
from volunteer.protocol.digests import sha256_of
from volunteer.spool.gradients import GradientSpool, can_be_spooled
from volunteer.spool.identity import Identity, IdentityFile
from volunteer.spool.lock import HomeLock


@pytest.fixture
def spool(tmp_path) -> GradientSpool:
    return GradientSpool(tmp_path / "gradients", tmp_path / "work")


def add(spool: GradientSpool, result: str, data: bytes):
    path = spool.workshop / "new"
    path.write_bytes(data)
    return spool.add(result, path, sha256_of([data]))


def test_gradients_survive_a_restart_with_result_and_digest(spool, tmp_path):
    entry = add(spool, "a/b ..c", b"gradient")
    spool.harden(entry)
    assert GradientSpool(tmp_path / "gradients", tmp_path / "work").all() == [entry]
    assert entry.path.parent == tmp_path / "gradients"


def test_a_result_has_one_gradient_at_a_time(spool):
    add(spool, "r1", b"first")
    second = add(spool, "r1", b"second")
    assert spool.all() == [second]


def test_dropping_twice_is_harmless(spool):
    entry = add(spool, "r1", b"gradient")
    spool.drop(entry)
    spool.drop(entry)
    assert spool.all() == []


def test_damaged_gradients_are_found(spool):
    entry = add(spool, "r1", b"gradient")
    add(spool, "r2", b"gradient")
    entry.path.write_bytes(b"gradiant")
    assert spool.drop_broken() == ["r1"]
    assert [entry.result for entry in spool.all()] == ["r2"]


def test_what_a_killed_trainer_left_behind_is_deleted(spool, tmp_path):
    (spool.workshop / "abc.gradient").write_bytes(b"x")
    (spool.workshop / "abc.new").write_bytes(b"x")
    GradientSpool(tmp_path / "gradients", tmp_path / "work")
    assert not list(spool.workshop.iterdir())


def test_a_trainer_that_left_folders_and_other_files_keeps_no_later_one_from_starting(spool, tmp_path):
    (spool.workshop / "abc.gradient").mkdir()
    (spool.workshop / "deep" / "deeper").mkdir(parents=True)
    (spool.workshop / "deep" / "rubbish").write_bytes(b"x")
    (spool.workshop / "rubbish").write_bytes(b"x")
    GradientSpool(tmp_path / "gradients", tmp_path / "work")
    assert not list(spool.workshop.iterdir())


def test_what_links_point_to_is_left_alone(spool, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_bytes(b"dear")
    (spool.workshop / "link").symlink_to(tmp_path / "mine")
    GradientSpool(tmp_path / "gradients", tmp_path / "work")
    assert not list(spool.workshop.iterdir())
    assert (tmp_path / "mine" / "letter").read_bytes() == b"dear"


def test_a_folder_in_a_gradients_place_is_no_gradient(spool):
    entry = add(spool, "r1", b"gradient")
    entry.path.unlink()
    entry.path.mkdir()
    assert spool.drop_broken() == ["r1"]
    assert spool.all() == []


def test_a_result_whose_name_is_no_file_name_is_known_as_such():
    assert can_be_spooled("r1")
    assert not can_be_spooled("")
    assert not can_be_spooled("/" * 100)


def test_the_token_is_kept_for_the_owner_alone(tmp_path):
    file = IdentityFile(tmp_path / "config" / "grid.json")
    assert file.load() is None
    identity = Identity("http://localhost", "7", "grid", "secret")
    file.save(identity)
    assert file.load() == identity
    assert stat.S_IMODE((tmp_path / "config" / "grid.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "config").stat().st_mode) == 0o700
    assert "secret" not in repr(identity)
    assert not file.is_retired
    file.retire()
    assert (file.load(), file.is_retired) == (None, True)
    assert [one.name for one in (tmp_path / "config").iterdir()] == ["grid.left"]
    assert "secret" not in (tmp_path / "config" / "grid.left").read_text()
    file.save(identity)
    assert not file.is_retired


def test_a_damaged_token_file_is_told_and_not_overwritten(tmp_path):
    path = tmp_path / "grid.json"
    path.write_text('{"host": "7"}')
    with pytest.raises(StopAndTell, match=r"grid\.json"):
        IdentityFile(path).load()


def test_a_home_is_locked_against_another_process_and_free_after_it(tmp_path):
    lock = HomeLock(tmp_path / "state" / "lock")
    code = (
        "from pathlib import Path; from volunteer.spool.lock import HomeLock; "
        f"HomeLock(Path({str(tmp_path)!r}) / 'state/lock')"
    )
    second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "Another DAIG volunteer" in second.stderr
    lock.release()
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
