"""Sums over validation shards against Keras's own evaluate."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.learning import evaluating
from server.learning.evaluating import evaluate
from server.learning.stepping import evaluation_result
from server.learning.workbench import Workbench
from server.rules.learning_values import EvaluateRequest, ResultRequest
from volunteer.protocol.tensors import MalformedTensors, save
from volunteer.training.build import build_model
from volunteer.training.variables import assign_frozen, assign_weights, bind


def _shard(project: Any, name: str, rows: int) -> tuple[Path, Any, Any]:
    rng = np.random.default_rng(rows)
    x, y = rng.standard_normal((rows, 6)).astype(np.float32), rng.integers(0, 3, rows)
    path = project.folder / name
    path.write_bytes(save({f"x/{project.plan.inputs[0].name}": x, "y": y}))
    return path, x, y


def _request(project: Any, shard: Path) -> EvaluateRequest:
    folder = project.folder
    return EvaluateRequest(
        plan=str(folder / "plan"),
        frozen=str(folder / "frozen"),
        weights=str(folder / "weights"),
        shard=str(shard),
    )


@pytest.mark.parametrize("most", [32 * 2**20, 1])
def test_the_sums_of_two_shards_give_what_keras_evaluate_gives(
    most: int, project: Any, workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluating, "MAX_BYTES", most)
    shards = [_shard(project, "a", 40), _shard(project, "b", 13)]
    parts = [evaluate(workbench, _request(project, path)) for path, _, _ in shards]
    assert [part.examples for part in parts] == [40, 13]
    sums = np.sum([part.sums for part in parts], axis=0).tolist()
    result = evaluation_result(workbench, ResultRequest(plan=str(project.folder / "plan"), sums=sums, examples=53))
    model = build_model(project.plan.architecture)
    bound = bind(model, project.plan.variables)
    assign_weights(bound, project.weights)
    assign_frozen(bound, project.frozen)
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = (np.concatenate([shard[position] for shard in shards]) for position in (1, 2))
    expected = model.evaluate(x, y, verbose=0, return_dict=True)
    assert result.loss == pytest.approx(expected["loss"], rel=1e-5)
    assert result.metrics["accuracy"] == pytest.approx(expected["accuracy"])


def test_evaluating_twice_gives_the_same_sums(project: Any, workbench: Workbench) -> None:
    path, _, _ = _shard(project, "a", 20)
    assert evaluate(workbench, _request(project, path)) == evaluate(workbench, _request(project, path))


def test_evaluation_uses_the_weights_it_is_given_and_not_the_last_ones(project: Any, workbench: Workbench) -> None:
    path, _, _ = _shard(project, "a", 20)
    first = evaluate(workbench, _request(project, path))
    other = project.folder / "other"
    other.write_bytes(save({"trainable": project.weights.trainable * 2, "moving": project.weights.moving}))
    changed = evaluate(workbench, EvaluateRequest(**{**_as_dict(_request(project, path)), "weights": str(other)}))
    assert changed.sums[0] != first.sums[0]
    assert evaluate(workbench, _request(project, path)) == first


def test_a_file_that_is_no_shard_of_the_project_is_an_error(project: Any, workbench: Workbench) -> None:
    path = project.folder / "no-shard"
    path.write_bytes(save({"x/other": np.zeros((2, 6), np.float32), "y": np.zeros(2)}))
    with pytest.raises(MalformedTensors, match="x/other"):
        evaluate(workbench, _request(project, path))


def _as_dict(request: EvaluateRequest) -> dict[str, str]:
    return {name: getattr(request, name) for name in request.__struct_fields__}
