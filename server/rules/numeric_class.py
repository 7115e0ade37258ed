"""Which hosts are likely to compute the very same bits: for projects whose honest results differ too much otherwise."""

from volunteer.protocol.messages import Machine

_VENDORS = (("authenticamd", "amd"), ("amd", "amd"), ("genuineintel", "intel"), ("intel", "intel"), ("apple", "apple"))


def numeric_class(machine: Machine) -> str:
    """System, architecture, maker of the processor as far as it is said, numerics version; at most 120 characters.

    BOINC's homogeneous redundancy takes system and processor family too (sched/hr.cpp). Threads are left out: they move
    a result by far less than the tolerance, and every host would stand alone.
    """
    family = machine.system.split(" ")[0].lower()
    architecture, _, described = machine.processor.lower().partition(" ")
    maker = next((maker for word, maker in _VENDORS if word in described), "")
    architecture = {"amd64": "x86_64", "aarch64": "arm64"}.get(architecture, architecture)
    parts = (family[:40], architecture[:40], maker, f"numerics{machine.numerics}")
    return " ".join(part for part in parts if part)
