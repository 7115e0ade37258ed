"""What goes into the learner and what comes out: plain values, JSON-able, paths as text."""

from typing import Any, Literal

import msgspec

from server.errors import GridError
from server.rules.averaging import Averaging
from volunteer.plan.project_plan import VariableSpec
from volunteer.plan.shapes import InputSpec


class LearnerFailed(GridError):
    """The learner could not answer: it died, took too long or ran out of memory. Asking again is safe."""


class InspectRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Build an uploaded model once and try one training step on the first rows of the data.

    `architecture`, `loss`, `metrics`, `optimizer`: canonical. `weights_file`: the clean HDF5 file that intake
    wrote, laid out as `kind` says ("h5": layer_names and weight_names; "keras": Keras 3's weights file); None
    leaves the weights as the initialisers make them. `x`: a .npy file for each input name; `y`: the labels'
    .npy file; without them (a check of the model alone) there is no trial step. Files are written to the
    folder `out`.
    """

    architecture: dict[str, Any]
    loss: dict[str, Any]
    metrics: list[dict[str, Any]]
    optimizer: dict[str, Any]
    inputs: list[InputSpec]
    kind: Literal["h5", "keras"]
    weights_file: str | None
    batch_size: int
    out: str
    x: dict[str, str] = {}
    y: str | None = None
    seed: int = 0
    class_weights: list[float] = []


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """A model that can be trained.

    `sources`: for each variable the path of the dataset in the clean file that feeds it (empty without a
    file); `weights`, `frozen`: the safetensors files written; `sums`: how many numbers the sums of a result
    hold; `loss`, `metrics`: of the trial step; `seconds`: what one mini-batch took here, None without data.
    """

    variables: list[VariableSpec]
    sources: list[str]
    weights: str
    frozen: str
    sums: int
    loss: float | None = None
    metrics: dict[str, float] = {}
    seconds: float | None = None


class GradientFile(msgspec.Struct, frozen=True):
    """A validated result's gradient blob and the examples behind it (by the unit, never by the host)."""

    path: str
    examples: int


class StepRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Step the optimizer once. `gradients`: in the order in which they are summed; `mini_batches`: k.

    `averaging`: the rule that makes one gradient of them.
    """

    plan: str
    frozen: str
    weights: str
    optimizer: str | None
    gradients: list[GradientFile]
    mini_batches: int
    out: str
    averaging: Averaging = Averaging.mean


class StepReport(msgspec.Struct, frozen=True, kw_only=True):
    """A round's outcome. With `finite` False nothing was written, `weights`, `optimizer` and their SHA-256 are None.

    `loss` and `metrics` are the round's training means, as reported by the hosts; `gradient_norm` is the
    Euclidean norm of the round's mean gradient.
    """

    finite: bool
    loss: float
    metrics: dict[str, float]
    gradient_norm: float
    seconds: float
    weights: str | None = None
    optimizer: str | None = None
    weights_sha256: str | None = None
    optimizer_sha256: str | None = None


class GradientRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Compute a unit as a host would and write its gradient blob to `out`. `shards`.

    Number (as text) -> path.
    """

    plan: str
    frozen: str
    weights: str
    epoch: int
    mini_batches: list[int]
    shards: dict[str, str]
    out: str


class EvaluateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Run the model over one validation shard."""

    plan: str
    frozen: str
    weights: str
    shard: str


class Evaluation(msgspec.Struct, frozen=True):
    """Sums over one shard: [sum of n_i loss_i, metric states ...]. They add over shards."""

    sums: list[float]
    examples: int


class ResultRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Turn summed evaluations (or the sums of hosts) into loss and metrics."""

    plan: str
    sums: list[float]
    examples: int


class EvaluationResult(msgspec.Struct, frozen=True):
    """Means over all examples; metrics by name."""

    loss: float
    metrics: dict[str, float]
