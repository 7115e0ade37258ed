"""The requestor's own Keras optimizer: rebuilt, its variables restored, stepped and saved."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volunteer.plan.refused import Refused
from volunteer.protocol.tensors import load, save
from volunteer.training.build import first_line, revive
from volunteer.training.runtime import tf


class Stepper:
    """A built optimizer over the trainable variables of one model.

    Its state is all of `optimizer.variables`, in Keras's order: iterations, learning rate or schedule, slots.
    """

    def __init__(self, canonical: dict[str, Any], variables: list[Any]) -> None:
        """Raises Refused (field "optimizer") for a description that Keras does not take."""
        try:
            self.optimizer = revive(canonical, "keras.optimizers")
            self.optimizer.build(variables)
        except (ValueError, TypeError) as error:
            raise Refused(f"Keras does not accept this optimizer: {first_line(error)}", "optimizer") from error
        self._variables = variables
        self._fresh = self._read()
        signature = [tf.TensorSpec(variable.shape, tf.float32) for variable in variables]
        # One graph instead of a dozen eager operations for each variable; constraints are applied in it too.
        self._apply: Any = tf.function(self._step, autograph=False, input_signature=[signature])

    def restore(self, path: Path | None) -> None:
        """Take up the state saved at `path`; None: as at the very first step.

        Raises ValueError for a foreign one.
        """
        if path is None:
            values = self._fresh
        else:
            tensors, _ = load(path)
            values = [tensors[name] for name in sorted(tensors)]
        if [value.shape for value in values] != [tuple(v.shape) for v in self.optimizer.variables]:
            raise ValueError("this is not the state of the project's optimizer")
        for variable, value in zip(self.optimizer.variables, values, strict=True):
            variable.assign(value)

    def step(self, gradients: Sequence[NDArray[np.float32]]) -> None:
        """Apply one gradient, in the order of the variables; Keras honours the variables' constraints."""
        self._apply([tf.convert_to_tensor(gradient) for gradient in gradients])

    def encode(self) -> bytes | None:
        """The state as safetensors: "0000", "0001", ... in Keras's order, each in its own dtype.

        None when a number of it is not finite.
        """
        values = self._read()
        if not all(np.isfinite(value).all() for value in values):
            return None
        return save({f"{position:04d}": value for position, value in enumerate(values)})

    def _step(self, gradients: list[Any]) -> None:
        self.optimizer.apply(gradients, self._variables)

    def _read(self) -> list[NDArray[Any]]:
        return [np.asarray(variable.numpy()) for variable in self.optimizer.variables]
