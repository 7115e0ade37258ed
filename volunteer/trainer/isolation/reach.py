"""What a process that computes must reach: Python, the libraries, its own code, a little of the system's facts."""

import sys
from collections.abc import Iterator
from pathlib import Path

import volunteer

_SYSTEM = (
    "/usr", "/lib", "/lib64", "/lib32", "/nix/store", "/gnu/store",
    # What the loader of libraries, the clock and the hashes look up; no names of people, no passwords.
    "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/localtime", "/etc/ssl/openssl.cnf",
    "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys/vm", "/proc/sys/kernel/osrelease",
    "/sys/devices/system", "/sys/bus/cpu", "/sys/fs/cgroup", "/sys/kernel/mm",
    "/dev/urandom", "/dev/random", "/dev/zero",
)  # fmt: skip
_INSTALLED = ("site-packages", "dist-packages")
_GPU = ("/proc/driver/nvidia", "/sys/bus/pci", "/sys/devices/pci*", "/sys/class/drm", "/sys/class/kfd", "/opt/rocm*")
_GPU_DEVICES = ("/dev/nvidia*", "/dev/dri", "/dev/kfd")


def readable_paths(folder: Path, gpu: bool) -> list[Path]:
    """What may be read besides the work; `folder` is the process's own, and what holds it is not given away."""
    system = [Path(name) for name in _SYSTEM] + [one for name in _GPU if gpu for one in _matches(name)]
    return system + list(python_paths(folder))


def gpu_devices() -> list[Path]:
    return [path for name in _GPU_DEVICES for path in _matches(name)]


def _matches(name: str) -> list[Path]:
    return sorted(Path("/").glob(name.lstrip("/")))


def python_paths(folder: Path) -> Iterator[Path]:
    """Where Python and the libraries are, and this program."""
    own = Path(volunteer.__path__[0]).resolve()
    yield own
    # A bundle's modules lie in the program file itself; what lies beside it (a join file) is not its business.
    yield Path(sys.executable)
    given = [getattr(sys, "_MEIPASS", ""), *sys.path]
    given += [str(Path(prefix) / name) for prefix in (sys.prefix, sys.base_prefix) for name in ("lib", "lib64")]
    for path in (Path(name).resolve() for name in given if name):
        # A checkout of the source may have anybody's data beside it; its one package is given by itself.
        if own.parent == path and path.name not in _INSTALLED and not hasattr(sys, "_MEIPASS"):
            continue
        if not folder.resolve().is_relative_to(path):
            yield path
