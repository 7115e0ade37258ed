"""The whole program, its child included, against a stand-in grid over real HTTP."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest

from volunteer.protocol.gradients import GradientBlob
from volunteer.protocol.messages import BlobRef, Heartbeat, HeartbeatReply, Lease, NoWork, ShardRef, WorkRequest, decode
from volunteer.protocol.refusals import RefusalCode

JOIN_KEY = "join-me-please"


class Program:
    """`daig-volunteer run --headless` with a home of its own."""

    def __init__(self, home, log) -> None:
        self.home, self._log, self._processes = home, log, []

    def start(self, url: str, *options: str, key: str | None = JOIN_KEY, stdin: str = "") -> subprocess.Popen:
        command = [sys.executable, "-m", "volunteer.cli", "run", "--headless", "--server", url]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DAIG_")}
        if key is not None:
            environment["DAIG_JOIN_KEY"] = key
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [*command, "--home", str(self.home), "--threads", "1", *options],
                stdin=subprocess.PIPE, stderr=log, env=environment, text=True,
            )  # fmt: skip
        process.stdin.write(stdin)
        process.stdin.close()
        self._processes.append(process)
        return process

    def said(self) -> str:
        return self._log.read_text()

    def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()


@pytest.fixture
def program(tmp_path):
    program = Program(tmp_path / "home", tmp_path / "log")
    yield program
    program.close()


@pytest.fixture
def offer(stand_in, tiny_project) -> Callable[..., None]:
    """Put the project's blobs up and answer questions for work with these leases, one after the other, then none."""

    def start(*units: list[int], heartbeat_seconds: float = 30.0, project=tiny_project) -> None:
        refs = {name: BlobRef(stand_in.add_blob(data), len(data)) for name, data in project.blobs().items()}
        shards = [ShardRef(n, refs[f"shard {n}"]) for n in range(project.plan.layout.shards)]
        leases = [
            Lease(f"r{n}", "1", n, 0, unit, refs["plan"], refs["weights"], shards, 60.0, heartbeat_seconds)
            for n, unit in enumerate(units)
        ]

        def answer(_path: str, _body: bytes) -> Lease | NoWork:
            if leases:
                return leases.pop(0)
            time.sleep(0.2)
            return NoWork(0.2, "no work left")

        stand_in.answers["work"] = answer

    return start


