"""Which rounds of a long training are shown: the last of each bucket of `step` rounds, and the newest.

Growing steps are powers of two, so that whoever holds the points of a smaller step can thin them alone.
"""

MOST_POINTS = 1000


def step_for(rounds: int, most: int = MOST_POINTS) -> int:
    """The smallest power of two that leaves at most so many buckets of `rounds` rounds."""
    step = 1
    while -(-rounds // step) > most:
        step *= 2
    return step
