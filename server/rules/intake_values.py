"""What the intake is asked and what it answers: plain values, JSON-able, paths as strings. No I/O."""

from typing import Any

import msgspec

from server.errors import GridError
from server.rules.preprocessing import Preparation
from server.rules.problems import Problem
from volunteer.plan.objectives import LabelRule
from volunteer.plan.project_plan import VariableSpec
from volunteer.plan.shapes import Cost, InputSpec
from volunteer.plan.shards import ShardLayout


class IntakeFailed(GridError):
    """The uploaded files could not be worked on just now, for no fault of theirs. Asking again is safe."""


class ModelReading(msgspec.Struct, frozen=True):
    """A model file that passed: its architecture as canonical data, its weights in a file of our own writing.

    `weights` is that file: `.weights.h5` in Keras 3's layout for kind "keras", `.h5` in the older one for
    "h5"; Keras chooses its reader by those endings. `loss`, `metrics` and `optimizer` are canonical, None
    where the file has none that can be used; `remarks` then says why. `index_limits` gives, for each input
    that goes straight into an Embedding, how many different whole numbers it takes.
    """

    kind: str
    keras_version: str
    weights: str
    architecture: dict[str, Any]
    inputs: tuple[InputSpec, ...]
    output_shape: tuple[int | None, ...]
    output_activation: str | None
    cost: Cost
    layers: int
    loss: dict[str, Any] | None
    metrics: list[dict[str, Any]] | None
    optimizer: dict[str, Any] | None
    index_limits: dict[str, int]
    remarks: tuple[str, ...] = ()


class ArrayFile(msgspec.Struct, frozen=True):
    """A plain .npy file in C order, with the shape of the whole and the shape its rows are written in.

    `sample` is a small .npy of the first rows as shards will hold them (training data that passed).
    """

    name: str
    path: str
    dtype: str
    shape: tuple[int, ...]
    row_shape: tuple[int, ...]
    sample: str = ""

    @property
    def rows(self) -> int:
        return self.shape[0]


class PreviewRequest(msgspec.Struct, frozen=True):
    """Data files to be shown, by the form's field. `folder` takes what has to be unpacked.

    `room` and `least_free` as in DataRequest.
    """

    files: dict[str, str]
    folder: str
    label_column: str = ""
    room: int | None = None
    least_free: int = 2**30


class PreviewReading(msgspec.Struct, frozen=True):
    """What was found in each file, as far as it can be read; `problems` say why not."""

    preview: dict[str, Any]
    problems: tuple[Problem, ...] = ()


class DataRequest(msgspec.Struct, frozen=True):
    """Uploaded files and what model and loss want of them. `folder` takes what has to be unpacked or converted.

    `labels` may be None: then the data file brings them. `rescales`: the model brings numbers to a scale by itself.
    `room`: so many bytes may be written there; `least_free`: so many must stay free, which the intake knows.
    """

    data: str
    labels: str | None
    inputs: tuple[InputSpec, ...]
    rule: LabelRule
    folder: str
    validation_data: str | None = None
    validation_labels: str | None = None
    index_limits: dict[str, int] = {}
    batch_size: int | None = None
    preparation: Preparation = Preparation()
    rescales: bool = False
    room: int | None = None
    least_free: int = 2**30


class Examples(msgspec.Struct, frozen=True):
    """Checked arrays of one part (training or validation): the model's inputs in order, and the labels."""

    inputs: tuple[ArrayFile, ...]
    labels: ArrayFile

    @property
    def rows(self) -> int:
        return self.labels.rows


class DataReading(msgspec.Struct, frozen=True):
    """Every problem found, and the facts. `training` is None exactly when there are problems.

    `classes` counts the training labels of each class, for losses that have classes; `bytes` is the size of
    the arrays as they will be cut; `remarks` are worth saying, but stop nothing. `preview` is what people are shown
    of each field's file, `preprocessing` what was done to data and labels, for whoever uses the model.
    """

    problems: tuple[Problem, ...]
    remarks: tuple[Problem, ...] = ()
    rows: int = 0
    validation_rows: int = 0
    classes: list[int] | None = None
    bytes: int = 0
    training: Examples | None = None
    validation: Examples | None = None
    preview: dict[str, Any] = {}
    preprocessing: dict[str, Any] = {}


class CutRequest(msgspec.Struct, frozen=True):
    """Cut checked examples into shards. `validation_fraction` applies where `validation` is None."""

    training: Examples
    rule: LabelRule
    seed: int
    batch_size: int
    shard_examples: int
    out: str
    validation: Examples | None = None
    validation_fraction: float = 0.0


class GatherRequest(msgspec.Struct, frozen=True):
    """Write the rows of these shards, in their order, back into files for upload, in the folder `out`."""

    training: tuple[str, ...]
    validation: tuple[str, ...]
    out: str


class Gathered(msgspec.Struct, frozen=True):
    """Field of the form -> file. Those of validation are left out where there are no such shards."""

    files: dict[str, str]


class ShardFile(msgspec.Struct, frozen=True):
    """One shard as a safetensors file: "x/<input>" for each input and "y"."""

    path: str
    rows: int
    bytes: int


class Cut(msgspec.Struct, frozen=True):
    """The shards of a dataset. `validation` is empty where the project has none."""

    layout: ShardLayout
    shards: tuple[ShardFile, ...]
    validation: tuple[ShardFile, ...]


class WriteRequest(msgspec.Struct, frozen=True):
    """Write `original` (the uploaded model file) to `out` with new weights.

    `sources[i]` is the dataset of the clean weights file that feeds `variables[i]`; `weights` and `frozen`
    are safetensors files with the flat vectors "trainable" and "moving", and "frozen".
    """

    original: str
    out: str
    variables: tuple[VariableSpec, ...]
    sources: tuple[str, ...]
    weights: str
    frozen: str | None = None
