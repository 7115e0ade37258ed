"""Model files that Keras 2.1 to 3.15 wrote are all read, and no damage to them is worse than a refusal."""

import json
import random
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import pytest

from volunteer.plan.architecture import canonicalise, check_canonical, describe
from volunteer.plan.objectives import compiled_from
from volunteer.plan.refused import Refused

MODELS = Path(__file__).parents[3] / "fixtures" / "models"
FILES = sorted(path for path in MODELS.iterdir() if path.suffix in (".h5", ".keras"))
ODD: list[Any] = [
    *(
        None,
        True,
        0,
        1,
        -1,
        3,
        0.5,
        1e308,
        float("nan"),
        10**30,
        "",
        "x",
        "Dense",
        [],
        {},
        [1, 2],
        [[1, 2], [3, 4]],
    ),
    *(
        ["a", 0, 0],
        {"class_name": "Dense", "config": {}},
        {"class_name": "__tuple__", "items": [1]},
        2**24,
        [None, 3],
    ),
]


def stored(path: Path) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The model configuration and what the model was compiled with."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
        return config, config.get("compile_config")
    with h5py.File(path) as file:
        training = file.attrs.get("training_config")
        return json.loads(file.attrs["model_config"]), None if training is None else json.loads(training)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_genuine_file_is_read(path: Path) -> None:
    config, compiled = stored(path)
    canonical = canonicalise(config)
    check_canonical(json.loads(json.dumps(canonical)))
    shape = describe(canonical)
    assert shape.cost.parameters > 0
    if compiled:
        assert compiled_from(compiled, shape.output_shape).loss is not None


def _places(tree: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        value = waiting.pop()
        keys = (
            list(value)
            if isinstance(value, dict)
            else list(range(len(value)))
            if isinstance(value, list)
            else []
        )
        found += [(value, key) for key in keys]
        waiting += [value[key] for key in keys]
    return found


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_description_is_read_or_refused_and_nothing_else(seed: int) -> None:
    rng = random.Random(seed)
    texts = [json.dumps(stored(path)) for path in rng.sample(FILES, 12)]
    read = 0
    for _ in range(250):
        config, compiled = json.loads(rng.choice(texts))
        for _ in range(rng.choice((1, 1, 2))):
            for tree in (config, compiled):
                places = _places(tree)
                holder, key = rng.choice(places) if places else ({}, "")
                holder[key] = json.loads(json.dumps(rng.choice(ODD)))
        with suppress(Refused):
            compiled_from(compiled or {}, (3,))
        try:
            canonical = canonicalise(config)
        except Refused:
            continue
        read += 1
        assert canonicalise(canonical) == canonical
    assert read > 0
