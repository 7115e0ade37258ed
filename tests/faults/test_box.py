"""The trainer's box: a child that tries to get out, with each of the means taken away in turn. Real processes."""

import json
import os
import shutil
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from volunteer.trainer.isolation import landlock, linux

pytestmark = [pytest.mark.faults, pytest.mark.skipif(sys.platform != "linux", reason="the means of Linux")]

Outcomes = dict[str, str]

# Each try is one line that raises OSError when the box holds.
TRIES = {
    "read the token": "open(token).read()",
    "read the person's keys": "open(home + '/.ssh/id_ed25519').read()",
    "read /etc/passwd": "open('/etc/passwd').read()",
    "read the parent's environment": "open(f'/proc/{parent}/environ').read()",
    "look what is in the home": "os.listdir(home)",
    "write outside": "open(home + '/new', 'w')",
    "overwrite outside": "open(home + '/victim', 'w')",
    "empty outside": "os.truncate(home + '/victim', 0)",
    "change a mode outside": "os.chmod(home + '/victim', 0o777)",
    "delete outside": "os.unlink(home + '/victim')",
    "move outside": "os.rename('own', home + '/own')",
    "leave a link for the parent": "os.symlink(token, 'link')",
    "connect by TCP": "socket.create_connection(('127.0.0.1', tcp), 2)",
    "listen on TCP": "socket.create_server(('127.0.0.1', 0))",
    "send by UDP": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', udp))",
    "speak to the control server": "socket.socket(socket.AF_UNIX).connect(control)",
    "speak to an abstract socket": "socket.socket(socket.AF_UNIX).connect(abstract)",
    "ask the kernel by netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "run a shell": "subprocess.run(['/bin/sh', '-c', 'exit 0'], check=True)",
    "become a shell": "os.execv('/bin/true', ['true'])",
    "fork": "os.fork() or os._exit(0)",
    "signal the parent": "os.kill(parent, 0)",
    "signal everybody": "os.kill(-1, 0)",
    "have the kernel signal the parent": "fcntl.fcntl(socket.socketpair()[0], fcntl.F_SETOWN, parent)",
    "trace the parent": "call('ptrace', 16, parent, 0, 0)",
    "read the parent's memory": "call('process_vm_readv', parent, 0, 0, 0, 0, 0)",
    "limit the parent": "resource.prlimit(parent, resource.RLIMIT_NOFILE, (8, 8))",
    "slow the parent down": "os.setpriority(os.PRIO_PROCESS, parent, 19)",
    "share memory with other programs": "call('shmget', 0x4441, 4096, 0o1600)",
    "leave for other namespaces": "call('unshare', 0x10000000)",
}  # fmt: skip
# What must not be done to the process of the tests, or needs more than a person has.
TOO_MUCH = {
    "signal everybody", "trace the parent", "read the parent's memory", "limit the parent", "slow the parent down",
    "become a shell", "leave for other namespaces", "share memory with other programs",
}  # fmt: skip
ALLOWED = {
    "read a blob": "open(blob).read()",
    "write in its folder": "open('new', 'w').write('x')",
    "replace in its folder": "os.replace('own', 'replaced')",
    "make and remove a folder": "os.mkdir('sub'); os.rmdir('sub')",
    "throw words away": "open('/dev/null', 'w').write('x')",
    "roll dice": "os.urandom(8)",
    "start threads": "thread = threading.Thread(target=print); thread.start(); thread.join()",
    "import a library": "import numpy",
    "abort, if it has to": "os.kill(os.getpid(), 0)",
}

PROBE = """
import ctypes, fcntl, json, os, resource, socket, subprocess, sys, threading
from pathlib import Path
from volunteer.trainer.isolation import box, landlock, namespaces, seccomp
from volunteer.trainer.isolation.system_calls import MACHINES
facts = json.loads(sys.argv[1])
globals().update(facts)
def call(name, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*map(ctypes.c_long, arguments)) == -1:
        raise OSError(ctypes.get_errno(), name)
exec(before)
outcomes = {"gaps": box.confine(Path.cwd(), [Path(facts["blobs"])])}
for name, line in tries.items():
    try:
        exec(line)
        outcomes[name] = "done"
    except (OSError, subprocess.SubprocessError) as error:
        outcomes[name] = type(error).__name__
print(json.dumps(outcomes))
"""


