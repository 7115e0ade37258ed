"""What the grid trains is what a plain loop computes: to the number, whatever the hosts' pace."""

import random
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.rules.states import UnitState
from server.storage.stores import open_stores
from tests.support.digits import digits, small_cnn
from tests.support.volunteer import RunningVolunteer
from volunteer.plan.order import dataset_order, mini_batch_rows
from volunteer.plan.project_plan import ProjectPlan
from volunteer.protocol.gradients import GradientBlob
from volunteer.trainer.job import Computed, Job
from volunteer.trainer.process import TrainerProcess, TrainerSettings
from volunteer.trainer.reins import Reins

BATCH = 16
SEEDS = (7, *(pytest.param(seed, marks=pytest.mark.long) for seed in (8, 2026, 31_337)))


def stutter(hosts: list[RunningVolunteer], stop: threading.Event, seed: int) -> None:
    """Random delays: suspend one trainer after the other for a random while."""
    dice = random.Random(seed)
    while not stop.wait(dice.uniform(0.02, 0.2)):
        trainer = dice.choice(hosts).child()
        if trainer is not None and trainer.is_running():
            trainer.suspend()
            time.sleep(dice.uniform(0.02, 0.3))
            trainer.resume()


@pytest.mark.parametrize("seed", SEEDS)
def test_two_epochs_with_batchnorm_equal_a_plain_loop_of_gradient_tape(cast: Any, seed: int) -> None:
    import keras

    from tests.integration.independent_replay import Round, relative_error, replay

    model = small_cnn(batch_norm=True, rate=0.003, smooth=True)
    form = {"epochs": "2", "k": "6", "batch_size": str(BATCH), "seed": str(seed), "validation_fraction": "0"}
    project = cast.digits_project(model, form)
    hosts = [cast.host(name) for name in ("steady", "slow", "slower")]
    stop = threading.Event()
    thread = threading.Thread(target=stutter, args=(hosts, stop, seed))
    thread.start()
    try:
        cast.finished(project)
    finally:
        stop.set()
        thread.join()
    trained = keras.models.load_model(cast.owner.download(project, cast.folder), compile=False)
    cast.audit()

    stores = open_stores(cast.grid.data)
    row = stores.projects.by_id(project)
    plan = ProjectPlan.decode(stores.blobs.path(row.plan_sha256).read_bytes())
    rounds = [
        Round(r.epoch, [u.mini_batches for u in stores.work.units_of_round(project, r.number, UnitState.valid)])
        for r in stores.rounds.closed(project)
    ]
    assert sum(len(unit) for one in rounds for unit in one.units) == 2 * plan.layout.mini_batches
    (x, y), _ = digits()
    order = dataset_order(seed, len(x))

    def rows_of(epoch: int, mini_batch: int) -> Any:
        slot = plan.layout.locate(mini_batch)
        inside = mini_batch_rows(seed, epoch, plan.layout, mini_batch)
        return order[slot.shard * plan.layout.shard_examples + inside]

    loss = keras.losses.SparseCategoricalCrossentropy()
    expected = replay(model, loss, keras.optimizers.Adam(0.003), x, y, rounds, rows_of)
    error = relative_error(trained.get_weights(), expected)
    print(f"relative error of the final weights after {len(rounds)} rounds: {error:.2g}")
    assert error < 1e-5


@pytest.mark.parametrize("k", [4, 8])
def test_batchnorm_ends_near_fit_given_as_many_steps_at_the_same_effective_batch(cast: Any, k: int) -> None:
    epochs = 8
    model = small_cnn(batch_norm=True, rate=0.003)
    form = {"epochs": str(epochs), "k": str(k), "batch_size": "8", "validation_fraction": "0"}
    project = cast.digits_project(model, form)
    cast.host("steady")
    cast.host("slow")
    rounds = cast.finished(project)["round"]

    import keras

    (x, y), (held_x, held_y) = digits()
    trained = keras.models.load_model(cast.owner.download(project, cast.folder), compile=False)
    steps = 0
    while steps < rounds:
        left = rounds - steps
        history = model.fit(x[: left * 8 * k], y[: left * 8 * k], batch_size=8 * k, epochs=1, verbose=0)
        assert history is not None
        steps += min(left, -(-len(x) // (8 * k)))
    ours, theirs = (
        float((one.predict(held_x, verbose=0).argmax(1) == held_y).mean()) for one in (trained, model)
    )
    print(f"K={k}: grid {ours:.4f}, fit {theirs:.4f} after {rounds} steps")
    assert abs(ours - theirs) <= 0.03


def test_two_hosts_given_the_same_unit_with_dropout_agree(cast: Any, tmp_path: Path) -> None:
    project = cast.digits_project(small_cnn(batch_norm=True, dropout=0.5), {"epochs": "1"})
    cast.owner.wait_until(project, "running", 60, cast.explain)
    stores = open_stores(cast.grid.data)
    row = stores.projects.by_id(project)
    checkpoint = stores.checkpoints.get(project, 0)
    assert checkpoint is not None
    blobs = []
    for threads in (1, 2):
        job = Job(
            label="unit", plan=stores.blobs.path(row.plan_sha256), plan_sha256=row.plan_sha256,
            weights=stores.blobs.path(checkpoint.weights_sha256), frozen=stores.blobs.path(row.frozen_sha256),
            shards={s.number: stores.blobs.path(s.sha256) for s in stores.projects.shards(project)},
            epoch=0, mini_batches=[5, 3, 17, 0], out=tmp_path / f"host-{threads}" / "gradient",
        )  # fmt: skip
        settings = TrainerSettings(tmp_path / f"host-{threads}", 2 * 2**30, threads, readable=(cast.grid.data,))
        trainer = TrainerProcess(settings)
        try:
            outcome = trainer.compute(job, Reins(), lambda done: None)
        finally:
            trainer.close()
        assert isinstance(outcome, Computed), outcome
        blobs.append(GradientBlob.decode(outcome.path.read_bytes()))
    a, b = (blob.gradient for blob in blobs)
    distance = float(np.linalg.norm(a - b) / np.linalg.norm(b))
    print(f"relative distance of two hosts' gradients with dropout: {distance:.2g}")
    assert distance < 1e-4
    np.testing.assert_allclose(blobs[0].moving, blobs[1].moving, rtol=1e-4, atol=1e-4)
