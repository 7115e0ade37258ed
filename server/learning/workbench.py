"""The models of the projects at work, built once and kept ready, so that a step costs milliseconds."""

import collections
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from server.learning.optimizer import Stepper
from volunteer.plan.project_plan import ProjectPlan, Weights
from volunteer.protocol.digests import is_sha256
from volunteer.protocol.tensors import load
from volunteer.training.build import build_model
from volunteer.training.loops import Parts
from volunteer.training.objective import compile_loss, metric_objects, prime_metrics
from volunteer.training.variables import Vector, assign_frozen, assign_moving, assign_weights, bind, seed_states


class Bench:
    """One project's model with its metrics, evaluation loops and optimizer, built from the plan.

    It remembers by SHA-256 what its variables hold, so that a round that starts from the last one's end reads nothing.
    Only a file that is named by its own SHA-256, as blobs are, is known without being read.
    """

    def __init__(self, plan: ProjectPlan) -> None:
        self.plan = plan
        model = build_model(plan.architecture)
        compile_loss(model, plan.loss)
        self.parts = Parts(bind(model, plan.variables), seed_states(model), metric_objects(plan.metrics))
        prime_metrics(self.parts.metrics, model)
        self.loops: dict[tuple[Any, ...], Callable[..., Any]] = {}
        self._frozen: Vector | None = None
        self._frozen_name: str | None = None
        self._held: tuple[str, Vector] | None = None
        self._stepper: Stepper | None = None
        self._optimizer_name: str | None = None

    @property
    def stepper(self) -> Stepper:
        """Built at the first step: evaluation does not pay for the optimizer's slots."""
        if self._stepper is None:
            self._stepper = Stepper(self.plan.optimizer, self.parts.bound.trainable)
        return self._stepper

    def load(self, weights: Path, frozen: Path) -> Vector:
        """Put the weights of these two blobs into the model; returns the round's moving statistics, (M,)."""
        self._load_frozen(frozen)
        name = blob_name(weights)
        if self._held is not None and self._held[0] == name:
            return self._held[1]
        tensors, _ = load(weights)
        loaded = Weights(tensors["trainable"], tensors["moving"])
        self.let_go()
        assign_weights(self.parts.bound, loaded)
        if name is not None:
            self._held = name, loaded.moving
        return loaded.moving

    def restore(self, optimizer: Path | None) -> None:
        """Put the optimizer's saved state into it; None: as at the very first step."""
        name = blob_name(optimizer) if optimizer is not None else None
        if name is None or name != self._optimizer_name:
            self._optimizer_name = None
            self.stepper.restore(optimizer)
            self._optimizer_name = name

    def let_go(self) -> None:
        """The variables are about to change: what they hold has no name until `hold`."""
        self._held = self._optimizer_name = None

    def hold(self, moving: Vector, weights_name: str, optimizer_name: str) -> None:
        """What a step ended with is what the next begins with: in model and optimizer, under these names."""
        assign_moving(self.parts.bound, moving)
        self._held, self._optimizer_name = (weights_name, moving), optimizer_name

    def _load_frozen(self, path: Path) -> None:
        name = blob_name(path)
        if name is not None and name == self._frozen_name:
            return
        fixed = load(path)[0]["frozen"]
        if self._frozen is None or not np.array_equal(self._frozen, fixed):
            assign_frozen(self.parts.bound, fixed)
            self._frozen = fixed
            # A trace may have baked the old values in.
            self.loops.clear()
        self._frozen_name = name


class Workbench:
    """The last few projects' benches, by the SHA-256 of their plans."""

    def __init__(self, kept: int = 3) -> None:
        self._kept = kept
        self._benches: collections.OrderedDict[str, Bench] = collections.OrderedDict()

    def of(self, plan_path: Path) -> Bench:
        """Raises Refused for a plan that cannot be read or built."""
        name, data = blob_name(plan_path), b""
        if name not in self._benches:
            data = plan_path.read_bytes()
            name = hashlib.sha256(data).hexdigest()
        assert name is not None
        if name not in self._benches:
            # Room first: two large models at once may be more than the memory limit.
            while len(self._benches) >= self._kept:
                self._benches.popitem(last=False)
            self._benches[name] = Bench(ProjectPlan.decode(data))
        self._benches.move_to_end(name)
        return self._benches[name]


def blob_name(path: Path) -> str | None:
    """The SHA-256 of an immutable blob, which is its name; None for any other file."""
    return path.name if is_sha256(path.name) else None
