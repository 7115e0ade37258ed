"""Configurations as Keras 2 wrote them, by hand after its sources, and what becomes of them."""

from typing import Any

import pytest

from volunteer.plan.architecture import canonicalise, check_canonical, describe
from volunteer.plan.refused import Refused


def old(class_name: str, name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": name, "trainable": True, **config}}


def node(raw: dict[str, Any], *refs: list[Any]) -> dict[str, Any]:
    return {**raw, "name": raw["config"]["name"], "inbound_nodes": [list(refs)] if refs else []}


def entry(name: str = "in", shape: tuple[int, ...] = (4,)) -> dict[str, Any]:
    config = {"batch_input_shape": [None, *shape], "dtype": "float32", "sparse": False, "name": name}
    return {"class_name": "InputLayer", "config": config, "name": name, "inbound_nodes": []}


def model(
    *layers: dict[str, Any], inputs: list[Any] | None = None, output: list[Any] | None = None
) -> dict[str, Any]:
    ends = {"input_layers": inputs or [["in", 0, 0]], "output_layers": [output or ["out", 0, 0]]}
    return {"class_name": "Model", "config": {"name": "model_1", "layers": list(layers), **ends}}


def test_a_list_of_layers_as_keras_2_1_wrote_it_gets_an_input_layer() -> None:
    dense = old(
        "Dense",
        "dense_1",
        units=3,
        batch_input_shape=[None, 4],
        dtype="float32",
        kernel_initializer={
            "class_name": "VarianceScaling",
            "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None},
        },
        kernel_regularizer={"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.01}},
    )
    canonical = canonicalise({"class_name": "Sequential", "config": [dense]})
    check_canonical(canonical)
    assert describe(canonical).inputs[0].name == "dense_1_input"
    written = canonical["config"]["layers"][1]["config"]
    assert written["kernel_regularizer"]["config"] == {"l1": 0.0, "l2": 0.01}
    assert written["kernel_initializer"]["class_name"] == "Zeros"


def test_arguments_without_meaning_today_are_dropped_and_old_names_translated() -> None:
    layers = [
        old("Embedding", "e", input_dim=9, output_dim=4, input_length=5, batch_input_shape=[None, 5]),
        old(
            "LSTM",
            "l",
            units=4,
            implementation=2,
            time_major=False,
            return_sequences=True,
            recurrent_activation="sigmoid",
        ),
        old("GRU", "g", units=3, return_sequences=True, recurrent_activation="sigmoid"),
        old("BatchNormalization", "b", axis=[2], fused=True),
        old("LeakyReLU", "r", alpha=0.1),
        old("ThresholdedReLU", "t", theta=0.5),
    ]
    canonical = canonicalise({"class_name": "Sequential", "config": {"name": "s", "layers": layers}})
    check_canonical(canonical)
    configs = {layer["config"]["name"]: layer["config"] for layer in canonical["config"]["layers"]}
    assert configs["g"]["reset_after"] is False
    assert configs["b"]["axis"] == 2
    assert configs["r"]["negative_slope"] == 0.1
    assert configs["t"]["threshold"] == 0.5
    assert "implementation" not in configs["l"]


@pytest.mark.parametrize(("argument", "value"), [("time_major", True), ("stateful", True)])
def test_old_arguments_that_do_mean_something_are_refused(argument: str, value: Any) -> None:
    lstm = old("LSTM", "l", units=4, batch_input_shape=[None, 5, 4], **{argument: value})
    with pytest.raises(Refused, match=f"LSTM 'l'.*{argument}"):
        canonicalise({"class_name": "Sequential", "config": [lstm]})


def test_hard_sigmoid_is_refused_because_keras_3_computes_another_function() -> None:
    lstm = old("LSTM", "l", units=4, batch_input_shape=[None, 5, 4], recurrent_activation="hard_sigmoid")
    with pytest.raises(Refused, match="hard_sigmoid"):
        canonicalise({"class_name": "Sequential", "config": [lstm]})


def test_inbound_nodes_become_calls_and_slashes_in_names_go() -> None:
    first = node(old("Dense", "block/a", units=4), ["in", 0, 0, {}])
    joined = node(old("Add", "out"), ["block/a", 0, 0, {}], ["in", 0, 0, {}])
    canonical = canonicalise(model(entry(), first, joined))
    check_canonical(canonical)
    assert [layer["name"] for layer in canonical["config"]["layers"]] == ["in", "block_a", "out"]


def test_calls_of_a_shared_nested_model_are_counted_from_nought() -> None:
    inner = {
        "class_name": "Sequential",
        "config": {"name": "tower", "layers": [old("Dense", "d", units=4, batch_input_shape=[None, 4])]},
    }
    tower = {**inner, "name": "tower", "inbound_nodes": [[["in", 0, 0, {}]], [["tower", 1, 0, {}]]]}
    joined = node(old("Add", "out"), ["tower", 1, 0, {}], ["tower", 2, 0, {}])
    canonical = canonicalise(model(entry(), tower, joined))
    check_canonical(canonical)
    assert describe(canonical).cost.parameters == 20
    args = canonical["config"]["layers"][2]["inbound_nodes"][0]["args"][0]
    assert [arg["config"]["keras_history"][1] for arg in args] == [0, 1]


def test_tensorflow_functions_become_operations() -> None:
    dense = node(old("Dense", "d", units=4), ["in", 0, 0, {}])
    added = node(
        old("TFOpLambda", "plus", function="__operators__.add"),
        ["d", 0, 0, {"y": ["in", 0, 0], "name": None}],
    )
    mean = node(
        old("TFOpLambda", "mean", function="math.reduce_mean"), ["plus", 0, 0, {"axis": -1, "keepdims": True}]
    )
    minus = node(
        old("TFOpLambda", "minus", function="math.subtract"),
        ["_CONSTANT_VALUE", -1, 1.0, {"y": ["mean", 0, 0]}],
    )
    joined = node(
        old("TFOpLambda", "out", function="concat"), ["plus", 0, 0, {"axis": 1}], ["minus", 0, 0, {"axis": 1}]
    )
    canonical = canonicalise(model(entry(), dense, added, mean, minus, joined))
    check_canonical(canonical)
    assert describe(canonical).output_shape == (5,)
    assert [layer["class_name"] for layer in canonical["config"]["layers"][2:]] == [
        "Add",
        "Mean",
        "Subtract",
        "Concatenate",
    ]


def test_a_tensorflow_function_that_is_not_on_the_list_is_refused() -> None:
    read = node(old("TFOpLambda", "out", function="io.read_file"), ["in", 0, 0, {}])
    with pytest.raises(Refused, match=r"'out'.*io\.read_file"):
        canonicalise(model(entry(), read))


def test_attention_called_with_keywords_keeps_its_inputs() -> None:
    mha = old("MultiHeadAttention", "out", num_heads=2, key_dim=3, query_shape=[None, 5, 4])
    call = [["in", 0, 0, {"value": ["other", 0, 0], "use_causal_mask": True}]]
    raw = model(
        entry(shape=(5, 4)),
        entry("other", (6, 2)),
        {**mha, "name": "out", "inbound_nodes": [call]},
        inputs=[["in", 0, 0], ["other", 0, 0]],
    )
    canonical = canonicalise(raw)
    check_canonical(canonical)
    written = canonical["config"]["layers"][2]["inbound_nodes"][0]
    assert len(written["args"]) == 2
    assert written["kwargs"] == {"use_causal_mask": True}


def test_a_call_that_stays_in_inference_mode_is_refused_where_the_mode_matters() -> None:
    def raw(trainable: bool) -> dict[str, Any]:
        norm = {**old("BatchNormalization", "norm"), "config": {"name": "norm", "trainable": trainable}}
        dense = node(old("Dense", "out", units=2), ["norm", 0, 0, {}])
        return model(entry(), node(norm, ["in", 0, 0, {"training": False}]), dense)

    check_canonical(canonicalise(raw(trainable=False)))
    with pytest.raises(Refused, match="training=False"):
        canonicalise(raw(trainable=True))
