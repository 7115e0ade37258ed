"""What must not get through: code, files, unknown classes and arguments, bombs; each refused by its name."""

import copy
import time
from typing import Any

import pytest

from volunteer.plan.architecture import Bounds, canonicalise, check_canonical, describe
from volunteer.plan.refused import Refused


def layer(class_name: str, name: str = "it", **config: Any) -> dict[str, Any]:
    return {
        "module": "keras.layers",
        "class_name": class_name,
        "config": {"name": name, "trainable": True, "dtype": "float32", **config},
        "registered_name": None,
    }


def entry(*shape: int | None, name: str = "in", dtype: str = "float32") -> dict[str, Any]:
    return {
        "class_name": "InputLayer",
        "config": {"batch_shape": [None, *shape], "name": name, "dtype": dtype},
    }


def sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": "Sequential", "config": {"name": "model", "layers": list(layers)}}


def tensor(name: str, call: int = 0, index: int = 0) -> dict[str, Any]:
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, call, index]}}


def functional(*layers: dict[str, Any], inputs: Any = None, outputs: Any = None) -> dict[str, Any]:
    return {
        "class_name": "Functional",
        "config": {
            "name": "model",
            "layers": list(layers),
            "input_layers": inputs or [["in", 0, 0]],
            "output_layers": outputs or [["out", 0, 0]],
        },
    }


def called(what: dict[str, Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
    return {**what, "name": what["config"]["name"], "inbound_nodes": [{"args": list(args), "kwargs": kwargs}]}


DENSE = layer("Dense", "dense", units=3)
SMALL = sequential(entry(4), DENSE)


def refusal(raw: Any, **bounds: int) -> str:
    started = time.monotonic()
    with pytest.raises(Refused) as caught:
        canonicalise(raw, Bounds(**bounds))
    assert time.monotonic() - started < 10
    assert caught.value.field == "model"
    assert len(caught.value.sentence) < 600
    return caught.value.sentence


def test_an_ordinary_model_passes_and_is_its_own_canonical_form() -> None:
    canonical = canonicalise(SMALL)
    assert canonicalise(canonical) == canonical
    check_canonical(canonical)


@pytest.mark.parametrize(
    ("class_name", "config"),
    [
        ("Lambda", {"function": ["4wEAAAA=", None, None]}),
        ("TFSMLayer", {"filepath": "/tmp/evil"}),
        ("StringLookup", {"vocabulary": "/etc/passwd"}),
        ("IntegerLookup", {"vocabulary": "/etc/passwd"}),
        ("TextVectorization", {"vocabulary": "/etc/passwd"}),
        ("Hashing", {"num_bins": 3}),
        ("RandomFlip", {"mode": "horizontal"}),
        ("SpectralNormalization", {"layer": DENSE}),
        ("CuDNNLSTM", {"units": 3}),
        ("MyOwnLayer", {}),
        ("__lambda__", {"value": "x"}),
    ],
)
def test_a_layer_that_is_not_on_the_list_is_refused_by_class_and_name(
    class_name: str, config: dict[str, Any]
) -> None:
    sentence = refusal(sequential(entry(4), layer(class_name, "bad_one", **config), DENSE))
    assert class_name in sentence
    assert "'bad_one'" in sentence


def test_a_lambda_deep_inside_wrappers_and_models_is_found() -> None:
    inner = sequential(entry(4), layer("TimeDistributed", "td", layer=layer("Lambda", "hidden")))
    assert "'hidden'" in refusal(sequential(entry(3, 4), layer("TimeDistributed", "outer", layer=inner)))


@pytest.mark.parametrize(
    "foreign",
    [
        {"module": "os", "class_name": "system"},
        {"module": "my_package", "class_name": "Dense"},
        {"module": "keras.layers", "class_name": "Dense", "registered_name": "mine>Dense"},
        {"module": "subprocess", "class_name": "Popen"},
        {"module": "keras.src.ops.numpy", "class_name": "NotAnOperation"},
        {"module": "keras.src.utils.file_utils", "class_name": "get_file"},
    ],
)
def test_a_class_from_elsewhere_is_refused_whatever_it_is_called(foreign: dict[str, Any]) -> None:
    assert foreign["class_name"] in refusal(sequential(entry(4), {**DENSE, **foreign}))


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("units", -1),
        ("units", 2**25),
        ("units", "64"),
        ("units", True),
        ("units", float("nan")),
        ("activation", "evil"),
        ("activation", {"class_name": "function", "config": "evil", "module": "os", "registered_name": "x"}),
        ("kernel_initializer", {"class_name": "Evil", "config": {}}),
        ("kernel_initializer", {"class_name": "Zeros", "config": {}, "registered_name": "mine>Zeros"}),
        ("kernel_regularizer", {"class_name": "L2", "config": {"l2": 0.1, "hook": "x"}}),
        ("bias_constraint", {"class_name": "__lambda__", "config": {"value": "x"}}),
        ("lora_rank", 4),
        ("quantization_config", {"class_name": "X", "config": {}}),
        ("no_such_argument", 1),
        ("trainable", "yes"),
    ],
)
def test_an_argument_that_is_not_permitted_is_refused_by_layer_and_name(argument: str, value: Any) -> None:
    config = {**DENSE["config"], argument: value}
    sentence = refusal(sequential(entry(4), {**DENSE, "config": config}))
    assert "Dense 'dense'" in sentence
    assert argument in sentence


