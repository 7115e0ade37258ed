"""A child's folder is looked at and emptied, however hostile the child."""

import os

import pytest

from volunteer.children.folder import clear, holds_more

PLENTY = 2**20


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "work"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "file").write_bytes(os.urandom(10_000))
    return folder


def nest(folder, depth: int) -> None:
    """Folders in folders, made as a child would make them: step by step, for the whole path is too long."""
    before = os.open(".", os.O_RDONLY)
    try:
        os.chdir(folder)
        for _ in range(depth):
            os.mkdir("d" * 100)
            os.chdir("d" * 100)
        with open("deep", "w") as file:
            file.write("x")
    finally:
        os.fchdir(before)
        os.close(before)


def test_files_folders_and_bytes_are_counted_together(folder):
    assert not holds_more(folder, 2, PLENTY)
    assert holds_more(folder, 1, PLENTY)
    assert holds_more(folder, 2, 9_999)
    assert not holds_more(folder / "nowhere", 0, 0)


def test_what_takes_no_disk_is_not_counted_as_if_it_did(folder):
    with (folder / "sparse").open("wb") as file:
        file.truncate(2**40)
    assert not holds_more(folder, 10, PLENTY)


def test_links_lead_nowhere(folder, tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("mine")
    (folder / "link").symlink_to(tmp_path / "precious")
    (folder / "inner" / "link").symlink_to(tmp_path / "precious")
    assert not holds_more(folder, 4, PLENTY)
    clear(folder)
    assert os.listdir(folder) == []
    assert (tmp_path / "precious" / "file").read_text() == "mine"


def test_folders_deeper_than_any_path_are_too_much_and_can_be_deleted(folder):
    nest(folder, 1500)
    assert holds_more(folder, PLENTY, 2**40)
    clear(folder)
    assert os.listdir(folder) == []
    assert not holds_more(folder, 0, 0)
    clear(folder / "nowhere")
