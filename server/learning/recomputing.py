"""A unit computed on the server, by the very code that hosts run: for replays."""

from pathlib import Path

from server.rules.learning_values import GradientRequest
from volunteer.plan.project_plan import ProjectPlan, Weights
from volunteer.protocol.gradients import GradientBlob
from volunteer.protocol.tensors import load
from volunteer.training.gradients import Engine
from volunteer.training.unit_data import read_mini_batches


class Recomputer:
    """Keeps the engine of the last project."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._plan = ""

    def gradient(self, request: GradientRequest) -> None:
        """Writes the unit's gradient blob to `request.out`. Raises Refused, MalformedTensors."""
        if self._engine is None or self._plan != request.plan:
            self._engine = Engine(ProjectPlan.decode(Path(request.plan).read_bytes()))
            self._plan = request.plan
        engine = self._engine
        tensors, _ = load(Path(request.weights))
        frozen, _ = load(Path(request.frozen))
        engine.begin(Weights(tensors["trainable"], tensors["moving"]), frozen["frozen"], request.epoch)
        shards = {int(number): Path(path) for number, path in request.shards.items()}
        for mini_batch in read_mini_batches(engine.plan, request.epoch, request.mini_batches, shards):
            engine.add([mini_batch])
        sums = engine.sums()
        blob = GradientBlob(sums.gradient, sums.moving, sums.sums, sums.mini_batches, sums.examples, sums.seconds)
        Path(request.out).write_bytes(blob.encode())
