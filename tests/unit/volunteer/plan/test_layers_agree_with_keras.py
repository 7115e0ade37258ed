"""Every layer on the allow-list, built by Keras: parameters, shapes and numbers must be those inferred."""

import copy
import json
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
keras = pytest.importorskip("keras")

from volunteer.plan.allowed import LAYERS, OPERATIONS  # noqa: E402
from volunteer.plan.architecture import canonicalise, check_canonical, describe  # noqa: E402

L = keras.layers

LAYER_CASES: list[tuple[Callable[[], Any], tuple[int, ...]]] = [
    (lambda: L.Dense(3, activation="relu", kernel_regularizer="l2", bias_constraint="non_neg"), (4,)),
    (lambda: L.Dense(3, use_bias=False, activity_regularizer="l1"), (5, 4)),
    (lambda: L.EinsumDense("abc,cd->abd", output_shape=(None, 6), bias_axes="d"), (4, 3)),
    (lambda: L.EinsumDense("...x,xy->...y", output_shape=6, bias_axes="y", activation="gelu"), (4, 3)),
    (lambda: L.EinsumDense("abcd,cde->abe", output_shape=(None, 5)), (4, 2, 3)),
    (lambda: L.EinsumDense("ab...,bc->ac...", output_shape=5), (4, 2, 3)),
    (lambda: L.Embedding(11, 3, mask_zero=True, embeddings_constraint=keras.constraints.MaxNorm(1.5)), (6,)),
    (lambda: L.Identity(), (4,)),
    (lambda: L.Masking(0.5), (5, 4)),
    (lambda: L.ActivityRegularization(l1=0.1, l2=0.2), (4,)),
    (lambda: L.Rescaling(1 / 255, offset=-1), (4, 4, 3)),
    (lambda: L.Rescaling([1.0, 2.0, 3.0], offset=[0.0, 1.0, 2.0]), (4, 4, 3)),
    (lambda: L.Normalization(mean=[1.0, 2.0], variance=[1.0, 3.0]), (2,)),
    (lambda: L.Normalization(axis=None, mean=1.0, variance=4.0), (3, 2)),
    (lambda: L.Activation("softmax"), (4,)),
    (lambda: L.ReLU(max_value=6, negative_slope=0.1, threshold=0.5), (4,)),
    (lambda: L.LeakyReLU(0.2), (4,)),
    (lambda: L.PReLU(shared_axes=[1, 2]), (4, 3, 2)),
    (lambda: L.PReLU(), (4, 3)),
    (lambda: L.ELU(0.5), (4,)),
    (lambda: L.Softmax(axis=1), (4, 2)),
    (lambda: L.Conv1D(4, 3, padding="causal", dilation_rate=2), (9, 3)),
    (lambda: L.Conv1D(4, 3, strides=2, padding="same", activation="swish"), (9, 3)),
    (lambda: L.Conv2D(6, (3, 2), strides=2, padding="same", groups=3), (9, 8, 3)),
    (lambda: L.Conv2D(6, 3, dilation_rate=2, use_bias=False), (9, 8, 3)),
    (lambda: L.Conv3D(2, 2, strides=(1, 2, 1)), (4, 5, 6, 1)),
    (lambda: L.Conv1DTranspose(4, 3, strides=2), (5, 2)),
    (lambda: L.Conv1DTranspose(4, 2, strides=3, padding="same"), (5, 2)),
    (lambda: L.Conv2DTranspose(4, 3, strides=2, padding="same", output_padding=1), (5, 4, 2)),
    (lambda: L.Conv2DTranspose(4, 4, strides=2, padding="valid", output_padding=1), (5, 4, 2)),
    (lambda: L.Conv2DTranspose(4, (2, 3), dilation_rate=2), (5, 4, 2)),
    (lambda: L.Conv3DTranspose(2, 2, strides=2), (3, 3, 3, 2)),
    (lambda: L.DepthwiseConv1D(3, depth_multiplier=2, padding="same"), (9, 3)),
    (lambda: L.DepthwiseConv2D(3, strides=2, depth_multiplier=2, padding="same"), (9, 9, 3)),
    (lambda: L.SeparableConv1D(5, 3, depth_multiplier=2), (9, 3)),
    (lambda: L.SeparableConv2D(5, 3, strides=2, padding="same", activation="relu"), (9, 9, 3)),
    (lambda: L.MaxPooling1D(3, strides=2), (9, 3)),
    (lambda: L.MaxPooling2D((2, 3), padding="same"), (9, 9, 3)),
    (lambda: L.MaxPooling3D(), (4, 5, 6, 2)),
    (lambda: L.AveragePooling1D(2), (9, 3)),
    (lambda: L.AveragePooling2D(2, strides=1), (9, 9, 3)),
    (lambda: L.AveragePooling3D(2, padding="same"), (4, 5, 6, 2)),
    (lambda: L.GlobalMaxPooling1D(), (9, 3)),
    (lambda: L.GlobalMaxPooling2D(keepdims=True), (9, 9, 3)),
    (lambda: L.GlobalMaxPooling3D(), (4, 4, 4, 3)),
    (lambda: L.GlobalAveragePooling1D(), (9, 3)),
    (lambda: L.GlobalAveragePooling2D(), (9, 9, 3)),
    (lambda: L.GlobalAveragePooling3D(keepdims=True), (4, 4, 4, 3)),
    (lambda: L.BatchNormalization(momentum=0.9, scale=False), (5, 4)),
    (lambda: L.BatchNormalization(axis=1), (5, 4)),
    (lambda: L.LayerNormalization(axis=[1, 2], epsilon=1e-5), (5, 4)),
    (lambda: L.LayerNormalization(center=False), (5, 4)),
    (lambda: L.RMSNormalization(), (5, 4)),
    (lambda: L.GroupNormalization(groups=2), (5, 4)),
    (lambda: L.GroupNormalization(groups=-1, scale=False), (5, 5, 4)),
    (lambda: L.UnitNormalization(axis=1), (5, 4)),
    (lambda: L.Dropout(0.5, noise_shape=(None, 1, 4)), (5, 4)),
    (lambda: L.AlphaDropout(0.5, seed=3), (4,)),
    (lambda: L.GaussianDropout(0.5), (4,)),
    (lambda: L.GaussianNoise(0.5), (4,)),
    (lambda: L.SpatialDropout1D(0.5), (5, 4)),
    (lambda: L.SpatialDropout2D(0.5), (5, 4, 3)),
    (lambda: L.SpatialDropout3D(0.5), (5, 4, 3, 2)),
    (lambda: L.Flatten(), (5, 4)),
    (lambda: L.Reshape((2, -1)), (5, 4)),
    (lambda: L.Permute((2, 1)), (5, 4)),
    (lambda: L.RepeatVector(7), (4,)),
    (lambda: L.ZeroPadding1D((1, 2)), (5, 4)),
    (lambda: L.ZeroPadding2D(((1, 2), (3, 4))), (5, 4, 2)),
    (lambda: L.ZeroPadding3D(2), (5, 4, 3, 2)),
    (lambda: L.Cropping1D(1), (5, 4)),
    (lambda: L.Cropping2D(((1, 0), (0, 2))), (5, 4, 2)),
    (lambda: L.Cropping3D(1), (5, 4, 3, 2)),
    (lambda: L.UpSampling1D(3), (5, 4)),
    (lambda: L.UpSampling2D((2, 3), interpolation="bilinear"), (5, 4, 2)),
    (lambda: L.UpSampling3D(2), (5, 4, 3, 2)),
    (lambda: L.SimpleRNN(3, dropout=0.2), (5, 4)),
    (lambda: L.GRU(3, return_sequences=True), (5, 4)),
    (lambda: L.GRU(3, reset_after=False, recurrent_dropout=0.1), (5, 4)),
    (lambda: L.LSTM(3, go_backwards=True, recurrent_regularizer="l2"), (5, 4)),
    (lambda: L.LSTM(3, use_bias=False, unroll=True), (5, 4)),
    (lambda: L.Bidirectional(L.LSTM(3, return_sequences=True)), (5, 4)),
    (lambda: L.Bidirectional(L.GRU(3), merge_mode="sum"), (5, 4)),
    (
        lambda: L.Bidirectional(L.LSTM(3), backward_layer=L.GRU(3, go_backwards=True), merge_mode="ave"),
        (5, 4),
    ),
    (lambda: L.TimeDistributed(L.Dense(3)), (5, 4)),
    (lambda: L.TimeDistributed(L.Conv2D(3, 2)), (5, 4, 4, 1)),
    (lambda: L.TimeDistributed(keras.Sequential([keras.Input((4,)), L.Dense(3), L.Dropout(0.1)])), (5, 4)),
]


