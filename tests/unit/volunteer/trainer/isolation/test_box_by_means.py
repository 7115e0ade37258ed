"""What the box says and allows, as values: gaps, the filter's verdicts, the profile for macOS, the paths of Python."""

import errno
import struct
import sys
from pathlib import Path

import pytest

import volunteer
from volunteer.trainer.isolation import box, landlock, linux, macos, reach, system_calls, windows
from volunteer.trainer.isolation.seccomp import filter_program
from volunteer.trainer.isolation.system_calls import MACHINES

ALLOW, EPERM, ENOSYS = "allowed", errno.EPERM, errno.ENOSYS
ME = 4711


def verdict(machine: str, call: int, argument: int = 0, audit: int | None = None, second: int = 0) -> str | int:
    """What the kernel would say: runs the filter as seccomp(2) describes it."""
    audit = MACHINES[machine].audit if audit is None else audit
    data = struct.pack("=iIQ6Q", call, audit, 0, argument, second, *[0] * 4)
    code = filter_program(MACHINES[machine], ME)
    at, loaded = 0, 0
    while True:
        what, yes, no, value = struct.unpack_from("=HBBI", code, at * 8)
        at += 1
        if what == 0x20:
            (loaded,) = struct.unpack_from("=I", data, value)
        elif what == 0x54:
            loaded &= value
        elif what == 0x06:
            return ALLOW if value == 0x7FFF0000 else value & 0xFFFF
        else:
            at += yes if (loaded == value if what == 0x15 else loaded >= value) else no


@pytest.mark.parametrize(
    ("machine", "call", "argument", "expected"),
    [
        ("x86_64", 0, 0, ALLOW),  # read
        ("x86_64", 41, 2, EPERM),  # socket
        ("x86_64", 59, 0, EPERM),  # execve
        ("x86_64", 452, 0, EPERM),  # fchmodat2
        ("x86_64", 56, 0x003D0F00, ALLOW),  # clone, of a thread
        ("x86_64", 56, 0x01200011, EPERM),  # clone, of a process
        ("x86_64", 56, 0x10010000, EPERM),  # clone, of a thread with users of its own
        ("x86_64", 435, 0, ENOSYS),  # clone3
        ("x86_64", 62, ME, ALLOW),  # kill
        ("x86_64", 62, ME - 1, EPERM),
        ("x86_64", 62, 0, EPERM),
        ("x86_64", 62, 2**32 - 1, EPERM),
        ("x86_64", 302, 0, ALLOW),  # prlimit64
        ("x86_64", 302, ME, ALLOW),
        ("x86_64", 302, ME - 1, EPERM),
        ("x86_64", 53, 1, ALLOW),  # socketpair
        ("x86_64", 53, 2, EPERM),
        ("x86_64", 0x40000000 + 41, 0, EPERM),  # socket by another door
        ("aarch64", 63, 0, ALLOW),  # read
        ("aarch64", 198, 2, EPERM),  # socket
        ("aarch64", 221, 0, EPERM),  # execve
        ("aarch64", 129, ME, ALLOW),  # kill
        ("aarch64", 129, 1, EPERM),
        ("aarch64", 220, 0x003D0F00, ALLOW),
    ],
)
def test_the_filter_says(machine: str, call: int, argument: int, expected: str | int) -> None:
    assert verdict(machine, call, argument) == expected


def test_calls_in_another_architectures_numbers_are_refused() -> None:
    assert verdict("x86_64", 0, audit=0x40000003) == EPERM


@pytest.mark.parametrize(("machine", "fcntl", "ioctl"), [("x86_64", 72, 16), ("aarch64", 25, 29)])
def test_no_file_may_have_the_kernel_send_signals(machine: str, fcntl: int, ioctl: int) -> None:
    owned = [(fcntl, command) for command in (8, 10, 15)] + [(ioctl, command) for command in (0x8901, 0x8902)]
    assert {verdict(machine, call, second=command) for call, command in owned} == {EPERM}
    usual = [(fcntl, command) for command in (1, 2, 3, 4, 9, 1030)] + [(ioctl, command) for command in (0x5401, 0x541B)]
    assert {verdict(machine, call, second=command) for call, command in usual} == {ALLOW}


def test_no_number_is_listed_twice() -> None:
    tables = (system_calls.FORBIDDEN, system_calls.UPON_ITSELF, system_calls.UPON_ITSELF_OR_0, system_calls.CLONE)
    tables += (system_calls.FCNTL, system_calls.IOCTL)
    for machine in MACHINES.values():
        every = [number for table in tables for number in system_calls.numbers(table, machine)]
        assert len(every) == len(set(every))


@pytest.mark.parametrize(
    ("no_network", "version", "filtered", "gaps"),
    [
        (True, 7, True, []),
        (False, 1, True, [linux.EMPTIED_FILES]),
        (False, 0, True, [linux.ALL_FILES]),
        (True, 7, False, [linux.MODES, linux.PROGRAMS]),
        (False, 0, False, [linux.ALL_FILES, linux.NETWORK, linux.PROGRAMS]),
    ],
)
def test_each_missing_means_is_a_gap(no_network: bool, version: int, filtered: bool, gaps: list[str]) -> None:
    assert linux.missing(no_network, version, filtered) == gaps


def test_a_system_nobody_thought_of_is_said_to_have_no_box(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "plan9")
    assert box.confine(tmp_path) == [box.NOTHING_KNOWN]


def test_windows_says_what_it_leaves_open(tmp_path: Path) -> None:
    assert {windows.READS, windows.NETWORK} <= set(windows.confine(tmp_path, None))


def test_the_profile_for_macos_names_the_folder_and_what_may_be_read(tmp_path: Path) -> None:
    folder, blobs = tmp_path / 'a "quoted" folder', tmp_path / "blobs"
    text = macos.profile(folder, [blobs])
    assert f'(subpath "{tmp_path.resolve()}/a \\"quoted\\" folder")' in text
    assert f'(subpath "{blobs.resolve()}")' in text
    assert "(deny network*)" in text
    assert text.count("(") == text.count(")")


def test_a_mac_without_the_sandbox_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", _no_library)
    assert macos.confine(tmp_path, []) == [macos.NO_SANDBOX.format(reason="no such library")]


def _no_library(*_arguments: object, **_more: object) -> None:
    raise OSError("no such library")


def test_the_program_is_readable_and_what_lies_beside_its_source_is_not(tmp_path: Path) -> None:
    package = Path(volunteer.__path__[0]).resolve()
    paths = set(reach.readable_paths(tmp_path, gpu=False))
    assert package in paths
    assert package.parent not in paths


def test_a_folder_that_holds_the_work_is_not_given_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path), str(tmp_path / "libraries")])
    paths = set(reach.python_paths(tmp_path / "state" / "work"))
    assert tmp_path.resolve() not in paths
    assert (tmp_path / "libraries").resolve() in paths


def test_graphics_processors_only_on_request(tmp_path: Path) -> None:
    without, with_ = (reach.readable_paths(tmp_path, gpu) for gpu in (False, True))
    assert set(without) <= set(with_)
    assert not any(str(path).startswith("/dev/nvidia") for path in without)


def test_links_sockets_and_pipes_cannot_be_made_in_the_work_folder() -> None:
    assert landlock.WORK & (1 << 12 | 1 << 9 | 1 << 10 | 1 << 6 | 1 << 11 | 1) == 0
