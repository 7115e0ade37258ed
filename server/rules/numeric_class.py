"""Which hosts are likely to compute the very same bits: for projects whose honest results differ too much otherwise."""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from volunteer.protocol.messages import Machine

_VENDORS = (("authenticamd", "amd"), ("amd", "amd"), ("genuineintel", "intel"), ("intel", "intel"), ("apple", "apple"))


class Speaker(NamedTuple):
    """Whose a result is, and how its host computes."""

    result: int
    account: int
    numeric_class: str


def differ_by_class(speakers: Sequence[Speaker], agree: Callable[[int, int], bool]) -> bool:
    """Whether hosts of one class agree, two accounts at least, and those of different classes do not.

    Then it is the kinds of machines that disagree, and none of them is wrong. `agree` is of two results' numbers.
    """
    accounts = Counter(name for name, _ in {(one.numeric_class, one.account) for one in speakers})
    if len(accounts) < 2 or "" in accounts or max(accounts.values()) < 2:
        return False
    return all(
        agree(one.result, other.result) == (one.numeric_class == other.numeric_class)
        for one, other in itertools.combinations(speakers, 2)
    )


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
