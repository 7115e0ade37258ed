"""What suits a model and its data where the requestor has no wish of their own: pure rules of thumb."""

import msgspec

from server.rules.intake_values import DataReading, ModelReading
from server.rules.sizing import memory_needed

MOST_MEMORY = 2 * 2**30
"""A mini-batch that needs no more fits most people's machines."""

SHARD_BYTES = 4 * 2**20
"""A shard is on its way for some seconds on a slow line."""

_BATCHES = (8, 16, 32, 64, 128)
_MINI_BATCHES = 32
"""An epoch should have about so many or more: fewer are too few steps."""
_STEPS_AN_EPOCH = 10
_MOST_K = 16
_STEPS = 400
_EPOCHS = (5, 50)
_SHARDS = 2000


class Suggestions(msgspec.Struct, frozen=True):
    batch_size: int
    k: int
    epochs: int
    shard_examples: int


def suggest(model: ModelReading, data: DataReading, rows: int) -> Suggestions:
    """For `rows` examples to train on.

    The mini-batches as large as gives an epoch enough of them and as most machines have memory for; K such that an
    epoch still has ten steps; epochs for some hundreds of steps; shards that are soon downloaded, and several a host.
    """
    batch_size = min(_batch_size(model, rows), max(rows, 1))
    mini_batches = -(-rows // batch_size)
    k = min(max(mini_batches // _STEPS_AN_EPOCH, 1), _MOST_K)
    steps = -(-mini_batches // k)
    epochs = min(max(-(-_STEPS // max(steps, 1)), _EPOCHS[0]), _EPOCHS[1])
    return Suggestions(batch_size, k, epochs, _shard_examples(data, rows, batch_size, k))


def _batch_size(model: ModelReading, rows: int) -> int:
    fitting = [
        size for size in _BATCHES
        if memory_needed(model.cost.parameters, model.cost.activation_bytes, size) <= MOST_MEMORY
    ]  # fmt: skip
    enough = [size for size in fitting if size * _MINI_BATCHES <= rows]
    return enough[-1] if enough else (fitting or (1,))[0]


def _shard_examples(data: DataReading, rows: int, batch_size: int, k: int) -> int:
    by_bytes = SHARD_BYTES * max(data.rows, 1) // max(data.bytes, 1)
    several = -(-rows // (2 * k))
    wanted = max(min(by_bytes, several), -(-rows // _SHARDS), 1)
    return -(-wanted // batch_size) * batch_size