@pytest.mark.parametrize(
    "dtype", ["float16", "mixed_float16", {"class_name": "DTypePolicy", "config": {"name": "float64"}}]
)
def test_only_float32_is_computed(dtype: Any) -> None:
    sentence = refusal(sequential(entry(4), {**DENSE, "config": {**DENSE["config"], "dtype": dtype}}))
    assert "float32" in sentence
    assert "'dense'" in sentence


def test_inputs_may_be_whole_numbers_but_not_text() -> None:
    ids = layer("Embedding", "ids", input_dim=9, output_dim=2)
    shape = describe(canonicalise(sequential(entry(5, dtype="int32"), ids)))
    assert shape.inputs[0].dtype == "int32"
    assert "'string'" in refusal(sequential(entry(5, dtype="string"), ids))


def test_memory_without_parameters_is_refused() -> None:
    bomb = sequential(
        entry(64), DENSE, layer("RepeatVector", "bomb", n=2**24), layer("LayerNormalization", "ln")
    )
    sentence = refusal(
        sequential(entry(64), layer("Dense", "d", units=64), layer("RepeatVector", "bomb", n=2**24))
    )
    assert "RepeatVector 'bomb'" in sentence
    assert "4,096 MiB" in sentence
    assert "'bomb'" in refusal(bomb, activation_bytes=2**26)


def test_parameters_operations_and_dimensions_are_bounded() -> None:
    wide = sequential(entry(60_000), layer("Dense", "wide", units=60_000))
    assert "3,600,060,000 parameters" in refusal(wide)
    conv = layer("Conv2D", "conv", filters=2000, kernel_size=[3, 3], padding="same")
    assert "multiply-adds" in refusal(sequential(entry(100, 100, 2000), conv), operations=10**9)
    long = sequential(
        entry(2**20, 1),
        layer("ZeroPadding1D", "pad", padding=[2**24, 0]),
        layer("Conv1D", filters=1, kernel_size=1),
    )
    assert "dimension" in refusal(long)


def test_models_that_call_models_cannot_make_the_inference_itself_endless() -> None:
    inner = functional(entry(4), called(layer("Identity", "out"), tensor("in")))
    for depth in range(6):
        inner["config"]["name"] = f"level{depth}"
        block = {**inner, "name": f"level{depth}"}
        nodes = [{"args": [tensor("in")], "kwargs": {}}] + [
            {"args": [tensor(f"level{depth}", call)], "kwargs": {}} for call in range(29)
        ]
        inner = functional(entry(4), {**block, "inbound_nodes": nodes}, outputs=[f"level{depth}", 30, 0])
    assert "one call too many" in refusal(inner)


def test_nesting_and_numbers_of_layers_are_bounded() -> None:
    nested = SMALL
    for level in range(12):
        nested = {
            **sequential(entry(4), nested),
            "config": {"name": f"m{level}", "layers": [entry(4), nested]},
        }
    assert "models deep" in refusal(nested)
    many = [layer("Activation", f"a{index}", activation="relu") for index in range(1200)]
    assert "1,200" in refusal({"class_name": "Sequential", "config": {"name": "m", "layers": many}})


def test_json_nested_twenty_thousand_deep_is_refused_without_recursion() -> None:
    deep: Any = []
    for _ in range(20_000):
        deep = [deep]
    assert "levels deep" in refusal(
        sequential(entry(4), {**DENSE, "config": {**DENSE["config"], "units": deep}})
    )
    assert "values" in refusal(sequential(entry(4), {**DENSE, "extra": [0] * 400_000}))


@pytest.mark.parametrize(
    "raw", [None, [], 3, {}, {"class_name": "Sequential"}, {"class_name": 3, "config": {}}]
)
def test_what_is_no_model_at_all_is_refused(raw: Any) -> None:
    assert refusal(raw)


def test_a_model_class_of_ones_own_is_refused() -> None:
    assert "'MyModel'" in refusal({"class_name": "MyModel", "config": {}})


def test_a_model_without_a_known_input_shape_is_refused() -> None:
    assert "shape of its input" in refusal(sequential(DENSE))


