"""Lost hosts in plain words for a project's owner: how many and what became of their work, never who they were."""

import datetime as dt
from collections.abc import Collection

MERGED_WITHIN = dt.timedelta(minutes=1)
"""Losses within this time are one line of the log: a laboratory that shuts down at six is one event, not forty."""

_MARK = "lost in round"


def losses_in_words(hosts: int, rounds: Collection[int], mini_batches: int) -> str:
    """`rounds` are those whose work was lost; it has been put back for others."""
    who, whose = ("A host was", "its") if hosts == 1 else (f"{hosts} hosts were", "their")
    first, last = min(rounds), max(rounds)
    where = f" {first}" if first == last else f"s {first} to {last}"
    what = "mini-batch goes" if mini_batches == 1 else f"{mini_batches} mini-batches go"
    return f"{who} {_MARK}{where}; {whose} {what} to others."


def tells_of_losses(sentence: str) -> bool:
    """Whether a line of the log is one of these, so that later losses may be added to it."""
    return _MARK in sentence and sentence.endswith(" to others.")
