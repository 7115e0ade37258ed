"""What a project computes, as one immutable value: the blob that every host of the project receives."""

import enum
import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from volunteer.plan.architecture import check_canonical
from volunteer.plan.refused import Refused
from volunteer.plan.shapes import Cost, InputSpec
from volunteer.plan.shards import ShardLayout

PLAN_VERSION = 1
MOST_CLASSES = 1_000_000
ClassWeight = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
Vector = NDArray[np.float32]


class Role(enum.StrEnum):
    """What becomes of a variable: the optimizer steps it, BatchNorm moves it, or nothing changes it."""

    trainable = "trainable"
    moving = "moving"
    frozen = "frozen"


class VariableSpec(msgspec.Struct, frozen=True):
    """One variable of the built model. `momentum` is BatchNormalization's, for moving variables only."""

    path: str
    shape: tuple[int, ...]
    role: Role
    momentum: float | None = None

    @property
    def size(self) -> int:
        return math.prod(self.shape)


class ProjectPlan(msgspec.Struct, frozen=True):
    """Everything a machine must know, beside weights and shards, to compute a gradient of this project.

    `architecture`, `loss`, `metrics` and `optimizer` are canonical: built only from what the allow-lists permit.
    Hosts do not need the optimizer; it is here so that the plan alone is the recipe of a replay. `class_weights` has
    the weight of each class's examples in the loss; left out (UNSET) where all weigh the same, so that such plans are
    the same bytes as before there were weights.
    """

    architecture: dict[str, Any]
    loss: dict[str, Any]
    metrics: list[dict[str, Any]]
    optimizer: dict[str, Any]
    seed: int
    layout: ShardLayout
    inputs: list[InputSpec]
    variables: list[VariableSpec]
    cost: Cost
    version: int = PLAN_VERSION
    class_weights: Annotated[list[ClassWeight], msgspec.Meta(max_length=MOST_CLASSES)] | msgspec.UnsetType = (
        msgspec.UNSET
    )

    def encode(self) -> bytes:
        """Canonical JSON: the same plan is the same bytes, hence the same SHA-256."""
        return msgspec.json.encode(self, order="deterministic")

    @staticmethod
    def decode(data: bytes) -> "ProjectPlan":
        """Raises Refused for anything but a plan whose architecture passes the allow-list once more."""
        try:
            plan = msgspec.json.decode(data, type=ProjectPlan)
        except (msgspec.DecodeError, RecursionError) as error:
            raise Refused(f"The description of the work cannot be read: {error}") from None
        if plan.version != PLAN_VERSION:
            raise Refused(f"This work is described in version {plan.version}; this program reads {PLAN_VERSION}.")
        check_canonical(plan.architecture)
        return plan

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.encode()).hexdigest()

    def of_role(self, role: Role) -> list[VariableSpec]:
        return [spec for spec in self.variables if spec.role is role]

    def size_of(self, role: Role) -> int:
        """How many numbers the flat vector of that role holds."""
        return sum(spec.size for spec in self.of_role(role))


@dataclass(frozen=True)
class Weights:
    """What a round starts from. trainable: (P,) float32; moving: (M,) float32; both in the plan's order."""

    trainable: Vector
    moving: Vector


def split(flat: Vector, specs: Sequence[VariableSpec]) -> list[Vector]:
    """Views of a flat vector in the variables' shapes. Raises ValueError when the sizes do not add up."""
    if flat.shape != (sum(spec.size for spec in specs),):
        raise ValueError(f"a vector of shape {flat.shape} does not hold these {len(specs)} variables")
    parts = np.split(flat, np.cumsum([spec.size for spec in specs])[:-1]) if specs else []
    return [part.reshape(spec.shape) for part, spec in zip(parts, specs, strict=True)]


def join(arrays: Iterable[NDArray[Any]]) -> Vector:
    """One flat float32 vector of all arrays, in order, C order."""
    parts = [np.asarray(array, np.float32).ravel() for array in arrays]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)
