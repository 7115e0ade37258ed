"""Class weights and a warmed-up cosine, through browserless grid and hosts, against Keras in a plain loop."""

from typing import Any

import numpy as np
import pytest

from server.rules.states import UnitState
from server.storage.stores import open_stores
from tests.support.digits import digits, small_cnn
from volunteer.plan.order import dataset_order, mini_batch_rows
from volunteer.plan.project_plan import ProjectPlan

SEED, WEIGHTS = 5, [3.0, 1.0, 0.25, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 2.0]


# The file came without the optimizer's state, as it was never trained before it was uploaded.
@pytest.mark.filterwarnings("ignore:Skipping variable loading")
@pytest.mark.long
def test_a_training_with_class_weights_and_a_schedule_equals_a_plain_loop(cast: Any) -> None:
    import keras

    from tests.integration.independent_replay import Round, relative_error, replay

    model = small_cnn(batch_norm=True, rate=0.003, smooth=True)
    form = {
        "epochs": "1", "k": "6", "batch_size": "16", "seed": str(SEED), "validation_fraction": "0",
        "class_weights": "0:3, 2:0.25, 7:0, 9:2", "schedule": "cosine", "warmup_rounds": "3",
    }  # fmt: skip
    project = cast.digits_project(model, form)
    cast.host("steady")
    cast.host("slow")
    cast.finished(project)
    # The file's own description of its optimizer is untouched, so stock Keras loads and goes on with it.
    trained = keras.models.load_model(cast.owner.download(project, cast.folder))
    assert float(trained.optimizer.learning_rate) == pytest.approx(0.003)

    stores = open_stores(cast.grid.data)
    row = stores.projects.by_id(project)
    plan = ProjectPlan.decode(stores.blobs.path(row.plan_sha256).read_bytes())
    rounds = [
        Round(r.epoch, [u.mini_batches for u in stores.work.units_of_round(project, r.number, UnitState.valid)])
        for r in stores.rounds.closed(project)
    ]
    (x, y), _ = digits()
    order = dataset_order(SEED, len(x))

    def rows_of(epoch: int, mini_batch: int) -> Any:
        slot = plan.layout.locate(mini_batch)
        return order[slot.shard * plan.layout.shard_examples + mini_batch_rows(SEED, epoch, plan.layout, mini_batch)]

    steps = -(-plan.layout.mini_batches // 6)
    rate = keras.optimizers.schedules.CosineDecay(0.003 / 4, steps - 3, warmup_target=0.003, warmup_steps=3)
    crossentropy = keras.losses.SparseCategoricalCrossentropy()

    def loss(labels: Any, predicted: Any) -> Any:
        return crossentropy(labels, predicted, sample_weight=np.float32(WEIGHTS)[labels])

    expected = replay(model, loss, keras.optimizers.Adam(rate), x, y, rounds, rows_of)
    error = relative_error(trained.get_weights(), expected)
    print(f"relative error of the final weights after {len(rounds)} rounds: {error:.2g}")
    assert error < 1e-5