def until(condition: Callable[[], object], seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def stop(process: subprocess.Popen) -> tuple[int, float]:
    """(exit code, seconds)"""
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    return process.wait(10), time.monotonic() - started


def test_it_attaches_works_and_stops_when_told(program, stand_in, offer, tiny_project):
    offer([0, 1, 2], [9, 4])
    process = program.start(stand_in.url)
    until(lambda: len(stand_in.requests("report")) == 2)
    maps = Path(f"/proc/{process.pid}/maps").read_text()
    code, seconds = stop(process)
    assert (code, seconds < 5) == (0, True)
    assert "tensorflow" not in maps, "the parent has loaded TensorFlow"
    for (_path, _headers, body), numbers in zip(stand_in.requests("report"), ([0, 1, 2], [9, 4]), strict=True):
        blob = GradientBlob.decode(body)
        assert (blob.mini_batches, blob.examples) == (len(numbers), 8 * len(numbers))
        expected = tiny_project.gradient(0, numbers)
        np.testing.assert_allclose(blob.gradient, expected, rtol=1e-4, atol=1e-5)
    assert "round 0: 3 mini-batches in" in program.said()
    assert len(stand_in.requests("blob")) == 6, "each blob is fetched once"


def test_the_token_is_for_the_owner_alone_and_in_no_log(program, stand_in, offer):
    offer([0])
    process = program.start(stand_in.url, "--verbose")
    until(lambda: stand_in.requests("report"))
    stop(process)
    (file,) = (program.home / "config").glob("*.json")
    assert "the-secret-token" in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    for path in program.home.rglob("*"):
        if path.is_file() and path != file:
            assert b"the-secret-token" not in path.read_bytes(), path
    assert "the-secret-token" not in program.said()
    assert JOIN_KEY not in program.said()


def test_a_join_key_is_needed_once_and_may_come_by_standard_input(program, stand_in):
    process = program.start(stand_in.url, "--join-key", "-", key=None, stdin=f"{JOIN_KEY}\n")
    until(lambda: stand_in.requests("work"))
    assert stop(process)[0] == 0
    process = program.start(stand_in.url, key=None)
    until(lambda: len(stand_in.requests("work")) > 1)
    assert stop(process)[0] == 0
    assert len(stand_in.requests("attach")) == 1


def test_without_a_join_key_it_says_what_to_do(program, stand_in):
    process = program.start(stand_in.url, key=None)
    assert process.wait(10) == 1
    assert "join key" in program.said()


def test_a_token_that_is_not_known_any_more_ends_it_and_can_be_replaced(program, stand_in):
    stand_in.faults["work"] = [RefusalCode.unknown_token]
    assert program.start(stand_in.url).wait(10) == 1
    process = program.start(stand_in.url)
    until(lambda: len(stand_in.requests("work")) > 1)
    stop(process)
    assert len(stand_in.requests("attach")) == 2


def test_one_home_has_one_program(program, stand_in):
    process = program.start(stand_in.url)
    until(lambda: stand_in.requests("work"))
    assert program.start(stand_in.url).wait(10) == 1
    assert "Another DAIG volunteer" in program.said()
    process.kill()
    process.wait()
    again = program.start(stand_in.url)
    before = len(stand_in.requests("work"))
    until(lambda: len(stand_in.requests("work")) > before)
    assert stop(again)[0] == 0


def test_a_signal_brings_what_is_done_so_far(program, stand_in, offer, tiny_project):
    offer([0], list(range(25)), heartbeat_seconds=0.5, project=tiny_project.wide(100_000))
    process = program.start(stand_in.url, "--cpu-percent", "1")
    until(lambda: any(decode(body, Heartbeat).done for _path, _headers, body in stand_in.requests("heartbeat")))
    code, seconds = stop(process)
    assert (code, seconds < 5) == (0, True)
    path, _headers, body = stand_in.requests("report")[1]
    assert "/r1/" in path
    blob = GradientBlob.decode(body)
    assert 1 <= blob.mini_batches < 25
    np.testing.assert_allclose(
        # The detour over 100,000 copies costs a few digits of float32.
        blob.gradient,
        tiny_project.gradient(0, list(range(blob.mini_batches))),
        rtol=5e-2,
        atol=5e-3,
    )
    assert not stand_in.requests("give_back")


def test_a_signal_before_anything_is_done_gives_the_unit_back(program, stand_in, offer):
    offer([0, 1])
    process = program.start(stand_in.url)
    until(lambda: len(stand_in.requests("blob")) == 6)
    code, seconds = stop(process)
    assert (code, seconds < 5) == (0, True)
    assert b"quitting" in stand_in.requests("give_back")[0][2]
    assert not stand_in.requests("report")


def test_a_signal_while_the_server_hangs_is_obeyed_too(program, stand_in, offer):
    offer([0])

    def hang(_path: str, _body: bytes) -> None:
        time.sleep(20)

    stand_in.answers["report"] = hang
    stand_in.answers["give_back"] = hang
    process = program.start(stand_in.url)
    until(lambda: stand_in.requests("report"))
    code, seconds = stop(process)
    assert (code, seconds < 5) == (0, True)


def test_a_heartbeat_that_says_stop_is_obeyed_and_work_asked_for_at_once(program, stand_in, offer, tiny_project):
    stand_in.answers["heartbeat"] = lambda path, _body: HeartbeatReply("/r1/" not in path, 60.0, "the round is closed")
    offer([0], list(range(25)), [1], heartbeat_seconds=0.5, project=tiny_project.wide(100_000))
    process = program.start(stand_in.url, "--cpu-percent", "1")
    until(lambda: len(stand_in.requests("report")) == 2)
    stop(process)
    assert ["/r0/" in path or "/r2/" in path for path, _headers, _body in stand_in.requests("report")] == [True] * 2
    assert not stand_in.requests("give_back")


def test_a_gradient_survives_the_death_of_the_program(program, stand_in, offer):
    offer([0, 1])
    stand_in.faults["report"] = [RefusalCode.busy] * 1000
    process = program.start(stand_in.url)
    until(lambda: stand_in.requests("report"))
    process.kill()
    process.wait()
    stand_in.faults["report"] = []
    first = stand_in.requests("report")[0][2]
    process = program.start(stand_in.url)
    until(lambda: stand_in.requests("report")[-1][2] == first and "earlier run" in program.said())
    stop(process)
    assert not list(program.home.glob("state/*/gradients/*"))


def test_a_killed_trainer_is_replaced_and_dies_with_its_parent(program, stand_in, offer):
    offer([0], list(range(25)))
    process = program.start(stand_in.url, "--cpu-percent", "3")
    until(lambda: len(stand_in.requests("report")) == 1)
    (child,) = psutil.Process(process.pid).children()
    child.kill()
    until(lambda: [c for c in psutil.Process(process.pid).children() if c.pid != child.pid])
    (second,) = [c for c in psutil.Process(process.pid).children() if c.pid != child.pid]
    until(lambda: len(stand_in.requests("report")) == 2, 60)
    process.kill()
    process.wait()
    with contextlib.suppress(psutil.NoSuchProcess):
        second.wait(5)
    assert not second.is_running()


def test_a_server_that_is_away_is_waited_for(program, stand_in, offer):
    stand_in.faults["attach"] = ["silence"] * 2
    stand_in.faults["work"] = ["silence", RefusalCode.server_error]
    stand_in.faults["blob"] = ["cut", "bad bytes", RefusalCode.busy]
    stand_in.faults["report"] = ["silence", RefusalCode.busy]
    offer([0])
    process = program.start(stand_in.url)
    until(lambda: "delivered" in program.said())
    assert stop(process)[0] == 0
    assert not stand_in.requests("give_back")


def test_blobs_of_a_project_that_is_gone_are_deleted(program, stand_in, offer):
    offer([0])
    process = program.start(stand_in.url)
    until(lambda: stand_in.requests("report"))
    held = decode(stand_in.requests("work")[-1][2], WorkRequest).held
    until(lambda: decode(stand_in.requests("work")[-1][2], WorkRequest).held)
    held = decode(stand_in.requests("work")[-1][2], WorkRequest).held
    assert set(held) == set(stand_in.blobs)
    stand_in.answers["work"] = msgspec.structs.replace(NoWork(0.1, "gone"), forget=held)
    until(lambda: not decode(stand_in.requests("work")[-1][2], WorkRequest).held)
    stop(process)
    assert not [path for path in program.home.glob("cache/*/*") if path.is_file()]
