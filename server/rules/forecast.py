"""What a requestor is told of a ready draft: what the model and the data are, and what training will mean."""

from server.rules import k_batch, sizing
from server.rules.intake_values import DataReading, ModelReading
from server.rules.settings import ProjectSettings
from server.rules.status import gigabytes


def facts(settings: ProjectSettings, model: ModelReading, data: DataReading) -> list[tuple[str, str]]:
    """Label and text, in the order in which they are shown."""
    mini_batches = -(-_training_rows(settings, data) // settings.batch_size)
    target = k_batch.round_target(settings.k, mini_batches)
    steps = -(-mini_batches // target)
    memory = sizing.memory_needed(model.cost.parameters, model.cost.activation_bytes, settings.batch_size)
    return [
        ("Parameters", f"{model.cost.parameters:,}"),
        ("Layers", f"{model.layers:,}"),
        ("Training examples", f"{_training_rows(settings, data):,}"),
        ("Validation examples", f"{data.rows + data.validation_rows - _training_rows(settings, data):,}"),
        ("Mini-batches an epoch", f"{mini_batches:,}"),
        ("Optimizer steps an epoch", f"{steps:,} (with fit it would be {mini_batches:,})"),
        ("Rounds in all", f"about {steps * settings.epochs:,}"),
        ("A host downloads each round", _megabytes(4 * model.cost.parameters)),
        ("Memory a host needs", f"about {gigabytes(memory)}"),
    ]


def _training_rows(settings: ProjectSettings, data: DataReading) -> int:
    if data.validation_rows:
        return data.rows
    return max(1, data.rows - round(data.rows * settings.validation_fraction))


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.1f} MB" if size >= 2**20 else f"{size / 2**10:.0f} kB"
