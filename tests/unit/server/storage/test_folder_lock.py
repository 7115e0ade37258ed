import subprocess
import sys
from pathlib import Path

import pytest

from server.config import BadSettings
from server.storage.folder_lock import only_grid


def test_a_second_grid_on_a_folder_is_told_where_the_first_one_is(tmp_path: Path) -> None:
    with only_grid(tmp_path):
        (tmp_path / "address").write_text("http://127.0.0.1:8437")
        with pytest.raises(BadSettings, match=r"already, at http://127\.0\.0\.1:8437"), only_grid(tmp_path):
            raise AssertionError("it must not come here")
    with only_grid(tmp_path):
        pass


def test_what_ends_without_a_word_holds_nothing_and_its_children_neither(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, subprocess, sys\n"
        "from server.storage.folder_lock import only_grid\n"
        "with only_grid(pathlib.Path(sys.argv[1])):\n"
        "    print(subprocess.Popen(['sleep', '30']).pid, flush=True)\n"
        "    os._exit(9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, timeout=60, check=False)
    try:
        assert ended.returncode == 9
        with only_grid(tmp_path):
            pass
    finally:
        subprocess.run(["kill", ended.stdout.decode().strip()], check=True)
