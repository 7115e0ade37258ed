"""The allow-list: every layer and operation that may be built, and why some well-known others may not."""

from __future__ import annotations

from collections.abc import Mapping

from volunteer.plan import (
    layers_activation,
    layers_attention,
    layers_conv,
    layers_core,
    layers_dropout,
    layers_merging,
    layers_normalization,
    layers_pooling,
    layers_recurrent,
    layers_reshaping,
    layers_wrappers,
    operations,
)
from volunteer.plan.rules import LayerRule

LAYERS: Mapping[str, LayerRule] = {
    **layers_core.RULES,
    **layers_activation.RULES,
    **layers_conv.RULES,
    **layers_pooling.RULES,
    **layers_normalization.RULES,
    **layers_dropout.RULES,
    **layers_merging.RULES,
    **layers_reshaping.RULES,
    **layers_recurrent.RULES,
    **layers_attention.RULES,
    **layers_wrappers.RULES,
}
OPERATIONS: Mapping[str, LayerRule] = operations.RULES
ALIASES: Mapping[str, str] = {
    **layers_conv.ALIASES,
    **layers_pooling.ALIASES,
    "ThresholdedReLU": "ReLU",
}

_LOOKUP = "turns raw values into numbers by a table; do that before the upload and give the model the numbers"
_AUGMENTATION = "changes the data at random, which hosts could not repeat; augment the data before the upload"
_CUDA = "runs on one kind of hardware only; rebuild the model with the plain layer"

REASONS: Mapping[str, str] = {
    "Lambda": "carries program code, which never runs on other people's computers; use ordinary layers",
    "TFSMLayer": "loads a program from a file, which never runs on other people's computers",
    "TorchModuleWrapper": "wraps a program of another framework",
    "JaxLayer": "wraps a program of another framework",
    "FlaxLayer": "wraps a program of another framework",
    "SlicingOpLambda": "cuts a tensor by an expression; use Cropping or Reshape layers instead",
    **dict.fromkeys(
        ("StringLookup", "IntegerLookup", "TextVectorization", "Hashing", "HashedCrossing"), _LOOKUP
    ),
    **dict.fromkeys(("CategoryEncoding", "Discretization"), _LOOKUP),
    **dict.fromkeys(("CuDNNLSTM", "CuDNNGRU"), _CUDA),
    "SpectralNormalization": "changes its own state in training, which cannot be averaged over hosts",
}


def reason(class_name: str) -> str:
    """Why a class is not on the list, as the end of a sentence that begins with the layer."""
    if class_name in REASONS:
        return REASONS[class_name]
    if class_name.startswith("Random") or class_name in ("MixUp", "CutMix", "AugMix", "RandAugment"):
        return _AUGMENTATION
    return "is not one of the Keras layers that can be trained here; custom layers cannot"
