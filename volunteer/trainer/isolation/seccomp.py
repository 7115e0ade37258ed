"""Linux's seccomp (seccomp(2)) by ctypes: the kernel refuses the calls of `system_calls`, with "not permitted"."""

import ctypes
import errno
import os
import platform
import struct

from volunteer.trainer.isolation import system_calls as calls
from volunteer.trainer.isolation.system_calls import MACHINES, Machine, numbers

_SET_SECCOMP, _MODE_FILTER = 22, 2
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
# Instructions of the classic BPF, and where seccomp's data has what.
_LOAD, _EQUAL, _AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _SECOND_ARGUMENT = 0, 4, 16, 24
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_X32 = 0x40000000
_THREAD = 0x00010000
# CLONE_NEW...: time, mount, cgroup, uts, ipc, user, pid, network.
_NEW_NAMESPACES = 0x80 | 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
_UNIX = 1


def forbid() -> bool:
    """Whether the filter now holds, for every thread of this process and for good."""
    machine = MACHINES.get(platform.machine())
    if machine is None or struct.calcsize("P") != 8:
        return False
    program = filter_program(machine, os.getpid())
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: the number of instructions of eight bytes, and where they are.
    filter_ = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        number = ctypes.c_long(numbers(calls.SECCOMP, machine)[0])
        how = (ctypes.c_ulong(_SET_MODE_FILTER), ctypes.c_ulong(_ALL_THREADS))
        if libc.syscall(number, *how, filter_) == 0:
            return True
        rest = (ctypes.c_ulong(0), ctypes.c_ulong(0))
        return bool(libc.prctl(_SET_SECCOMP, ctypes.c_ulong(_MODE_FILTER), filter_, *rest) == 0)
    except (OSError, AttributeError):
        return False


def filter_program(machine: Machine, process: int) -> bytes:
    """The filter, for the process with that number, as the kernel reads it."""
    refuse = _step(_RETURN, _REFUSE | errno.EPERM)
    lines = [_step(_LOAD, _ARCHITECTURE), _step(_EQUAL, machine.audit, yes=1), refuse, _step(_LOAD, _NUMBER)]
    if machine is MACHINES["x86_64"]:
        # The same calls under other numbers.
        lines += [_step(_AT_LEAST, _X32, no=1), refuse]
    for number in numbers(calls.FORBIDDEN, machine):
        lines += _when(number, [refuse])
    # The C library falls back to clone, whose arguments a filter can see.
    for number in numbers(calls.CLONE3, machine):
        lines += _when(number, [_step(_RETURN, _REFUSE | errno.ENOSYS)])
    for number in numbers(calls.CLONE, machine):
        lines += _when(number, [_step(_LOAD, _FIRST_ARGUMENT), _step(_AND, _THREAD | _NEW_NAMESPACES), *_is(_THREAD)])
    for number in numbers(calls.SOCKETPAIR, machine):
        lines += _when(number, [_step(_LOAD, _FIRST_ARGUMENT), *_is(_UNIX)])
    for number in numbers(calls.UPON_ITSELF, machine):
        lines += _when(number, [_step(_LOAD, _FIRST_ARGUMENT), *_is(process)])
    for number in numbers(calls.UPON_ITSELF_OR_0, machine):
        lines += _when(number, [_step(_LOAD, _FIRST_ARGUMENT), _step(_EQUAL, 0, yes=1), *_is(process)])
    for table, values in ((calls.FCNTL, calls.OWNERS_BY_FCNTL), (calls.IOCTL, calls.OWNERS_BY_IOCTL)):
        for number in numbers(table, machine):
            lines += _when(number, [_step(_LOAD, _SECOND_ARGUMENT), *_none_of(list(values.values()))])
    return b"".join([*lines, _step(_RETURN, _ALLOW)])


def _when(number: int, lines: list[bytes]) -> list[bytes]:
    """If the call has that number, these lines; they end in a return."""
    return [_step(_EQUAL, number, no=len(lines)), *lines]


def _is(value: int) -> list[bytes]:
    """Allow if what was loaded is that value; the line before may jump over the comparison."""
    return [_step(_EQUAL, value, no=1), _step(_RETURN, _ALLOW), _step(_RETURN, _REFUSE | errno.EPERM)]


def _none_of(values: list[int]) -> list[bytes]:
    """Allow if what was loaded is none of these."""
    jumps = [_step(_EQUAL, value, yes=len(values) - at) for at, value in enumerate(values)]
    return [*jumps, _step(_RETURN, _ALLOW), _step(_RETURN, _REFUSE | errno.EPERM)]


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)
