"""Which mini-batches of the epoch's order go into a new unit."""

from collections.abc import Callable, Collection, Iterator, Sequence

WINDOW = 4
"""How many times a unit's size is looked ahead in the queue for mini-batches of shards that the host holds."""


def free_places(order_length: int, head: int, taken: Collection[int]) -> Iterator[int]:
    """Places of the order that are neither used nor in somebody's hands, first to last."""
    return (place for place in range(head, order_length) if place not in taken)


def choose(window: Sequence[int], size: int, shard_of: Callable[[int], int], held: Collection[int]) -> list[int]:
    """Up to `size` places out of the window, in the order in which they are picked.

    Shards that the host holds go first, then whatever is next; a shard that it must fetch anyway counts as held from
    there on, so that a host needs few shards.
    """
    left = list(window)
    have = set(held)
    chosen: list[int] = []
    while left and len(chosen) < size:
        place = next((candidate for candidate in left if shard_of(candidate) in have), left[0])
        have.add(shard_of(place))
        left.remove(place)
        chosen.append(place)
    return chosen


def next_head(head: int, used: Collection[int]) -> int:
    """The first place from `head` on that is not used."""
    while head in used:
        head += 1
    return head