@pytest.fixture
def attempt(tmp_path: Path) -> Iterator[Callable[..., Outcomes]]:
    """attempt(lines, before): what came of each line in a boxed child; `before` runs there first, unboxed."""
    home, work, blobs = tmp_path / "home", tmp_path / "home" / "state" / "work", tmp_path / "home" / "cache"
    for folder in (home / ".ssh", work, blobs):
        folder.mkdir(parents=True)
    for file in (home / "token.json", home / ".ssh" / "id_ed25519", home / "victim", blobs / "blob", work / "own"):
        file.write_text("something")
    # The path of a socket has room for little more than a hundred letters.
    short = Path("/tmp") / f"daig-box-{os.getpid()}"
    shutil.rmtree(short, ignore_errors=True)
    short.mkdir(0o700)
    tcp, udp = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    control, abstract = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    udp.bind(("127.0.0.1", 0))
    for one, name in ((control, str(short / "control.sock")), (abstract, f"\0daig-box-{os.getpid()}")):
        one.bind(name)
        one.listen()
    facts = {
        "home": str(home), "token": str(home / "token.json"), "blobs": str(blobs), "blob": str(blobs / "blob"),
        "tcp": tcp.getsockname()[1], "udp": udp.getsockname()[1], "control": str(short / "control.sock"),
        "abstract": f"\0daig-box-{os.getpid()}", "parent": os.getpid(),
    }  # fmt: skip

    def run(tries: dict[str, str], before: str = "") -> Outcomes:
        words = json.dumps({**facts, "tries": tries, "before": before})
        child = subprocess.run(
            [sys.executable, "-I", "-c", textwrap.dedent(PROBE), words],
            cwd=work, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert child.returncode == 0, child.stderr
        return dict(json.loads(child.stdout.splitlines()[-1]))

    yield run
    for one in (tcp, udp, control, abstract):
        one.close()
    shutil.rmtree(short)


@pytest.fixture
def whole() -> None:
    """Skips where this system has not all the means."""
    if landlock.version() < landlock.SINCE_TRUNCATE:
        pytest.skip("this Linux has no new Landlock")


def test_the_tries_would_succeed_without_the_box(attempt: Callable[..., Outcomes]) -> None:
    tries = {name: line for name, line in TRIES.items() if name not in TOO_MUCH}
    got = attempt(tries, "box.confine = lambda *_: []")
    assert got == {"gaps": [], **dict.fromkeys(tries, "done")}


def test_a_child_in_the_box_reaches_nothing_outside(attempt: Callable[..., Outcomes], whole: None) -> None:
    got = attempt(TRIES)
    print(f"Landlock {landlock.version()}: {len(TRIES)} tries")
    assert got.pop("gaps") == []
    assert {name for name, outcome in got.items() if outcome == "done"} == set()


def test_a_child_in_the_box_can_do_its_work(attempt: Callable[..., Outcomes]) -> None:
    got = attempt(ALLOWED)
    got.pop("gaps")
    assert got == dict.fromkeys(ALLOWED, "done")


def test_a_thread_of_the_child_is_in_the_box_too(attempt: Callable[..., Outcomes], whole: None) -> None:
    line = textwrap.dedent("""
        import concurrent.futures
        with concurrent.futures.ThreadPoolExecutor() as pool:
            pool.submit(lambda: open(token).read()).result()
    """)
    assert attempt({"read the token": line})["read the token"] == "PermissionError"


NO_NAMESPACES = "namespaces._unshare = lambda: False\n"
NO_LANDLOCK = "landlock.version = lambda: 0\n"
NO_SECCOMP = "seccomp.MACHINES = {}\n"


@pytest.mark.parametrize(
    ("before", "gaps", "still_shut"),
    [
        (NO_NAMESPACES, [], set(TRIES)),
        (NO_LANDLOCK, [linux.ALL_FILES], {"connect by TCP", "speak to the control server", "run a shell", "fork"}),
        (NO_SECCOMP, [linux.MODES, linux.PROGRAMS], {"read the token", "write outside", "connect by TCP"}),
        (NO_NAMESPACES + NO_SECCOMP, [linux.MODES, linux.NETWORK, linux.PROGRAMS], {"delete outside"}),
        (NO_NAMESPACES + NO_SECCOMP + NO_LANDLOCK, [linux.ALL_FILES, linux.NETWORK, linux.PROGRAMS], set()),
        ("landlock.version = lambda: 1\n", [linux.EMPTIED_FILES], {"read the token", "empty outside", "fork"}),
        ("waiting = threading.Event(); threading.Thread(target=waiting.wait, daemon=True).start()\n",
         [linux.TOO_LATE], set()),
    ],
)  # fmt: skip
def test_what_the_system_lacks_is_said_and_the_rest_still_holds(
    attempt: Callable[..., Outcomes], whole: None, before: str, gaps: list[str], still_shut: set[str]
) -> None:
    got = attempt({name: TRIES[name] for name in sorted(still_shut)}, before)
    assert got.pop("gaps") == gaps
    assert {name for name, outcome in got.items() if outcome == "done"} == set()
