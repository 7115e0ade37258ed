"""A disk that is really full: a file system of one megabyte, in a namespace where an ordinary person may mount one."""

import subprocess
import sys
from pathlib import Path

import pytest

MOUNT = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", 'mount -t tmpfs -o size=1m tmpfs "$0" && "$@"']
SCRIPT = """
import pathlib, shutil, sys
from volunteer.agent.fetching import Fetcher
from volunteer.agent.tools import Tools
from volunteer.client.grid import GridClient
from volunteer.errors import NoRoom
from volunteer.protocol.messages import BlobRef, Lease
from volunteer.spool.blobs import BlobCache
from volunteer.spool.gradients import GradientSpool
from volunteer.trainer.reins import Reins

url, folder, sha256, size = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
spool = GradientSpool(folder / "gradients", workshop=folder / "work")
(spool.workshop / "x").write_bytes(b"waits")
entry = spool.add("r1", spool.workshop / "x", "ab" * 32)
tools = Tools(GridClient(url), None, BlobCache(folder / "cache", 2**30), spool)
blob = BlobRef(sha256, size)
try:
    Fetcher(tools).fetch(Lease("12", "3", 4, 0, [1], blob, blob, [], 60.0, 5.0), Reins())
except NoRoom as error:
    print(error.sentence)
print("free", shutil.disk_usage(folder).free, spool.all() == [entry])
"""


def test_a_download_that_does_not_fit_is_told_and_takes_nothing_of_the_disk(stand_in, tmp_path: Path):
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run([*MOUNT, folder, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this system lets nobody mount a file system of their own")
    sha256 = stand_in.add_blob(b"x" * 3_000_000)
    done = subprocess.run(
        [*MOUNT, folder, sys.executable, "-c", SCRIPT, stand_in.url, folder, sha256, "3000000"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "This computer's disk is full" in done.stdout, done.stdout + done.stderr
    _, free, kept = done.stdout.splitlines()[-1].split()
    assert int(free) > 900_000
    assert kept == "True"