def _functional(make: Callable[[list[Any]], Any], *shapes: tuple[int, ...]) -> Callable[[], Any]:
    def build() -> Any:
        inputs = [keras.Input(shape) for shape in shapes]
        hidden = [L.Dense(shape[-1])(x) for x, shape in zip(inputs, shapes, strict=True)]
        return keras.Model(inputs if len(inputs) > 1 else inputs[0], make(hidden))

    return build


def _masked_ids() -> Any:
    first, second = keras.Input((6,), dtype="int32"), keras.Input((6,), dtype="int32")
    embedding = L.Embedding(9, 4, mask_zero=True)
    one, other = embedding(first), embedding(second)
    mixed = L.Add()([one, L.Attention()([one, other])])
    joined = L.Concatenate()(
        [L.LSTM(2)(L.Concatenate(axis=1)([one, other])), L.Bidirectional(L.GRU(2))(mixed)]
    )
    return keras.Model([first, second], joined)


def _nested_and_shared() -> Any:
    block = keras.Sequential([keras.Input((4,)), L.Dense(4, activation="tanh")])
    pair = keras.Input((4,)), keras.Input((4,))
    inner = keras.Sequential([keras.Input((4,)), L.Dense(4, activation="tanh")])
    tower = keras.Model(pair, [L.Add()([inner(pair[0]), pair[1]]), L.Dense(2)(pair[1])])
    open_block = keras.Sequential([L.Dense(4), L.LayerNormalization()])
    x = keras.Input((4,))
    summed, narrow = tower([block(x), open_block(x)])
    again, _ = tower([summed, block(summed)])
    return keras.Model(x, L.Concatenate()([open_block(again), narrow]))


