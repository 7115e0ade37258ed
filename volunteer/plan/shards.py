"""How a project's training examples are cut into shards and mini-batches."""

import msgspec


class Slot(msgspec.Struct, frozen=True):
    """Where a mini-batch lives: `count` consecutive places of its shard's shuffled rows, beginning at `first`."""

    shard: int
    first: int
    count: int


class ShardLayout(msgspec.Struct, frozen=True):
    """Examples 0..examples-1 of the shuffled dataset, cut into shards of `shard_examples`.

    `shard_examples` is a multiple of `batch_size`, so a mini-batch lies inside one shard and only the very last
    mini-batch of the project may be smaller than the rest.
    """

    examples: int
    batch_size: int
    shard_examples: int

    def __post_init__(self) -> None:
        if self.examples < 1 or self.batch_size < 1 or self.shard_examples < 1:
            raise ValueError("examples, batch size and shard size must be at least 1")
        if self.shard_examples % self.batch_size:
            raise ValueError("the shard size must be a multiple of the batch size")

    @property
    def shards(self) -> int:
        return -(-self.examples // self.shard_examples)

    @property
    def mini_batches(self) -> int:
        return -(-self.examples // self.batch_size)

    def rows(self, shard: int) -> int:
        """How many examples the shard holds."""
        if not 0 <= shard < self.shards:
            raise IndexError(f"there is no shard {shard}")
        return min(self.shard_examples, self.examples - shard * self.shard_examples)

    def locate(self, mini_batch: int) -> Slot:
        """The shard of a mini-batch and its places there."""
        if not 0 <= mini_batch < self.mini_batches:
            raise IndexError(f"there is no mini-batch {mini_batch}")
        shard, slot = divmod(mini_batch, self.shard_examples // self.batch_size)
        first = slot * self.batch_size
        return Slot(shard, first, min(self.batch_size, self.rows(shard) - first))
