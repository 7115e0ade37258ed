"""What settings, model and data come to together: what a requestor is told of it, and what stands in its way."""

from server.rules import k_batch, sizing
from server.rules.intake_values import DataReading, ModelReading
from server.rules.problems import Problem
from server.rules.settings import ProjectSettings
from server.rules.status import gigabytes
from volunteer.plan.order import validation_counts

MAX_MINI_BATCHES = 1_000_000
"""Of an epoch: its order and the rows of what was used are held and looked through."""

MAX_SHARDS = 20_000
"""Each is a file and a row, and dispatch looks at all of a project's."""


def facts(settings: ProjectSettings, model: ModelReading, data: DataReading) -> list[tuple[str, str]]:
    """Label and text, in the order in which they are shown."""
    rows, held_out = split_rows(settings, data)
    mini_batches = -(-rows // settings.batch_size)
    target = k_batch.round_target(settings.k, mini_batches)
    steps = -(-mini_batches // target)
    memory = sizing.memory_needed(model.cost.parameters, model.cost.activation_bytes, settings.batch_size)
    return [
        ("Parameters", f"{model.cost.parameters:,}"),
        ("Layers", f"{model.layers:,}"),
        ("Training examples", f"{rows:,}"),
        ("Validation examples", f"{held_out:,}"),
        ("Mini-batches an epoch", f"{mini_batches:,}"),
        ("Optimizer steps an epoch", f"{steps:,} (with fit it would be {mini_batches:,})"),
        ("Rounds in all", f"about {steps * settings.epochs:,}"),
        ("A host downloads each round", _megabytes(4 * model.cost.parameters)),
        ("Memory a host needs", f"about {gigabytes(memory)}"),
    ]


def problems(settings: ProjectSettings, data: DataReading) -> list[Problem]:
    """What settings and data are not fit for together, though each is in order by itself."""
    rows, held_out = split_rows(settings, data)
    if settings.validation_fraction and not held_out:
        return [
            Problem("validation_fraction", "A single example cannot be split: set this to 0, or upload more examples.")
        ]
    mini_batches, shards = -(-rows // settings.batch_size), -(-rows // settings.shard_examples)
    if mini_batches > MAX_MINI_BATCHES:
        least = -(-rows // MAX_MINI_BATCHES)
        return [
            Problem(
                "batch_size",
                f"{rows:,} examples in mini-batches of {settings.batch_size:,} make {mini_batches:,} mini-batches an "
                f"epoch; {MAX_MINI_BATCHES:,} are the most. Take a batch size of {least:,} or more.",
            )
        ]
    if shards > MAX_SHARDS:
        return [
            Problem(
                "shard_examples",
                f"{rows:,} examples make {shards:,} shards of {settings.shard_examples:,}; {MAX_SHARDS:,} are the "
                f"most. Take {-(-rows // MAX_SHARDS):,} examples a shard or more.",
            )
        ]
    return []


def rounds(settings: ProjectSettings, data: DataReading) -> int:
    """Of the whole training, if each round used exactly its K mini-batches; a unit that passes K makes them fewer."""
    mini_batches = -(-split_rows(settings, data)[0] // settings.batch_size)
    return settings.epochs * -(-mini_batches // settings.k)


def split_rows(settings: ProjectSettings, data: DataReading) -> tuple[int, int]:
    """(training rows, validation rows): by the very rule that cuts them."""
    if data.validation_rows or not settings.validation_fraction:
        return data.rows, data.validation_rows
    held_out = sum(validation_counts(data.rows, settings.validation_fraction, data.classes))
    return data.rows - held_out, held_out


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.1f} MB" if size >= 2**20 else f"{size / 2**10:.0f} kB"
