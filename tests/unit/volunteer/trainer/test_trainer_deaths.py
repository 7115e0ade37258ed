import errno

import pytest

from volunteer.children.child import ChildGone
from volunteer.plan.refused import Refused
from volunteer.protocol.messages import GiveBackReason
from volunteer.trainer.deaths import failure_of_death, failure_of_error


class ResourceExhaustedError(Exception):
    """Has the name of TensorFlow's."""


@pytest.mark.parametrize(
    ("exit_code", "words", "reason"),
    [
        (-9, "", GiveBackReason.out_of_memory),
        (-6, "terminate called after throwing an instance of 'std::bad_alloc'", GiveBackReason.out_of_memory),
        (1, "MemoryError", GiveBackReason.out_of_memory),
        (-11, "", GiveBackReason.failed),
        (1, "ImportError: no such library", GiveBackReason.failed),
        (None, "", GiveBackReason.failed),
    ],
)
def test_the_way_a_child_died_says_why(exit_code, words, reason):
    assert failure_of_death(ChildGone(exit_code, words)).reason is reason


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), GiveBackReason.out_of_memory),
        (ResourceExhaustedError("OOM when allocating tensor\nand a stack"), GiveBackReason.out_of_memory),
        (RuntimeError("failed to allocate memory"), GiveBackReason.out_of_memory),
        (ValueError("out of memory of times past"), GiveBackReason.failed),
        (Refused("The layer “evil” is not allowed."), GiveBackReason.cannot_read),
        (KeyError("y"), GiveBackReason.failed),
        (OSError(errno.ENOSPC, "No space left on device"), GiveBackReason.quitting),
        (OSError(errno.EIO, "Input/output error"), GiveBackReason.failed),
    ],
)
def test_an_error_in_the_child_has_a_reason_and_one_line(error, reason):
    failure = failure_of_error(error)
    assert failure.reason is reason
    assert "\n" not in failure.detail


def test_the_cause_behind_an_error_counts():
    error = ValueError("Keras wraps it")
    error.__cause__ = MemoryError()
    assert failure_of_error(error).reason is GiveBackReason.out_of_memory