def _frozen_base() -> Any:
    base = keras.Sequential([keras.Input((4,)), L.Dense(3), L.BatchNormalization()])
    base.trainable = False
    x = keras.Input((4,))
    return keras.Model(x, L.Dense(2)(base(x, training=False)))


K = keras.ops
GRAPH_CASES: list[Callable[[], Any]] = [
    _functional(lambda x: L.Add()(x), (4,), (4,), (4,)),
    _functional(lambda x: L.Add()(x), (3, 4), (4,)),
    _functional(lambda x: L.Subtract()(x), (4,), (4,)),
    _functional(lambda x: L.Multiply()(x), (3, 4), (1, 4)),
    _functional(lambda x: L.Average()(x), (4,), (4,)),
    _functional(lambda x: L.Maximum()(x), (4,), (4,)),
    _functional(lambda x: L.Minimum()(x), (4,), (4,)),
    _functional(lambda x: L.Concatenate(axis=1)(x), (3, 4), (2, 4)),
    _functional(lambda x: L.Dot(axes=(2, 1), normalize=True)(x), (3, 4), (4, 5)),
    _functional(lambda x: L.Dot(axes=1)(x), (4,), (4,)),
    _functional(lambda x: L.MultiHeadAttention(2, 3)(x[0], x[0], use_causal_mask=True), (5, 4)),
    _functional(
        lambda x: L.MultiHeadAttention(2, 3, value_dim=5, output_shape=7, dropout=0.1)(*x), (5, 4), (6, 3)
    ),
    _functional(
        lambda x: L.MultiHeadAttention(2, 3, use_bias=False)(x[0], x[1], key=x[2]), (5, 4), (6, 3), (6, 2)
    ),
    _functional(lambda x: L.MultiHeadAttention(2, 3, attention_axes=2)(x[0], x[0]), (2, 5, 4)),
    _functional(lambda x: L.Attention(use_scale=True)(x), (5, 4), (6, 4)),
    _functional(lambda x: L.Attention(score_mode="concat", dropout=0.1)(x), (5, 4), (6, 4), (6, 4)),
    _functional(lambda x: L.AdditiveAttention()(x, use_causal_mask=True), (5, 4), (6, 4)),
    _functional(lambda x: L.LSTM(4)(x[0], initial_state=[x[1], x[2]]), (5, 3), (4,), (4,)),
    _functional(lambda x: L.Concatenate()(L.LSTM(4, return_state=True)(x[0])), (5, 3)),
    _functional(lambda x: L.Concatenate()(L.Bidirectional(L.GRU(3), merge_mode=None)(x[0])), (5, 3)),
    _functional(lambda x: L.Dropout(0.5)(x[0], training=False), (4,)),
    _functional(lambda x: K.relu(x[0] + x[1]) - x[0] * 2.0, (4,), (4,)),
    _functional(lambda x: 1.0 - x[0] / x[1], (3, 4), (1, 4)),
    _functional(lambda x: K.maximum(x[0], 0.5) + K.minimum(x[0], x[0]) + K.power(x[0], 2), (4,)),
    _functional(lambda x: K.divide(K.abs(-x[0]), K.add(K.exp(x[0]), 1)) + 1.0, (4,)),
    _functional(lambda x: K.log(K.sqrt(K.square(x[0]) + 1.0)) + K.tanh(x[0]) + K.relu6(x[0]), (4,)),
    _functional(lambda x: K.sigmoid(x[0]) * K.selu(x[0]) * K.silu(x[0]) + K.softplus(x[0]), (4,)),
    _functional(lambda x: K.softsign(x[0]) + K.elu(x[0], 0.5) + K.leaky_relu(x[0], 0.1) + K.gelu(x[0]), (4,)),
    _functional(lambda x: K.softmax(x[0], axis=1) + K.mean(x[0], axis=1, keepdims=True), (3, 4)),
    _functional(lambda x: K.sum(x[0], axis=[1, 2]) + K.max(K.min(x[0], axis=-1), axis=1), (3, 4)),
    _functional(lambda x: K.concatenate(x, axis=-1), (3, 4), (3, 2)),
    _functional(lambda x: keras.activations.relu(x[0]) + x[0], (3, 4)),
    _functional(
        lambda x: L.Dense(3, activation=L.LeakyReLU(0.2))(L.Dense(2, activation=L.ELU(0.3))(x[0])), (4,)
    ),
    _functional(
        lambda x: L.GRU(4)(
            L.TimeDistributed(L.Dense(2))(L.LSTM(3, return_sequences=True)(L.Masking()(x[0])))
        ),
        (5, 3),
    ),
    _masked_ids,
    _nested_and_shared,
    _frozen_base,
]


