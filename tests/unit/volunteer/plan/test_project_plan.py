import hashlib
import json

import msgspec
import numpy as np
import pytest

from tests.support.tiny_training import architecture
from volunteer.plan.objectives import canonical_loss, canonical_optimizer
from volunteer.plan.project_plan import ProjectPlan, Role, VariableSpec, join, split
from volunteer.plan.refused import Refused
from volunteer.plan.shapes import Cost, InputSpec
from volunteer.plan.shards import ShardLayout

SPECS = [
    VariableSpec("d/kernel", (3, 2), Role.trainable),
    VariableSpec("bn/mean", (2,), Role.moving, 0.9),
    VariableSpec("d/bias", (), Role.trainable),
    VariableSpec("e/table", (2, 2), Role.frozen),
]


@pytest.fixture
def plan() -> ProjectPlan:
    return ProjectPlan(
        architecture=architecture(5), loss=canonical_loss("mean_squared_error"), metrics=[],
        optimizer=canonical_optimizer("sgd"), seed=3, layout=ShardLayout(22, 4, 8),
        inputs=[InputSpec("x", (5,), "float32")], variables=SPECS, cost=Cost(5, 20, 5),
    )  # fmt: skip


def test_a_plan_survives_the_journey(plan: ProjectPlan) -> None:
    again = ProjectPlan.decode(plan.encode())
    assert again == plan
    assert again.encode() == plan.encode()


def test_the_same_plan_is_the_same_bytes_whatever_the_order_of_its_keys(plan: ProjectPlan) -> None:
    data = json.loads(plan.encode())
    turned = json.dumps(dict(reversed(data.items()))).encode()
    assert turned != plan.encode()
    assert ProjectPlan.decode(turned).encode() == plan.encode()
    assert plan.sha256 == hashlib.sha256(plan.encode()).hexdigest()


def test_an_unknown_field_is_ignored_and_a_newer_version_is_not(plan: ProjectPlan) -> None:
    data = json.loads(plan.encode())
    assert ProjectPlan.decode(json.dumps({**data, "new": 1}).encode()) == plan
    with pytest.raises(Refused, match="version 2; this program reads 1"):
        ProjectPlan.decode(json.dumps({**data, "version": 2}).encode())


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"\xff", b"null", b'{"architecture":' + b"[" * 100_000], ids=lambda d: repr(d[:20])
)
def test_what_is_no_plan_is_refused(data: bytes) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        ProjectPlan.decode(data)


def test_a_host_checks_the_architecture_again(plan: ProjectPlan) -> None:
    data = json.loads(plan.encode())
    data["architecture"]["config"]["layers"][1]["class_name"] = "Lambda"
    with pytest.raises(Refused, match="Lambda"):
        ProjectPlan.decode(json.dumps(data).encode())
    data = json.loads(plan.encode())
    del data["architecture"]["config"]["layers"][1]["config"]["activation"]
    with pytest.raises(Refused, match="canonical"):
        ProjectPlan.decode(json.dumps(data).encode())


@pytest.mark.parametrize(
    ("field", "value"),
    [("layout", {"examples": 0, "batch_size": 1, "shard_examples": 1}), ("seed", "3"), ("variables", [{"path": "x"}])],
)
def test_a_field_that_is_wrong_is_named(plan: ProjectPlan, field: str, value: object) -> None:
    data = json.loads(plan.encode())
    with pytest.raises(Refused, match=rf"\$\.{field}|{field}"):
        ProjectPlan.decode(json.dumps({**data, field: value}).encode())


def test_sizes_are_added_by_role(plan: ProjectPlan) -> None:
    assert [plan.size_of(role) for role in Role] == [7, 2, 4]


def test_flat_vectors_and_variables_are_views_of_each_other(plan: ProjectPlan) -> None:
    specs = plan.of_role(Role.trainable)
    flat = np.arange(7, dtype=np.float32)
    kernel, bias = split(flat, specs)
    assert (kernel.shape, bias.shape) == ((3, 2), ())
    assert float(bias) == 6
    kernel[0, 0] = 99
    assert flat[0] == 99
    assert join([kernel, bias]).tolist() == flat.tolist()
    assert split(np.zeros(0, np.float32), []) == []
    assert join([]).shape == (0,)
    with pytest.raises(ValueError, match="does not hold"):
        split(flat[1:], specs)


def test_the_fields_of_a_plan_are_part_of_the_protocol() -> None:
    assert [field.name for field in msgspec.structs.fields(ProjectPlan)] == [
        "architecture", "loss", "metrics", "optimizer", "seed", "layout", "inputs", "variables", "cost", "version",
        "class_weights",
    ]  # fmt: skip