def test_a_model_with_two_outputs_is_refused() -> None:
    twice = [["a", 0, 0], ["b", 0, 0]]
    layers = (called(layer("Dense", name, units=2), tensor("in")) for name in ("a", "b"))
    assert "2 outputs" in refusal(functional(entry(4), *layers, outputs=twice))


def test_a_frozen_model_has_nothing_to_train() -> None:
    frozen = {**DENSE, "config": {**DENSE["config"], "trainable": False}}
    assert "nothing to train" in refusal(sequential(entry(4), frozen))


def test_freezing_a_model_freezes_what_it_holds() -> None:
    base = {
        "class_name": "Sequential",
        "config": {"name": "base", "trainable": False, "layers": [entry(4), DENSE]},
    }
    canonical = canonicalise(sequential(entry(4), base, layer("Dense", "head", units=2)))
    inner = canonical["config"]["layers"][1]["config"]
    assert inner["layers"][1]["config"]["trainable"] is False
    assert "trainable" not in inner


def test_layers_that_do_not_fit_each_other_are_refused_by_name() -> None:
    conv = layer("Conv2D", "too_big", filters=2, kernel_size=[9, 9])
    assert "Conv2D 'too_big'" in refusal(sequential(entry(5, 5, 1), conv))
    assert "Conv2D 'too_big'" in refusal(sequential(entry(5), conv))
    assert "Reshape 'r'" in refusal(sequential(entry(5), DENSE, layer("Reshape", "r", target_shape=[4])))
    assert "'dense'" in refusal(sequential(entry(None), DENSE))


def test_references_to_layers_and_calls_that_are_not_there_are_refused() -> None:
    dense = called(layer("Dense", "out", units=2), tensor("nowhere"))
    assert "'nowhere'" in refusal(functional(entry(4), dense))
    assert "call 7" in refusal(functional(entry(4), called(layer("Dense", "out", units=2), tensor("in", 7))))
    loop = (
        called(layer("Dense", "a", units=4), tensor("out")),
        called(layer("Dense", "out", units=4), tensor("a")),
    )
    assert "loop" in refusal(functional(entry(4), *loop))
    index = called(layer("Dense", "out", units=2), tensor("in", 0, 3))
    assert "output 3" in refusal(functional(entry(4), index))


def test_a_mask_of_ones_own_is_refused_and_not_dropped() -> None:
    compare = {
        **called({"class_name": "NotEqual", "config": {"name": "ne"}}, tensor("in"), 0),
        "module": "keras.src.ops.numpy",
    }
    embedding = called(layer("Embedding", "e", input_dim=9, output_dim=3), tensor("in"))
    lstm = called(layer("LSTM", "out", units=2), tensor("e"), mask=tensor("ne"))
    assert "mask of its own" in refusal(functional(entry(5), compare, embedding, lstm))
    embedding["config"]["mask_zero"] = True
    canonical = canonicalise(functional(entry(5), compare, embedding, lstm))
    assert [found["class_name"] for found in canonical["config"]["layers"]] == [
        "InputLayer",
        "Embedding",
        "LSTM",
    ]


def test_one_layer_in_two_models_is_refused() -> None:
    shared = {**DENSE, "shared_object_id": 5}
    inner = {"class_name": "Sequential", "config": {"name": "s", "layers": [entry(4), shared]}}
    assert "two models" in refusal(sequential(entry(4), inner, {**shared, "shared_object_id": 5}))


def test_a_canonical_form_that_was_touched_is_not_canonical() -> None:
    touched = copy.deepcopy(canonicalise(SMALL))
    touched["config"]["layers"][1]["config"]["seed"] = 1
    with pytest.raises(Refused):
        check_canonical(touched)
    module = copy.deepcopy(canonicalise(SMALL))
    module["config"]["layers"][1]["module"] = "keras.src.layers.core.dense"
    with pytest.raises(Refused, match="canonical"):
        check_canonical(module)


def test_open_lengths_are_costed_once_the_data_is_known() -> None:
    canonical = canonicalise(sequential(entry(None, 4), layer("Dense", "d", units=2)))
    assert describe(canonical).output_shape == (None, 2)
    assert describe(canonical, lengths={"in": (10, 4)}).cost.operations == 10 * 4 * 2


def test_costs_of_a_small_network_are_those_counted_by_hand() -> None:
    conv = layer("Conv2D", "conv", filters=4, kernel_size=3, activation="relu")
    network = sequential(
        entry(8, 8, 1), conv, layer("Flatten", "flat"), layer("Dense", "d", units=10, activation="softmax")
    )
    shape = describe(canonicalise(network))
    assert shape.cost.parameters == (9 * 4 + 4) + (144 * 10 + 10)
    assert shape.cost.operations == 36 * 4 * 9 + 144 * 10
    assert shape.cost.activation_bytes == 4 * (64 + 144 + 144 + 10)
    assert shape.output_activation == "softmax"
    assert shape.layers == 3
