"""Real child processes: what reaches them, what limits them, and what happens when one side dies."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from volunteer.children.child import MOST_ANSWERS, MOST_OF_A_LOG, Child, ChildGone, ChildSilent
from volunteer.children.frames import MAX_FRAME, read_frame, write_frame
from volunteer.children.limits import Limits

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="starts its children through a shell script")
SECONDS = 60
Start = Callable[..., Child]


LINUX = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at Linux's table of open files")


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """start(code) runs `code` as a child; its last line must serve."""

    def starter(code: str, limits: Limits | None = None, **arguments: object) -> Child:
        script, python = tmp_path / "child.py", tmp_path / "python"
        script.write_text("from volunteer.children.entry import serve, start\n" + textwrap.dedent(code))
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I "{script}"\n')
        python.chmod(0o700)
        with monkeypatch.context() as context:
            context.setattr(sys, "executable", str(python))
            return Child("unused", tmp_path / "folder", limits or Limits(), **arguments)  # type: ignore[arg-type]

    return starter


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until(is_so: Callable[[], bool]) -> bool:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        if is_so():
            return True
        time.sleep(0.02)
    return False


def test_a_child_answers_each_request(start: Start) -> None:
    with start("serve(lambda request: {'twice': 2 * request['n']})") as child:
        for n in (1, 2**60, -3):
            child.send({"n": n})
            assert child.receive(SECONDS) == {"twice": 2 * n}
        assert child.alive
    assert not child.alive


def test_what_libraries_print_corrupts_no_answer(start: Start, tmp_path: Path) -> None:
    code = """
        import os, sys
        def handle(request):
            print("on standard output"); sys.stdout.flush()
            os.write(1, b"straight to the descriptor\\n")
            os.system("echo from a grandchild")
            return {"ok": True}
        serve(handle)
    """
    with start(code, log=tmp_path / "log") as child:
        for _ in range(3):
            child.send({})
            assert child.receive(SECONDS) == {"ok": True}
    words = (tmp_path / "log").read_text()
    for printed in ("on standard output", "straight to the descriptor", "from a grandchild"):
        assert words.count(printed) == 3


def test_a_secret_of_the_parent_does_not_arrive(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DAIG_JOIN_KEY", "AWS_SECRET_ACCESS_KEY", "PYTHONPATH", "LD_PRELOAD_X", "HTTP_PROXY"):
        monkeypatch.setenv(name, "secret-1234")
    code = "import os, sys; serve(lambda r: {'env': dict(os.environ), 'cwd': os.getcwd(), 'argv': sys.argv})"
    with start(code, environment={"TF_CPP_MIN_LOG_LEVEL": "3"}) as child:
        child.send({})
        answer = child.receive(SECONDS)
    assert "secret-1234" not in repr(answer)
    assert set(answer["env"]) <= {
        "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "HOME", "TMPDIR", "PYTHONUNBUFFERED", "TF_CPP_MIN_LOG_LEVEL", "PWD",
        "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "SHLVL", "_", "OLDPWD",
    }  # fmt: skip
    assert answer["env"]["HOME"] == answer["env"]["TMPDIR"] == answer["cwd"] == str(tmp_path / "folder")


@LINUX
def test_no_open_file_of_the_parent_arrives(start: Start, tmp_path: Path) -> None:
    code = """
        from pathlib import Path
        serve(lambda request: {"open": [str(f.resolve()) for f in Path("/proc/self/fd").iterdir() if f.exists()]})
    """
    with (tmp_path / "token").open("w"), start(code) as child:
        child.send({})
        assert not any("token" in name for name in child.receive(SECONDS)["open"])


LIMITS = """
    import resource, os
    names = ["RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CORE"]
    def handle(request):
        return {"nice": os.nice(0), **{name: resource.getrlimit(getattr(resource, name)) for name in names}}
    serve(handle)
