"""The box on Windows: a job without other programs, and low integrity, by ctypes. Written, not run here.

Low integrity (Windows' "mandatory integrity control") forbids writing to whatever is not marked as low; it forbids
neither reading nor the network, and the sentences say so.
"""

import ctypes
import sys
from pathlib import Path
from typing import Any

READS = "Training could read your files: Windows has no simple means against that."
NETWORK = "Training could reach the network: Windows has no simple means against that."
WRITES = "Training could write to your files: this Windows does not lower its integrity."
PROGRAMS = "Training could start other programs: this Windows does not put it into a job."

_JOB_EXTENDED_LIMITS, _JOB_UI_RESTRICTIONS = 9, 4
_ACTIVE_PROCESSES, _PROCESS_MEMORY, _DIE_ON_ERROR, _KILL_ON_CLOSE = 0x8, 0x100, 0x400, 0x2000
_EVERY_UI_RESTRICTION = 0xFF
_FILE_OBJECT, _LABEL, _TOKEN_ADJUST, _TOKEN_INTEGRITY, _INTEGRITY_GROUP = 1, 0x10, 0x88, 25, 0x20
# A folder and all below: writable with low integrity.
_LOW_FOLDER = "S:(ML;OICI;NW;;;LW)"
_LOW = "S-1-16-4096"


class _BasicLimits(ctypes.Structure):
    _fields_ = [
        ("process_time", ctypes.c_int64),
        ("job_time", ctypes.c_int64),
        ("flags", ctypes.c_uint32),
        ("least_set", ctypes.c_size_t),
        ("most_set", ctypes.c_size_t),
        ("processes", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("priority", ctypes.c_uint32),
        ("scheduling", ctypes.c_uint32),
    ]


class _ExtendedLimits(ctypes.Structure):
    _fields_ = [
        ("basic", _BasicLimits),
        ("io", ctypes.c_uint64 * 6),
        ("process_memory", ctypes.c_size_t),
        ("job_memory", ctypes.c_size_t),
        ("peak_process", ctypes.c_size_t),
        ("peak_job", ctypes.c_size_t),
    ]


class _Label(ctypes.Structure):
    _fields_ = [("sid", ctypes.c_void_p), ("attributes", ctypes.c_uint32)]


def confine(folder: Path, memory: int | None) -> list[str]:
    """See `box.confine`."""
    if sys.platform != "win32":
        return [WRITES, PROGRAMS, READS, NETWORK]
    gaps = [READS, NETWORK]
    if not _enter_job(memory):
        gaps.insert(0, PROGRAMS)
    if not (_mark_low(folder) and _lower_integrity()):
        gaps.insert(0, WRITES)
    return gaps


def _library(name: str) -> Any:
    library: Any = ctypes.WinDLL(name)  # type: ignore[attr-defined,unused-ignore]
    # Handles and pointers are as wide as the machine.
    for function in ("CreateJobObjectW", "GetCurrentProcess"):
        if name == "kernel32":
            getattr(library, function).restype = ctypes.c_void_p
    return library


def _enter_job(memory: int | None) -> bool:
    """A job of this one process; its handle is kept by the process itself, so it ends with it."""
    kernel = _library("kernel32")
    limits = _ExtendedLimits()
    limits.basic.flags = _ACTIVE_PROCESSES | _DIE_ON_ERROR | _KILL_ON_CLOSE
    limits.basic.processes = 1
    if memory is not None:
        limits.basic.flags |= _PROCESS_MEMORY
        limits.process_memory = memory
    job = ctypes.c_void_p(kernel.CreateJobObjectW(None, None))
    no_desktop = ctypes.c_uint32(_EVERY_UI_RESTRICTION)
    return bool(
        job
        and kernel.SetInformationJobObject(job, _JOB_EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits))
        and kernel.SetInformationJobObject(job, _JOB_UI_RESTRICTIONS, ctypes.byref(no_desktop), 4)
        and kernel.AssignProcessToJobObject(job, ctypes.c_void_p(kernel.GetCurrentProcess()))
    )


def _mark_low(folder: Path) -> bool:
    security = _library("advapi32")
    descriptor, entries = ctypes.c_void_p(), ctypes.c_void_p()
    present, by_default = ctypes.c_int(), ctypes.c_int()
    return bool(
        security.ConvertStringSecurityDescriptorToSecurityDescriptorW(_LOW_FOLDER, 1, ctypes.byref(descriptor), None)
        and security.GetSecurityDescriptorSacl(
            descriptor, ctypes.byref(present), ctypes.byref(entries), ctypes.byref(by_default)
        )
        and security.SetNamedSecurityInfoW(str(folder), _FILE_OBJECT, _LABEL, None, None, None, entries) == 0
    )


def _lower_integrity() -> bool:
    security, kernel = _library("advapi32"), _library("kernel32")
    token, sid = ctypes.c_void_p(), ctypes.c_void_p()
    if not security.OpenProcessToken(ctypes.c_void_p(kernel.GetCurrentProcess()), _TOKEN_ADJUST, ctypes.byref(token)):
        return False
    if not security.ConvertStringSidToSidW(_LOW, ctypes.byref(sid)):
        return False
    label = _Label(sid, _INTEGRITY_GROUP)
    size = ctypes.sizeof(label) + security.GetLengthSid(sid)
    return bool(security.SetTokenInformation(token, _TOKEN_INTEGRITY, ctypes.byref(label), size))
