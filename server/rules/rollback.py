"""When a closed round whose results were found wrong afterwards is worth going back for."""

LIMITS = {"mean": 0.05, "norm_clip": 0.1, "centered_clip": 0.2, "trimmed_mean": 0.2, "median": 0.2}
"""Refuted share of the round's mini-batches that is borne, by the rule that averaged it.

A refuted result had passed the norm check, so it was at most ten times an honest one; a robust rule bounds it further.
"""


def must_go_back(refuted: int, used: int, averaging: str) -> bool:
    """refuted, used: mini-batches of the round. An unknown rule is taken for the most easily misled."""
    return refuted > 0 and refuted > LIMITS.get(averaging, LIMITS["mean"]) * used