"""


def test_every_limit_is_really_in_force(start: Start) -> None:
    limits = Limits(
        address_space=2**34, data=2**33, cpu_seconds=77, file_bytes=2**20, open_files=40, nice=max(0, 5 - os.nice(0))
    )
    with start(LIMITS, limits) as child:
        child.send({})
        answer = child.receive(SECONDS)
    assert answer == {
        "nice": max(5, os.nice(0)), "RLIMIT_AS": [2**34] * 2, "RLIMIT_DATA": [2**33] * 2, "RLIMIT_CPU": [77] * 2,
        "RLIMIT_FSIZE": [2**20] * 2, "RLIMIT_NOFILE": [40] * 2, "RLIMIT_CORE": [0, 0],
    }  # fmt: skip


def test_a_child_that_wants_too_much_memory_fails_alone(start: Start) -> None:
    code = """
        def handle(request):
            try:
                return {"size": len(bytearray(request["size"]))}
            except MemoryError:
                return {"error": "no memory"}
        serve(handle)
    """
    with start(code, Limits(data=256 * 2**20)) as child:
        child.send({"size": 2**30})
        assert child.receive(SECONDS) == {"error": "no memory"}
        child.send({"size": 10})
        assert child.receive(SECONDS) == {"size": 10}


def test_a_child_that_computes_for_ever_is_ended_by_its_limit(start: Start) -> None:
    with start("def handle(request):\n    while True: pass\nserve(handle)", Limits(cpu_seconds=1)) as child:
        child.send({})
        with pytest.raises(ChildGone):
            child.receive(SECONDS)


def test_a_child_that_dies_says_its_last_words(start: Start) -> None:
    code = "def handle(request):\n    raise ValueError('the ninth wave')\nserve(handle)"
    with start(code) as child:
        child.send({})
        with pytest.raises(ChildGone) as caught:
            child.receive(SECONDS)
        assert caught.value.exit_code == 1
        assert "the ninth wave" in caught.value.last_words
        with pytest.raises(ChildGone):
            child.receive(1)
        with pytest.raises(ChildGone):
            child.send({})


def test_a_child_that_is_killed_is_gone_at_once(start: Start) -> None:
    with start("serve(lambda request: __import__('time').sleep(600))") as child:
        child.send({})
        os.kill(child.pid, signal.SIGKILL)
        with pytest.raises(ChildGone) as caught:
            child.receive(SECONDS)
        assert caught.value.exit_code == -signal.SIGKILL


def test_a_child_that_does_not_start_is_gone_and_not_silent(start: Start) -> None:
    with start("raise SystemExit(7)") as child:
        with pytest.raises(ChildGone) as caught:
            child.receive(SECONDS)
        assert caught.value.exit_code == 7


def test_a_silent_child_is_told_from_a_dead_one(start: Start) -> None:
    with start("serve(lambda request: __import__('time').sleep(600))") as child:
        child.send({})
        with pytest.raises(ChildSilent):
            child.receive(0.05)
        assert child.alive


def test_a_suspended_child_is_silent_and_goes_on_where_it_was(start: Start) -> None:
    with start("serve(lambda request: request)") as child:
        child.send({"n": 1})
        assert child.receive(SECONDS) == {"n": 1}
        child.suspend()
        child.send({"n": 2})
        with pytest.raises(ChildSilent):
            child.receive(0.2)
        child.resume()
        assert child.receive(SECONDS) == {"n": 2}


def test_closing_lets_a_child_end_by_itself_and_kills_one_that_will_not(start: Start) -> None:
    child = start("serve(lambda request: request)")
    child.send({})
    child.receive(SECONDS)
    child.close(patience=SECONDS)
    assert not child.alive
    stubborn = start("import time\nstart()\nimport os, threading\nwhile True: time.sleep(1)")
    stubborn.suspend()
    stubborn.close(patience=0.1)
    assert not stubborn.alive


def test_a_child_can_stream_and_hear_requests_meanwhile(start: Start) -> None:
    code = """
        channel = start()
        count = 0
        while channel.requests.empty():
            channel.send({"count": count}); count += 1
            __import__("time").sleep(0.01)
        channel.send({"heard": channel.requests.get()})
    """
    with start(code) as child:
        assert [child.receive(SECONDS)["count"] for _ in range(3)] == [0, 1, 2]
        child.send({"stop": True})
        while "heard" not in (message := child.receive(SECONDS)):
            pass
        assert message == {"heard": {"stop": True}}


def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """Even in the middle of a computation: nobody is left to want it."""
    script, python = tmp_path / "child.py", tmp_path / "python"
    serving = "serve(lambda request: __import__('time').sleep(600))"
    script.write_text(f"from volunteer.children.entry import serve\n{serving}\n")
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I "{script}"\n')
    python.chmod(0o700)
    parent_code = f"""
