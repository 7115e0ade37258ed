"""From a canonical architecture to a Keras model. Never sees a file that somebody uploaded."""

import copy
from typing import Any

from volunteer.plan.refused import Refused
from volunteer.training.runtime import keras


def build_model(architecture: dict[str, Any]) -> keras.Model:
    """The Keras model of a canonical Keras 3 configuration, its variables allocated and freshly initialised.

    The configuration has passed `volunteer.plan.architecture`; Keras's safe mode is a second net below that
    one. Raises Refused when Keras cannot build it, or when it has not exactly one output.
    """
    try:
        model = revive(architecture, "keras")
    except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError) as error:
        raise Refused(f"Keras cannot build this model: {first_line(error)}") from error
    if not isinstance(model, keras.Model) or not model.built or not model.inputs:
        raise Refused("The model does not say what shape its input has; give it an Input layer and save it again.")
    if len(keras.tree.flatten(model.outputs)) != 1:
        raise Refused("The model has several outputs; this grid trains models with one.")
    return model


def revive(canonical: dict[str, Any], module: str) -> Any:
    """The Keras object of a canonical description; `module` stands in where it names none.

    Raises what Keras raises: ValueError, TypeError and others.
    """
    # Keras writes into what it is given.
    described = {"module": module, "registered_name": None, **copy.deepcopy(canonical)}
    return keras.saving.deserialize_keras_object(described, safe_mode=True)


def input_names(model: keras.Model) -> list[str]:
    """The names of the model's input layers, in the order in which the model takes them."""
    return [tensor._keras_history.operation.name for tensor in model.inputs]


def first_line(error: BaseException, limit: int = 300) -> str:
    """What an error of Keras or TensorFlow says first, short enough for a sentence on a page."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:limit]
