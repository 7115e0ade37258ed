"""Which inputs go straight into an Embedding, in every shape of model."""

from typing import Any

from server.intake.index_limits import index_limits


def layer(class_name: str, name: str, *sources: str, **config: Any) -> dict[str, Any]:
    tensors = [
        {"class_name": "__keras_tensor__", "config": {"keras_history": [source, 0, 0]}} for source in sources
    ]
    nodes = [{"args": [tensors[0] if len(tensors) == 1 else tensors], "kwargs": {}}] if sources else []
    return {
        "class_name": class_name,
        "config": {"name": name, **config},
        "name": name,
        "inbound_nodes": nodes,
    }


def model(
    kind: str, *layers: dict[str, Any], name: str = "model", sources: tuple[str, ...] = ()
) -> dict[str, Any]:
    return layer(kind, name, *sources, layers=list(layers))


WORDS = layer("InputLayer", "words")


def test_a_sequential_model_that_begins_with_an_embedding() -> None:
    assert index_limits(model("Sequential", WORDS, layer("Embedding", "e", input_dim=20))) == {"words": 20}
    assert index_limits(model("Sequential", WORDS, layer("Dense", "d"))) == {}


def test_the_smallest_of_several_embeddings_limits_an_input() -> None:
    both = model(
        "Functional",
        WORDS,
        layer("InputLayer", "other"),
        layer("Embedding", "a", "words", input_dim=20),
        layer("Embedding", "b", "words", input_dim=10),
        layer("Dense", "c", "other"),
        layer("Embedding", "late", "c", input_dim=5),
    )
    assert index_limits(both) == {"words": 10}


def test_an_embedding_inside_a_nested_model_is_found() -> None:
    inner = model(
        "Sequential", layer("InputLayer", "inside"), layer("Embedding", "e", input_dim=7), sources=("words",)
    )
    assert index_limits(model("Functional", WORDS, inner)) == {"words": 7}
    deep = model("Sequential", layer("InputLayer", "i"), layer("Embedding", "e", input_dim=7))
    assert index_limits(model("Sequential", WORDS, deep)) == {"words": 7}