import pathlib, sys, time
sys.executable = {str(python)!r}
from volunteer.children.child import Child
from volunteer.children.limits import Limits
child = Child("unused", pathlib.Path({str(tmp_path / "folder")!r}), Limits())
child.send({{}})
print(child.pid, flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", parent_code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    time.sleep(0.5)
    assert not gone(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    ended = wait_until(lambda: gone(pid))
    if not ended:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert ended


def test_frames_survive_the_journey_in_pieces() -> None:
    stream = io.BytesIO()
    for message in ({"a": 1}, {}, {"text": "ß" * 1000}):
        write_frame(stream, message)
    drip = io.BufferedReader(_Drip(stream.getvalue()))  # type: ignore[type-var]
    assert [read_frame(drip) for _ in range(4)] == [{"a": 1}, {}, {"text": "ß" * 1000}, None]


class _Drip(io.RawIOBase):
    """Gives one byte at a time, as a slow pipe may."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        byte = self._data.read(1)
        buffer[: len(byte)] = byte
        return len(byte)


@pytest.mark.parametrize(
    "data", [b"\x00\x00\x00\x02[]", b"\x00\x00\x00\x01{", b"\x7f\xff\xff\xff", b"\x00\x00\x00\x02\xff\xff"]
)
def test_what_is_no_frame_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"frame|line 1|decode"):
        read_frame(io.BytesIO(data))


def test_a_frame_that_was_cut_off_is_the_end() -> None:
    stream = io.BytesIO()
    write_frame(stream, {"a": 1})
    assert read_frame(io.BytesIO(stream.getvalue()[:-1])) is None
    assert read_frame(io.BytesIO(b"\x00\x00")) is None


def test_a_frame_has_a_largest_size() -> None:
    with pytest.raises(ValueError, match="too large"):
        write_frame(io.BytesIO(), {"text": "x" * MAX_FRAME})


def test_a_frame_that_is_too_large_does_not_end_the_child(start: Start) -> None:
    with start("serve(lambda request: request)") as child:
        with pytest.raises(ValueError, match="too large"):
            child.send({"text": "x" * MAX_FRAME})
        child.send({"n": 1})
        assert child.receive(SECONDS) == {"n": 1}


def test_a_child_that_talks_without_end_fills_neither_memory_nor_disk(start: Start, tmp_path: Path) -> None:
    code = """
    import sys, threading
    channel = start()
    channel.send({"ready": True})
    def babble():
        while True:
            print("x" * 2**16, end="", file=sys.stderr)
    threading.Thread(target=babble, daemon=True).start()
    while True:
        channel.send({"words": "y" * 2**10})
    """
    log = tmp_path / "log"
    with start(code, log=log) as child:
        assert child.receive(SECONDS) == {"ready": True}
        assert wait_until(lambda: log.exists() and log.stat().st_size > MOST_OF_A_LOG * 0.99)
        assert child._answers.qsize() <= MOST_ANSWERS
        started = time.monotonic()
    assert time.monotonic() - started < 2
    assert log.stat().st_size < MOST_OF_A_LOG * 1.1


def test_a_child_that_says_too_much_at_once_is_heard_no_more(start: Start) -> None:
    code = """
    channel = start()
    for length in (900, 1000, 1000):
        channel.send({"words": "y" * length})
    """
    with start(code, longest_answer=1000) as child:
        assert len(child.receive(SECONDS)["words"]) == 900
        with pytest.raises(ChildGone):
            child.receive(SECONDS)


def test_words_that_cannot_be_kept_do_not_stop_the_child(start: Start, tmp_path: Path) -> None:
    code = """
    import sys
    def handle(request):
        print("x" * 2**20, file=sys.stderr, flush=True)
        return {"ok": True}
    serve(handle)
    """
    with start(code, log=tmp_path / "no such folder" / "log") as child:
        child.send({})
        assert child.receive(SECONDS) == {"ok": True}


@pytest.mark.parametrize("gets_away", [False, True])
def test_what_a_child_has_started_does_not_keep_its_end_waiting(start: Start, gets_away: bool) -> None:
    code = f"""
    import subprocess, sys, time
    channel = start()
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    other = subprocess.Popen(sleep, stdout=channel._sink.fileno(), start_new_session={gets_away})
    channel.send({{"pid": other.pid}})
    time.sleep(600)
    """
    child = start(code)
    other = child.receive(SECONDS)["pid"]
    started = time.monotonic()
    try:
        child.kill()
        assert time.monotonic() - started < 10
        assert gets_away or wait_until(lambda: gone(other))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(other, signal.SIGKILL)