def _agrees(model: Any) -> Any:
    """Compare what is inferred of a model with Keras, and what the rebuilt model computes with the model."""
    raw = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
    canonical = canonicalise(raw)
    check_canonical(json.loads(json.dumps(canonical)))
    rebuilt = keras.saving.deserialize_keras_object(copy.deepcopy(canonical), safe_mode=True)
    shape = describe(canonical)
    assert shape.cost.parameters == model.count_params() == rebuilt.count_params()
    assert shape.output_shape == tuple(model.output_shape[1:]) == tuple(rebuilt.output_shape[1:])
    rebuilt.set_weights(model.get_weights())
    assert [w.trainable for w in rebuilt.weights] == [w.trainable for w in model.weights]
    rng = np.random.default_rng(1)
    data = [rng.random((2, *spec.shape), np.float32) for spec in shape.inputs]
    feed = data[0] if len(data) == 1 else data
    np.testing.assert_array_equal(np.asarray(model(feed)), np.asarray(rebuilt(feed)))
    return model


def _used(model: Any) -> set[str]:
    return {type(operation).__name__ for operation in model._operations}


@pytest.mark.parametrize(("make", "shape"), LAYER_CASES)
def test_a_layer_is_inferred_as_keras_builds_it(make: Callable[[], Any], shape: tuple[int, ...]) -> None:
    layer = make()
    trained: list[Any] = [] if layer.__class__.__name__ == "Embedding" else [L.Dense(shape[-1])]
    _agrees(keras.Sequential([keras.Input(shape), *trained, layer]))


@pytest.mark.parametrize("build", GRAPH_CASES)
def test_a_graph_is_inferred_as_keras_builds_it(build: Callable[[], Any]) -> None:
    _agrees(build())


def test_every_layer_and_operation_of_the_list_is_tried() -> None:
    tried = {type(make()).__name__ for make, _ in LAYER_CASES}
    for build in GRAPH_CASES:
        tried |= _used(build())
    assert set(LAYERS) - tried == set()
    assert set(OPERATIONS) - tried == set()
