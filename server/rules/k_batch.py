"""K-batch sync SGD: when a round has enough, and how much may be handed out.

Dutta, Joshi, Ghosh, Dube, Nagpurkar: Slow and Stale Gradients Can Win the Race, AISTATS 2018, arXiv 1803.01113.
"""

import math


def round_target(k: int, left_in_epoch: int) -> int:
    """How many mini-batches close a round: K, or at the end of an epoch what remains of it."""
    return min(k, left_in_epoch)


def has_enough(used: int, target: int) -> bool:
    """Whether the round closes: the unit that reaches K counts whole."""
    return used >= target


def will_close(used: int, reported: int, target: int) -> bool:
    """Whether the round has its mini-batches, if only what was reported is found valid.

    Nothing more is handed out then: it would be computed in vain, on machines that the next round waits for. Should a
    verdict be another, the round is short again and hosts are served as before.
    """
    return used + reported >= target


def may_cut(outstanding: int, used: int, target: int, others_wait: bool) -> bool:
    """Whether another unit of fresh mini-batches may be cut from the epoch's order.

    Alone on the grid a round may go beyond K without bound, as the paper wants: who is done goes on at the same
    weights. While other projects wait for hosts, at most 1.5 K mini-batches are used or out at a time.
    """
    return not others_wait or used + outstanding < max(target, math.floor(1.5 * target))


def left_for(outstanding: int, used: int, target: int, others_wait: bool) -> int:
    """How many mini-batches a new unit may hold at most: what the round still lacks, or, beyond K, up to the bound."""
    lacking = target - used - outstanding
    if lacking > 0:
        return lacking
    return max(1, math.floor(1.5 * target) - used - outstanding) if others_wait else target
