"""The models of the projects at work, built once and kept ready, so that a step costs milliseconds."""

import collections
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from server.learning.optimizer import Stepper
from volunteer.plan.project_plan import ProjectPlan, Weights
from volunteer.protocol.tensors import load
from volunteer.training.build import build_model
from volunteer.training.loops import Parts
from volunteer.training.objective import compile_loss, metric_objects, prime_metrics
from volunteer.training.variables import Vector, assign_frozen, assign_weights, bind, seed_states


class Bench:
    """One project's model with its metrics, evaluation loops and optimizer, built from the plan."""

    def __init__(self, plan: ProjectPlan) -> None:
        self.plan = plan
        model = build_model(plan.architecture)
        compile_loss(model, plan.loss)
        self.parts = Parts(bind(model, plan.variables), seed_states(model), metric_objects(plan.metrics))
        prime_metrics(self.parts.metrics, model)
        self.loops: dict[tuple[Any, ...], Callable[..., Any]] = {}
        self._frozen: Vector | None = None
        self._stepper: Stepper | None = None

    @property
    def stepper(self) -> Stepper:
        """Built at the first step: evaluation does not pay for the optimizer's slots."""
        if self._stepper is None:
            self._stepper = Stepper(self.plan.optimizer, self.parts.bound.trainable)
        return self._stepper

    def load(self, weights: Path, frozen: Path) -> Weights:
        """Put the weights of these two blobs into the model; returns those of the round."""
        tensors, _ = load(weights)
        loaded = Weights(tensors["trainable"], tensors["moving"])
        fixed = load(frozen)[0]["frozen"]
        if self._frozen is None or not np.array_equal(self._frozen, fixed):
            assign_frozen(self.parts.bound, fixed)
            self._frozen = fixed
            # A trace may have baked the old values in.
            self.loops.clear()
        assign_weights(self.parts.bound, loaded)
        return loaded


class Workbench:
    """The last few projects' benches, by the SHA-256 of their plans."""

    def __init__(self, kept: int = 3) -> None:
        self._kept = kept
        self._benches: collections.OrderedDict[str, Bench] = collections.OrderedDict()

    def of(self, plan_path: Path) -> Bench:
        """Raises Refused for a plan that cannot be read or built."""
        data = plan_path.read_bytes()
        name = hashlib.sha256(data).hexdigest()
        if name not in self._benches:
            # Room first: two large models at once may be more than the memory limit.
            while len(self._benches) >= self._kept:
                self._benches.popitem(last=False)
            self._benches[name] = Bench(ProjectPlan.decode(data))
        self._benches.move_to_end(name)
        return self._benches[name]
