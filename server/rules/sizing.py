"""How large a unit is for a host, how long it should take, and how much memory it needs."""

import math

UNIT_SECONDS = 10.0
"""The time that a unit aims at: long enough to hide the network, short enough that little is lost with a host."""

MOST_MINI_BATCHES = 4096
"""No unit holds more, however fast the host and small the model: a lease must stay a short message."""

MOST_COMPARABLE = 100
"""Of a unit where results are compared: one of n equal mini-batches left out moves the sum by 1/n, and that has to
stand clear of what honest machines differ by (`quorum.AGREE` is five times as small)."""

DOWNLOAD_BYTES_A_SECOND = 2**19
"""What a slow line carries; a lease is longer by the time that its blobs would take."""

FORWARD_AND_BACKWARD = 3
"""The backward pass costs about twice the forward pass (Kaplan et al. 2020, arXiv 2001.08361, section 2.1)."""

OVERDUE = 1.5
"""Times what a unit should take: machines have other things to do as well."""

UNKNOWN_SPEED = 2e8
"""Multiply-adds a second (forward) of a host not measured yet: a slow one's, so that its first unit is small."""

TENSORFLOW_BYTES = 768 * 2**20
"""What the trainer takes whatever the model. What a host lends is a limit on data (RLIMIT_DATA), so that is counted.

Measured, as the smallest limit that it gets through a unit of a tiny model with: 437 MiB at 2 threads, 550 MiB at 16.
The rest is for the examples of a chunk, which it holds up to three times.
"""

BYTES_A_PARAMETER = 48
"""Weights, gradients, sums and their copies on the way to a file: twelve float32 at the peak (measured: 46 to 49)."""


def mini_batches_for(speed: float, operations: int, k: int, hosts_at_work: int) -> int:
    """How many mini-batches to give a host that does `speed` operations a second, when one takes `operations`.

    Aims at UNIT_SECONDS; at most K divided by the hosts at work, so that all of them share the round; at least 1.
    """
    pace = speed if speed > 0 else UNKNOWN_SPEED
    wanted = math.floor(UNIT_SECONDS * pace / max(operations, 1))
    return max(1, min(wanted, k // max(hosts_at_work, 1), MOST_MINI_BATCHES))


def expected_seconds(speed: float, operations: int, mini_batches: int) -> float:
    pace = speed if speed > 0 else UNKNOWN_SPEED
    return mini_batches * operations / pace


def would_help(mine: float, theirs: float, elapsed: float) -> bool:
    """Whether who needs `mine` seconds for a unit may be done before who needs `theirs` and has had `elapsed` of them.

    Who is long overdue may never come.
    """
    return elapsed > OVERDUE * theirs or mine <= theirs - elapsed


def download_seconds(size: int) -> float:
    """How long fetching that many bytes may take a host."""
    return size / DOWNLOAD_BYTES_A_SECOND


def measured_speed(old: float, operations: int, seconds: float) -> float:
    """The host's new speed after a unit of `operations` took `seconds`: half old, half new."""
    latest = operations / max(seconds, 1e-3)
    return latest if old <= 0 else 0.5 * old + 0.5 * latest


def memory_needed(parameters: int, activation_bytes: int, batch_size: int) -> int:
    """Bytes that a host must lend for one mini-batch: what parameters take, and activations both ways."""
    return TENSORFLOW_BYTES + BYTES_A_PARAMETER * parameters + FORWARD_AND_BACKWARD * activation_bytes * batch_size
