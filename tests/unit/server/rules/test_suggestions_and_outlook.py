from typing import Any

import msgspec
import pytest

from server.rules.finding import Finding
from server.rules.intake_values import DataReading, ModelReading
from server.rules.learning_values import Inspection
from server.rules.objectives import Objective
from server.rules.outlook import LINE_BYTES_A_SECOND, ROUND_SECONDS, outlook
from server.rules.settings import ProjectSettings
from server.rules.sizing import memory_needed
from server.rules.suggestions import MOST_MEMORY, SHARD_BYTES, suggest
from volunteer.plan.shapes import Cost


def model(parameters: int = 10_000, activation_bytes: int = 4_000, operations: int = 20_000) -> ModelReading:
    return ModelReading(
        kind="h5", keras_version="3", weights="", architecture={}, inputs=(), output_shape=(10,),
        output_activation=None, cost=Cost(parameters, activation_bytes, operations), layers=3, loss=None, metrics=None,
        optimizer=None, index_limits={},
    )  # fmt: skip


def data(rows: int, row_bytes: int = 256) -> DataReading:
    return DataReading((), rows=rows, bytes=rows * row_bytes)


@pytest.mark.parametrize(
    ("rows", "batch_size", "k"), [(1, 1, 1), (5, 5, 1), (100, 8, 1), (1437, 32, 4), (60_000, 128, 16)]
)
def test_batch_size_and_k_grow_with_the_data(rows: int, batch_size: int, k: int) -> None:
    found = suggest(model(), data(rows), rows)
    assert (found.batch_size, found.k) == (batch_size, k)
    assert found.shard_examples % found.batch_size == 0
    assert 5 <= found.epochs <= 50


def test_a_mini_batch_that_most_machines_have_no_memory_for_is_not_suggested() -> None:
    heavy = model(parameters=5_000_000, activation_bytes=20 * 2**20)
    size = suggest(heavy, data(10**6), 10**6).batch_size
    assert size < 128
    assert memory_needed(5_000_000, 20 * 2**20, size) <= MOST_MEMORY
    assert suggest(model(activation_bytes=2**32), data(10**6), 10**6).batch_size == 1


def test_shards_are_soon_downloaded_and_never_too_many() -> None:
    images = suggest(model(), data(50_000, 150_000), 50_000)
    assert images.shard_examples * 150_000 <= SHARD_BYTES + images.batch_size * 150_000
    many = suggest(model(), data(10**7, 400_000), 10**7)
    assert 10**7 / many.shard_examples <= 2000


def finding(seconds: float | None = 0.02, **settings: Any) -> Finding:
    values: dict[str, Any] = {"batch_size": 10, "epochs": 3, "k": 4, "validation_fraction": 0.0, **settings}
    return Finding(
        ProjectSettings(name="x", **values), model(), data(200), Objective({}, [], {}),
        Inspection(variables=[], sources=[], weights="", frozen="", sums=1, seconds=seconds),
    )  # fmt: skip


def test_the_outlook_counts_rounds_hosts_and_bytes() -> None:
    found = outlook(finding(), [])
    assert (found.rounds, found.steps_per_epoch, found.useful_hosts) == (15, 5, 4)
    assert (found.bytes_down, found.bytes_up, found.bytes_data) == (40_000, 40_000, 200 * 256)
    assert not found.measured


def test_what_is_done_to_the_data_stands_among_the_settings_before_anything_starts() -> None:
    asked = finding()
    image = {"image": {"size": [16, 16], "channels": 3}}
    resized = msgspec.structs.replace(asked, data=msgspec.structs.replace(asked.data, preprocessing=image))
    assert ("Images", "16 × 16, colour") in outlook(resized, []).settings
    assert "Images" not in dict(outlook(asked, []).settings)


def test_more_hosts_than_k_make_it_no_faster() -> None:
    one, five, twenty = outlook(finding(), []).paces
    assert (one.hosts, five.hosts, twenty.hosts) == (1, 5, 20)
    assert one.seconds > five.seconds
    assert five.seconds == twenty.seconds
    sending = 80_000 / LINE_BYTES_A_SECOND
    expected = 15 * (4 * 0.02 + sending + ROUND_SECONDS) + 51_200 / LINE_BYTES_A_SECOND
    assert one.seconds == pytest.approx(expected)


def test_a_volunteer_transfers_its_part_of_the_data_and_the_weights_of_its_rounds() -> None:
    one, five, twenty = outlook(finding(), []).paces
    assert one.bytes == 51_200 + 15 * 80_000
    assert five.bytes == 51_200 // 4 + 15 * 80_000 * 4 // 5
    assert twenty.bytes == 51_200 // 4 + 15 * 80_000 * 4 // 20


def test_the_speed_of_the_grids_own_hosts_goes_before_the_servers_trial() -> None:
    found = outlook(finding(seconds=1000.0), [0.0, 1e6, 2e6, 4e9])
    assert found.measured
    # 20,000 multiply-adds an example, 10 examples, 2e6 a second: a tenth of a second, four times a round.
    assert found.paces[0].seconds < 15 * 1.0
    assert outlook(finding(seconds=None), []).paces[0].seconds > 0
