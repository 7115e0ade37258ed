"""The same examples in every format that is taken make the same shards, number by number."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from server.intake.intake import ChildIntake
from server.rules.intake_values import CutRequest, DataRequest
from server.rules.preprocessing import Preparation
from tests.support import formats
from tests.support.formats import RULE, SPEC, WORDS, X, Y


@pytest.mark.parametrize("write", formats.ALL)
def test_the_same_examples_make_the_same_shards(write: Callable[[Path], str | None], tmp_path: Path) -> None:
    labels = write(tmp_path)
    intake = ChildIntake(tmp_path / "children")
    reading = intake.check_data(
        DataRequest(
            str(tmp_path / "data"), labels, (SPEC,), RULE, str(tmp_path / "out"),
            preparation=Preparation("tree", scaling="unit"),
        )
    )  # fmt: skip
    assert reading.problems == ()
    assert reading.training is not None
    assert reading.preprocessing["scaling"]["inputs"]["image"] == {"subtract": 0.0, "divide_by": 255.0}
    assert [str(name) for name in reading.preprocessing["labels"]["classes"]] in (
        WORDS.tolist(), ["0", "10", "20"]
    )  # fmt: skip
    cut = intake.cut(CutRequest(reading.training, RULE, 3, 8, 16, str(tmp_path / "cut"), None, 0.2))
    shards: list[dict[str, Any]] = [load_file(file.path) for file in (*cut.shards, *cut.validation)]
    x = np.concatenate([shard["x/image"] for shard in shards])
    y = np.concatenate([shard["y"] for shard in shards])
    assert (x.dtype, x.shape) == (np.float32, X.shape)
    # Each example is found again, with its own label.
    place = {example.tobytes(): number for number, example in enumerate((X / np.float64(255)).astype(np.float32))}
    order = [place[example.tobytes()] for example in x]
    assert sorted(order) == list(range(60))
    assert np.array_equal(y, Y[order])
    assert np.bincount(np.concatenate([load_file(file.path)["y"] for file in cut.validation])).tolist() == [4, 4, 4]
