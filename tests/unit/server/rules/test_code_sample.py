"""The code sample is Python, and says what was done to the data."""

import runpy
from typing import Any

import pytest

from server.rules.code_sample import sample
from tests.support.tiny_training import architecture
from volunteer.plan.objectives import canonical_loss, canonical_optimizer
from volunteer.plan.project_plan import ProjectPlan
from volunteer.plan.shapes import Cost, InputSpec
from volunteer.plan.shards import ShardLayout


def plan(*inputs: InputSpec, loss: str = "binary_crossentropy") -> ProjectPlan:
    return ProjectPlan(
        architecture=architecture(4), loss=canonical_loss(loss), metrics=[], optimizer=canonical_optimizer("sgd"),
        seed=0, layout=ShardLayout(8, 4, 4), inputs=list(inputs), variables=[], cost=Cost(0, 0, 0),
    )  # fmt: skip


def run(text: str, tmp_path: Any) -> dict[str, Any]:
    """Up to the model's answers, with a model that gives its input back."""
    lines = [line for line in text.splitlines() if "keras" not in line and "answer" not in line and "class" not in line]
    (tmp_path / "sample.py").write_text("\n".join(lines))
    return runpy.run_path(str(tmp_path / "sample.py"))


def test_one_input_is_made_up_in_the_shape_that_the_model_takes(tmp_path: Any) -> None:
    text = sample('a "quoted" name.keras', plan(InputSpec("x", (None, 3), "int32")), {})
    assert 'load_model("a \\"quoted\\" name.keras")' in text
    x = run(text, tmp_path)["x"]
    assert (x.shape, x.dtype) == ((2, 16, 3), "int32")


def test_the_scaling_of_each_input_is_applied(tmp_path: Any) -> None:
    scaling = {"kind": "standard", "inputs": {"b": {"subtract": [1.0, 2.0], "divide_by": [0.5, 4.0]}}}
    inputs = (InputSpec("a", (1,), "int32"), InputSpec("b", (2,), "float32"))
    x = run(sample("m.keras", plan(*inputs), {"scaling": scaling}), tmp_path)["x"]
    assert x["a"].dtype == "int32"
    assert x["b"].dtype == "float32"
    assert x["b"].tolist() == [[-2.0, -0.5]] * 2


def test_long_lists_of_numbers_are_read_from_the_recorded_preprocessing() -> None:
    many = [float(number) for number in range(500)]
    scaling = {"kind": "standard", "inputs": {"x": {"subtract": many, "divide_by": many}}}
    text = sample("m.keras", plan(InputSpec("x", (500,), "float32")), {"scaling": scaling})
    assert 'np.array(preprocessing["scaling"]["inputs"]["x"]["subtract"])' in text
    assert 'open("preprocessing.json"' in text
    assert len(text) < 1500
    compile(text, "sample", "exec")


@pytest.mark.parametrize(
    ("loss", "middle"), [("binary_crossentropy", "0.5"), ({"from_logits": True}, "0.0")], ids=["probability", "logit"]
)
def test_two_classes_of_one_output_are_told_apart_at_its_middle(loss: Any, middle: str) -> None:
    described = plan(InputSpec("x", (4,), "float32"))
    if isinstance(loss, dict):
        described.loss["config"].update(loss)
    text = sample("m.keras", described, {"labels": {"classes": ["cat", "dög"]}})
    assert 'classes = ["cat", "dög"]' in text
    assert f"classes[int(answer.item() > {middle})]" in text
    compile(text, "sample", "exec")


def test_images_and_columns_are_explained() -> None:
    image = {"image": {"size": [8, 9], "channels": 1, "resize": "bilinear"}}
    text = sample("m.keras", plan(InputSpec("x", (8, 9, 1), "float32")), image)
    assert 'convert("L")' in text
    assert "resize((9, 8)" in text
    assert "reshape((8, 9, 1))" in text
    compile(text, "sample", "exec")
    text = sample("m.keras", plan(InputSpec("x", (2,), "float32")), {"columns": ["height", "weight\nimport os"]})
    assert '# The columns of an example, in this order: "height", "weight\\nimport os"' in text
