"""Machines that are put into one numeric class, and those that are kept apart."""

import pytest

from server.rules.numeric_class import Speaker, differ_by_class, numeric_class
from volunteer.protocol.messages import Machine


def _machine(system: str, processor: str, numerics: int = 1, threads: int = 4) -> Machine:
    return Machine(system, processor, threads, 2**33, "daig-volunteer 0.1.0", 1, numerics)


def test_kernel_version_and_threads_make_no_difference() -> None:
    one = _machine("Linux 6.1.0", "x86_64 AuthenticAMD")
    assert numeric_class(one) == numeric_class(_machine("Linux 5.10", "x86_64 AuthenticAMD", threads=64))


@pytest.mark.parametrize(
    "other",
    [
        _machine("Windows 11", "AMD64 AMD64 Family 25 Model 1, AuthenticAMD"),
        _machine("Linux 6.1.0", "x86_64 GenuineIntel"),
        _machine("Linux 6.1.0", "aarch64"),
        _machine("Linux 6.1.0", "x86_64 AuthenticAMD", numerics=2),
    ],
)
def test_system_maker_architecture_and_numerics_keep_hosts_apart(other: Machine) -> None:
    assert numeric_class(other) != numeric_class(_machine("Linux 6.1.0", "x86_64 AuthenticAMD"))


def test_one_architecture_has_one_name_on_all_systems() -> None:
    assert numeric_class(_machine("Windows 11", "AMD64 x, GenuineIntel")) == "windows x86_64 intel numerics1"
    assert numeric_class(_machine("Darwin 23", "arm64 arm")) == "darwin arm64 numerics1"


def test_what_a_host_says_of_itself_cannot_be_too_long_for_the_column() -> None:
    assert len(numeric_class(_machine("S" * 200, "p" * 200, numerics=10**6))) <= 120
    assert numeric_class(_machine("", "")) == "numerics1"


@pytest.mark.parametrize(
    ("speakers", "agreeing", "differ"),
    [
        # two accounts of one kind against one of another
        ([(1, 1, "a"), (2, 2, "a"), (3, 3, "b")], {(1, 2)}, True),
        # two machines of one account are one opinion
        ([(1, 1, "a"), (2, 1, "a"), (3, 3, "b")], {(1, 2)}, False),
        # one of a kind disagrees with its own kind
        ([(1, 1, "a"), (2, 2, "a"), (3, 3, "b"), (4, 4, "b")], {(1, 2)}, False),
        # one of another kind agrees all the same
        ([(1, 1, "a"), (2, 2, "a"), (3, 3, "b"), (4, 4, "c")], {(1, 2), (1, 3)}, False),
        # how one computes is not known
        ([(1, 1, "a"), (2, 2, "a"), (3, 3, "")], {(1, 2)}, False),
        ([(1, 1, "a"), (2, 2, "a")], set(), False),
    ],
)
def test_kinds_differ_where_each_agrees_with_itself_and_with_no_other(
    speakers: list[tuple[int, int, str]], agreeing: set[tuple[int, int]], differ: bool
) -> None:
    found = differ_by_class([Speaker(*one) for one in speakers], lambda one, other: (one, other) in agreeing)
    assert found is differ
