"""An intake and a learner without files to parse and without TensorFlow, for tests of what the grid does with them.

The model has one weight for each mini-batch of the project, and the gradient of mini-batch b is one at b and zero
elsewhere. So after training, weight b is (examples of b) x (how often b was used): the weights count by themselves
what the grid's own tables claim.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from server.rules.intake_values import (
    ArrayFile,
    Cut,
    CutRequest,
    DataReading,
    DataRequest,
    Examples,
    Gathered,
    GatherRequest,
    ModelReading,
    PreviewReading,
    PreviewRequest,
    ShardFile,
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
from server.rules.problems import Problem
from server.rules.results import EventsRequest, ExportRequest
from volunteer.plan.architecture import canonicalise, describe
from volunteer.plan.objectives import canonical_loss, canonical_optimizer
from volunteer.plan.order import validation_counts
from volunteer.plan.project_plan import ProjectPlan, Role, VariableSpec
from volunteer.plan.refused import Refused
from volunteer.plan.shards import ShardLayout
from volunteer.protocol.gradients import GradientBlob
from volunteer.protocol.tensors import load, save

LOSS_OF_AN_EXAMPLE = 0.25


def architecture(weights: int) -> dict[str, object]:
    """A canonical model with that many weights."""
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, weights], "dtype": "float32", "name": "x"}},
        {"class_name": "Dense", "config": {"name": "d", "units": 1, "activation": "linear", "use_bias": False}},
    ]
    return canonicalise({"class_name": "Sequential", "config": {"name": "tiny", "layers": layers}})


def gradient_of(layout: ShardLayout, weights: int, mini_batches: Sequence[int], seconds: float = 1.0) -> GradientBlob:
    """What an honest host sends for these mini-batches."""
    gradient = np.zeros(weights, np.float32)
    examples = 0
    for mini_batch in mini_batches:
        count = layout.locate(mini_batch).count
        gradient[mini_batch] += count
        examples += count
    sums = np.array([LOSS_OF_AN_EXAMPLE * examples], np.float64)
    return GradientBlob(gradient, np.zeros(0, np.float32), sums, len(mini_batches), examples, seconds)


@dataclass
class TinyIntake:
    """Data files hold a line `rows`, model files a line `weights`; a line `refuse: sentence` is refused."""

    written: list[WriteRequest] = field(default_factory=list)

    def read_model(self, path: Path, out: Path) -> ModelReading:
        text = path.read_text()
        if text.startswith("refuse: "):
            raise Refused(text.removeprefix("refuse: "), "model")
        out.mkdir(parents=True, exist_ok=True)
        model = architecture(int(text))
        shape = describe(model)
        return ModelReading(
            kind="h5", keras_version="3.15.0", weights=str(path), architecture=model, inputs=shape.inputs,
            output_shape=shape.output_shape, output_activation=None, cost=shape.cost, layers=shape.layers,
            loss=canonical_loss("mean_squared_error"), metrics=[], optimizer=canonical_optimizer("sgd"),
            index_limits={},
        )  # fmt: skip

    def check_data(self, request: DataRequest) -> DataReading:
        if request.labels is None:
            return DataReading((Problem("labels", "Choose the labels."),))
        if (request.validation_data is None) != (request.validation_labels is None):
            missing = "validation_labels" if request.validation_labels is None else "validation_data"
            return DataReading((Problem(missing, "Validation needs both data and labels."),))
        rows, labels = (int(Path(name).read_text()) for name in (request.data, request.labels))
        if rows != labels:
            return DataReading((Problem("labels", f"labels has {labels:,} rows, data has {rows:,}"),))
        x = ArrayFile("x", request.data, "float32", (rows, 1), (1,), request.data)
        y = ArrayFile("y", request.labels, "float32", (rows, 1), (1,), request.labels)
        preview = {"data": {"kind": "npy", "rows": rows}}
        return DataReading((), rows=rows, bytes=8 * rows, training=Examples((x,), y), preview=preview)

    def preview(self, request: PreviewRequest) -> PreviewReading:
        missing = "labels" not in request.files and "data" in request.files
        problems = (Problem("labels", "Choose the labels."),) if missing else ()
        return PreviewReading({field: {"kind": "npy"} for field in request.files}, problems)

    def cut(self, request: CutRequest) -> Cut:
        validation_rows = sum(validation_counts(request.training.rows, request.validation_fraction, None))
        layout = ShardLayout(request.training.rows - validation_rows, request.batch_size, request.shard_examples)
        out = Path(request.out)
        shards = [self._shard(out / f"shard-{n}", request.seed, n, layout.rows(n)) for n in range(layout.shards)]
        held = [self._shard(out / "validation", request.seed, -1, validation_rows)] if validation_rows else []
        return Cut(layout, tuple(shards), tuple(held))

    def gather(self, request: GatherRequest) -> Gathered:
        files = {}
        parts = {"": request.training, "validation_": request.validation}
        Path(request.out).mkdir(parents=True)
        for part, shards in parts.items():
            rows = sum(len(load(Path(shard))[0]["y"]) for shard in shards)
            for name in (f"{part}data", f"{part}labels") if shards else ():
                path = Path(request.out) / f"{name}.npy"
                path.write_text(str(rows))
                files[name] = str(path)
        return Gathered(files)

    def write_model(self, request: WriteRequest) -> Path:
        self.written.append(request)
        out = Path(request.out)
        out.write_bytes(Path(request.weights).read_bytes())
        return out

    def _shard(self, path: Path, seed: int, number: int, rows: int) -> ShardFile:
        y = np.full((rows, 1), number, np.float32)
        data = save({"x/x": np.full((rows, 1), seed, np.int64), "y": y})
        path.write_bytes(data)
        return ShardFile(str(path), rows, len(data))


@dataclass
class TinyLearner:
    """Adds the gradients up. `before_step` is called first, and may fail as a learner process may."""

    before_step: Callable[[], None] = lambda: None
    before_evaluation: Callable[[], None] = lambda: None
    validation_losses: list[float] | None = None
    not_finite_once_above: float = float("inf")
    before_recomputing: Callable[[], None] = lambda: None
    steps: int = 0
    evaluations: int = 0
    recomputed: int = 0

    def inspect(self, request: InspectRequest) -> Inspection:
        out = Path(request.out)
        out.mkdir(parents=True)
        weights = describe(request.architecture).cost.parameters
        specs = [VariableSpec("d/kernel", (weights, 1), Role.trainable)]
        zeros = np.zeros(weights, np.float32)
        (out / "weights.safetensors").write_bytes(save({"trainable": zeros, "moving": np.zeros(0, np.float32)}))
        (out / "frozen.safetensors").write_bytes(save({"frozen": np.zeros(0, np.float32)}))
        return Inspection(
            variables=specs, sources=["d/kernel:0"], weights=str(out / "weights.safetensors"),
            frozen=str(out / "frozen.safetensors"), sums=1,
        )  # fmt: skip

    def step(self, request: StepRequest) -> StepReport:
        self.before_step()
        self.steps += 1
        weights = load(Path(request.weights))[0]["trainable"].copy()
        loss = 0.0
        for file in request.gradients:
            tensors, _ = load(Path(file.path))
            weights += tensors["gradient"]
            loss += float(tensors["sums"][0])
        examples = sum(file.examples for file in request.gradients)
        if weights.max(initial=0.0) > self.not_finite_once_above:
            return StepReport(finite=False, loss=float("nan"), metrics={}, gradient_norm=0.0, seconds=0.0)
        steps = 0 if request.optimizer is None else int(load(Path(request.optimizer))[0]["0000"])
        out = Path(request.out)
        after = save({"trainable": weights, "moving": np.zeros(0, np.float32)})
        optimizer = save({"0000": np.array(steps + 1, np.int64)})
        (out / "weights").write_bytes(after)
        (out / "optimizer").write_bytes(optimizer)
        return StepReport(
            finite=True, loss=loss / examples, metrics={}, gradient_norm=1.0, seconds=0.0,
            weights=str(out / "weights"), optimizer=str(out / "optimizer"),
            weights_sha256=hashlib.sha256(after).hexdigest(), optimizer_sha256=hashlib.sha256(optimizer).hexdigest(),
        )  # fmt: skip

    def gradient(self, request: GradientRequest) -> None:
        plan = ProjectPlan.decode(Path(request.plan).read_bytes())
        blob = gradient_of(plan.layout, plan.size_of(Role.trainable), request.mini_batches)
        Path(request.out).write_bytes(blob.encode())

    def recompute(self, request: GradientRequest) -> None:
        self.before_recomputing()
        self.recomputed += 1
        self.gradient(request)

    def evaluate(self, request: EvaluateRequest) -> Evaluation:
        """The "loss" is the mean weight, so that every checkpoint measures differently; or the next of a list."""
        self.before_evaluation()
        self.evaluations += 1
        rows = len(load(Path(request.shard))[0]["y"])
        weights = load(Path(request.weights))[0]["trainable"]
        if self.validation_losses:
            return Evaluation([self.validation_losses.pop(0) * rows], rows)
        return Evaluation([float(weights.mean()) * rows], rows)

    def evaluation_result(self, plan: str, sums: list[float], examples: int) -> EvaluationResult:
        return EvaluationResult(sums[0] / examples, {})


@dataclass
class TinyExporter:
    """Writes what it was asked for instead of a model. `before_export` may fail as an exporter process may."""

    before_export: Callable[[], None] = lambda: None
    exported: list[ExportRequest] = field(default_factory=list)

    def export(self, request: ExportRequest) -> None:
        self.before_export()
        self.exported.append(request)
        Path(request.out).write_bytes(Path(request.weights).read_bytes())

    def write_events(self, request: EventsRequest) -> None:
        """The rows, as they came."""
        Path(request.out).write_bytes(Path(request.rows).read_bytes())
