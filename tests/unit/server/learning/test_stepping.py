"""A round's step against Keras's own optimizer, applied by hand."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.learning.stepping import evaluation_result, step
from server.learning.workbench import Workbench
from server.rules.averaging import Averaging
from server.rules.learning_values import GradientFile, ResultRequest, StepRequest
from volunteer.plan.project_plan import Weights
from volunteer.protocol.tensors import load, save
from volunteer.training.runtime import keras, tf

OPTIMIZERS: list[Any] = [
    keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5), momentum=0.9, nesterov=True),
    keras.optimizers.Adam(0.01, amsgrad=True, clipnorm=0.1),
    keras.optimizers.AdamW(0.01, weight_decay=0.1),
    keras.optimizers.Nadam(0.01),
    keras.optimizers.RMSprop(0.01, centered=True, momentum=0.5),
    keras.optimizers.Adagrad(0.01),
    keras.optimizers.Adadelta(1.0),
    keras.optimizers.Adamax(0.01),
    keras.optimizers.Adafactor(0.01),
    keras.optimizers.Ftrl(0.01),
    keras.optimizers.Lion(0.01),
    keras.optimizers.Lamb(0.01),
]


def _weights(path: str | None) -> Weights:
    assert path is not None
    tensors, _ = load(Path(path))
    return Weights(tensors["trainable"], tensors["moving"])


def _by_hand(project: Any, optimizer: Any, gradients: list[list[GradientFile]]) -> Any:
    """The trainable vector after these rounds, by an optimizer that was never saved nor restored."""
    model = keras.saving.deserialize_keras_object(project.plan.architecture)
    variables, start = model.trainable_variables, 0
    for variable in variables:
        size = int(np.prod(variable.shape))
        variable.assign(project.weights.trainable[start : start + size].reshape(variable.shape))
        start += size
    for files in gradients:
        mean = sum(load(Path(file.path))[0]["gradient"] for file in files) / np.float32(27)
        parts, start = [], 0
        for variable in variables:
            size = int(np.prod(variable.shape))
            parts.append(tf.constant(mean[start : start + size].reshape(variable.shape)))
            start += size
        optimizer.apply(parts, variables)
    return np.concatenate([variable.numpy().ravel() for variable in variables])


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: type(optimizer).__name__)
def test_two_rounds_with_saved_state_are_two_steps_of_keras(
    optimizer: Any, make_project: Any, workbench: Workbench
) -> None:
    project = make_project(optimizer)
    first = step(workbench, project.request("first"))
    assert first.finite
    later = project.compute(_weights(first.weights), "later")
    second = step(
        Workbench(),
        project.request("second", weights=first.weights, optimizer=first.optimizer, gradients=later),
    )
    fresh = type(optimizer).from_config(project.plan.optimizer["config"])
    expected = _by_hand(project, fresh, [project.gradients, later])
    np.testing.assert_allclose(_weights(second.weights).trainable, expected, rtol=2e-6, atol=2e-7)


def test_a_robust_rule_makes_gradient_and_moving_statistics_each_by_themselves(
    project: Any, workbench: Workbench
) -> None:
    liar = {name: -50 * tensor for name, tensor in load(Path(project.gradients[0].path))[0].items()}
    (project.folder / "liar").write_bytes(save(liar))
    honest = [project.gradients[0]] * 2
    lying = GradientFile(str(project.folder / "liar"), honest[0].examples)
    request = project.request("robust", gradients=[*honest, lying], averaging=Averaging.median)
    alone = step(workbench, project.request("alone", gradients=honest, mini_batches=request.mini_batches))
    robust = step(workbench, request)
    expected, found = _weights(alone.weights), _weights(robust.weights)
    np.testing.assert_allclose(found.trainable, expected.trainable, rtol=1e-6)
    np.testing.assert_allclose(found.moving, expected.moving, rtol=1e-6)
    assert robust.gradient_norm == pytest.approx(alone.gradient_norm)


def test_a_robust_rule_refuses_what_is_not_finite(project: Any, workbench: Workbench) -> None:
    bad = {name: tensor * np.nan for name, tensor in load(Path(project.gradients[0].path))[0].items()}
    (project.folder / "bad").write_bytes(save(bad))
    files = [GradientFile(str(project.folder / "bad"), 8)] * 3
    with pytest.raises(ValueError, match="not finite"):
        step(workbench, project.request("x", gradients=files, averaging=Averaging.centered_clip))


def test_the_same_request_gives_the_same_bytes(project: Any, workbench: Workbench) -> None:
    digests = []
    for bench, name in ((workbench, "a"), (workbench, "b"), (Workbench(), "c")):
        report = step(bench, project.request(name))
        files = [Path(report.weights).read_bytes(), Path(report.optimizer).read_bytes()]
        digests.append([hashlib.sha256(data).hexdigest() for data in files])
    assert digests[0] == digests[1] == digests[2]


def test_the_constraint_of_a_variable_holds_after_the_step(make_project: Any, workbench: Workbench) -> None:
    project = make_project(keras.optimizers.SGD(10.0))
    kernel = _weights(step(workbench, project.request()).weights).trainable[:48].reshape(6, 8)
    assert np.linalg.norm(kernel, axis=0).max() <= 0.5 + 1e-5


def test_moving_statistics_follow_the_rule_of_the_design(project: Any, workbench: Workbench) -> None:
    report = step(workbench, project.request())
    change = sum(load(Path(file.path))[0]["moving"] for file in project.gradients) / 27
    expected = project.weights.moving + (1 - 0.9**4) / (1 - 0.9) * change
    np.testing.assert_allclose(_weights(report.weights).moving, expected, rtol=1e-5, atol=1e-7)


def test_loss_and_metrics_are_means_over_all_examples(project: Any, workbench: Workbench) -> None:
    report = step(workbench, project.request())
    sums = sum(load(Path(file.path))[0]["sums"] for file in project.gradients)
    assert report.loss == pytest.approx(sums[0] / 27)
    assert report.metrics == {"accuracy": pytest.approx(sums[1] / sums[2])}
    result = evaluation_result(
        workbench, ResultRequest(plan=str(project.folder / "plan"), sums=sums.tolist(), examples=27)
    )
    assert result.loss == pytest.approx(report.loss)
    assert result.metrics == pytest.approx(report.metrics)


@pytest.mark.parametrize("name", ["gradient", "moving", "sums"])
def test_a_round_with_a_number_that_is_not_finite_writes_nothing(name: str, project: Any, workbench: Workbench) -> None:
    path = Path(project.gradients[1].path)
    tensors, _ = load(path)
    tensors[name] = tensors[name].copy()
    tensors[name][0] = np.inf
    path.write_bytes(save(tensors))
    report = step(workbench, project.request())
    assert (report.finite, report.weights, report.optimizer) == (False, None, None)
    assert not (project.folder / "next").exists()


def test_a_step_that_overflows_the_weights_writes_nothing(make_project: Any, workbench: Workbench) -> None:
    project = make_project(keras.optimizers.SGD(1e38))
    path = Path(project.gradients[0].path)
    tensors, _ = load(path)
    path.write_bytes(save({**tensors, "gradient": tensors["gradient"] * 1e6}))
    assert not step(workbench, project.request()).finite


def test_a_diverged_round_leaves_the_next_one_alone(project: Any, workbench: Workbench) -> None:
    good = step(workbench, project.request("good"))
    files = project.gradients
    bad = project.folder / "bad"
    tensors, _ = load(Path(files[0].path))
    bad.write_bytes(save({**tensors, "gradient": np.full_like(tensors["gradient"], np.nan)}))
    assert not step(workbench, project.request("x", gradients=[GradientFile(str(bad), 27)])).finite
    again = step(workbench, project.request("again"))
    assert Path(again.weights).read_bytes() == Path(good.weights).read_bytes()


def test_a_gradient_of_another_network_is_an_error(project: Any, workbench: Workbench) -> None:
    foreign = project.folder / "foreign"
    foreign.write_bytes(
        save({"gradient": np.zeros(3, np.float32), "moving": np.zeros(16, np.float32), "sums": np.zeros(3)})
    )
    with pytest.raises(ValueError, match="gradient is not a vector"):
        step(workbench, project.request(gradients=[GradientFile(str(foreign), 8)]))


def test_the_state_of_another_optimizer_is_an_error(project: Any, workbench: Workbench) -> None:
    other = project.folder / "other"
    other.write_bytes(save({"0000": np.zeros(3)}))
    with pytest.raises(ValueError, match="not the state"):
        step(workbench, project.request(optimizer=str(other)))


def test_the_workbench_forgets_the_project_that_was_used_least_recently(make_project: Any) -> None:
    workbench = Workbench(kept=1)
    project = make_project()
    path = project.folder / "plan"
    first = workbench.of(path)
    assert workbench.of(path) is first
    other = project.folder / "other-plan"
    other.write_bytes(make_project(keras.optimizers.SGD(0.1)).plan.encode())
    workbench.of(other)
    path.write_bytes(project.plan.encode())
    assert workbench.of(path) is not first
    assert isinstance(project.request(), StepRequest)
