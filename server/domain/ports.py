"""What the domain needs from rooms that it does not enter: given to it by bootstrap."""

from pathlib import Path
from typing import Protocol

from server.rules.intake_values import (
    Cut,
    CutRequest,
    DataReading,
    DataRequest,
    Gathered,
    GatherRequest,
    ModelReading,
    PreviewReading,
    PreviewRequest,
    WriteRequest,
)
from server.rules.learning_values import (
    EvaluateRequest,
    Evaluation,
    EvaluationResult,
    GradientRequest,
    Inspection,
    InspectRequest,
    StepReport,
    StepRequest,
)
from server.rules.letters import Outgoing
from server.rules.results import EventsRequest, ExportRequest


class Intake(Protocol):
    """Uploaded files, read in a bounded child process. Every method may raise volunteer.plan.refused.Refused."""

    def read_model(self, path: Path, out: Path) -> ModelReading: ...

    def check_data(self, request: DataRequest) -> DataReading: ...

    def preview(self, request: PreviewRequest) -> PreviewReading: ...

    def cut(self, request: CutRequest) -> Cut: ...

    def gather(self, request: GatherRequest) -> Gathered: ...

    def write_model(self, request: WriteRequest) -> Path: ...


class Learner(Protocol):
    """TensorFlow, in a child process. Every method may raise LearnerFailed; asking again is safe."""

    def inspect(self, request: InspectRequest) -> Inspection: ...

    def step(self, request: StepRequest) -> StepReport: ...

    def gradient(self, request: GradientRequest) -> None: ...

    def recompute(self, request: GradientRequest) -> None: ...

    def evaluate(self, request: EvaluateRequest) -> Evaluation: ...

    def evaluation_result(self, plan: str, sums: list[float], examples: int) -> EvaluationResult: ...


class Exporter(Protocol):
    """TensorFlow once more, in a child of the web process. May raise LearnerFailed and Refused."""

    def export(self, request: ExportRequest) -> None: ...

    def write_events(self, request: EventsRequest) -> None: ...


class Post(Protocol):
    """A way for letters to leave. Raises NotDelivered."""

    def send(self, letter: Outgoing) -> None: ...


class Ring(Protocol):
    """Wakes a duty of the scheduler at once."""

    def __call__(self, duty: str) -> None: ...
