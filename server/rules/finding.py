"""What the check of a draft comes to: all that a project is made of."""

import msgspec

from server.rules.intake_values import DataReading, ModelReading
from server.rules.learning_values import Inspection
from server.rules.objectives import Objective
from server.rules.settings import ProjectSettings


class Finding(msgspec.Struct, frozen=True):
    """What a ready draft becomes a project of."""

    settings: ProjectSettings
    model: ModelReading
    data: DataReading
    objective: Objective
    inspection: Inspection
