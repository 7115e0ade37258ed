"""Linux's Landlock (landlock(7)) by ctypes: a process shuts itself out of files, TCP, signals to others."""

import ctypes
import os
import struct
from collections.abc import Mapping
from pathlib import Path

# The same on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION, _PATH_BENEATH = 1, 1

WRITE_FILE, READ_FILE, READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REGULAR = 1 << 4, 1 << 5, 1 << 7, 1 << 8
TRUNCATE, USE_DEVICE = 1 << 14, 1 << 15
_OF_A_FILE = 1 | WRITE_FILE | READ_FILE | TRUNCATE | USE_DEVICE

READ = READ_FILE | READ_DIR
# Files and folders, but no links, sockets or pipes: the parent, who is not boxed in, reads there.
WORK = READ | WRITE_FILE | TRUNCATE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REGULAR

_FIRST_RIGHTS = 2**13 - 1
# What each later version of Landlock can forbid besides: moving between folders, emptying files, using devices.
_LATER_RIGHTS = {2: 1 << 13, 3: TRUNCATE, 5: USE_DEVICE}
_BIND_AND_CONNECT_TCP = 3
_ABSTRACT_SOCKETS_AND_SIGNALS = 3
SINCE_TRUNCATE, SINCE_TCP, SINCE_SCOPES = 3, 4, 6


def version() -> int:
    """The version of Landlock that this kernel speaks; 0: none, or switched off."""
    return max(0, _call(_CREATE_RULESET, None, 0, _ASK_VERSION))


def shut_in(allowed: Mapping[Path, int]) -> int:
    """Forbid this thread, and threads it starts, every file not below a path of `allowed`, with those rights.

    The version of Landlock that now holds; 0 when nothing was changed. Needs `lay_down_privileges` first. Paths that
    do not exist are passed over.
    """
    abi = version()
    if abi == 0:
        return 0
    files = _FIRST_RIGHTS | sum(right for since, right in _LATER_RIGHTS.items() if abi >= since)
    tcp = _BIND_AND_CONNECT_TCP if abi >= SINCE_TCP else 0
    scopes = _ABSTRACT_SOCKETS_AND_SIGNALS if abi >= SINCE_SCOPES else 0
    # An older kernel takes the longer form as long as what it does not know is zero.
    attributes = struct.pack("=QQQ", files, tcp, scopes)
    ruleset = _call(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return 0
    try:
        for path, rights in allowed.items():
            _allow(ruleset, path, rights & files)
        return abi if _call(_RESTRICT_SELF, ruleset, 0) == 0 else 0
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)  # type: ignore[attr-defined,unused-ignore]
    except OSError:
        return
    try:
        if not os.path.isdir(path):
            rights &= _OF_A_FILE
        # A path that cannot be allowed stays forbidden: then a library says so, and nobody is less safe.
        _call(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, handle), 0)
    finally:
        os.close(handle)


def _call(number: int, *arguments: int | bytes | None) -> int:
    """The system call's answer; -1 when it is refused or unknown."""
    try:
        call = ctypes.CDLL(None, use_errno=True).syscall
    except (OSError, AttributeError):
        return -1
    call.restype = ctypes.c_long
    return int(call(*(ctypes.c_long(one) if isinstance(one, int) else one for one in (number, *arguments))))
