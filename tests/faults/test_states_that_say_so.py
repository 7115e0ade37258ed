"""When nothing goes on, it says why: no hosts, no host with the memory, a model that diverges. Nothing spins."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from tests.support.by_hand import HostByHand
from tests.support.cast import Cast
from tests.support.digits import digits, save, small_cnn
from tests.support.grid import wait_for
from tests.support.ledger import Ledger
from tests.support.person import Person
from tests.support.processes import cpu_seconds

pytestmark = [pytest.mark.faults]
IDLE_SECONDS, IDLE_SHARE = 3.0, 0.15


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    with Cast(tmp_path_factory.mktemp("states")) as everyone:
        yield everyone


def _wait_for_words(person: Person, project: int, words: str, cast: Cast, seconds: float = 60) -> str:
    def said() -> str | None:
        status: str = person.view(project)["status"]
        return status if words in status else None

    return wait_for(  # type: ignore[no-any-return]
        said, seconds, lambda: f"{person.view(project)['status']}\n{cast.explain()}"
    )


def _require_idle(of_whom: Callable[[], list[psutil.Process]]) -> None:
    """Soon, for something may still be ending: a child that loads, an evaluation."""
    for _ in range(8):
        processes = of_whom()
        before = [cpu_seconds([one]) for one in processes]
        time.sleep(IDLE_SECONDS)
        with contextlib.suppress(psutil.NoSuchProcess):
            shares = [
                (" ".join(one.cmdline()[2:4]), round((cpu_seconds([one]) - taken) / IDLE_SECONDS, 3))
                for one, taken in zip(processes, before, strict=True)
            ]
            if sum(share for _, share in shares) < IDLE_SHARE:
                print(f"processes that have nothing to do take of one processor: {shares}")
                return
    raise AssertionError(f"they never rest: {shares}")


def _require_usable_weights(person: Person, project: int, folder: Path) -> None:
    import keras

    folder.mkdir(exist_ok=True)
    model = keras.models.load_model(person.download(project, folder), compile=False)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_a_grid_without_hosts_says_since_when_it_waits(stage: Cast, tmp_path: Path) -> None:
    project = stage.digits_project(small_cnn(), {"epochs": "1"})
    _wait_for_words(stage.owner, project, "Waiting for hosts since 20", stage)
    page = stage.owner.session.get(f"{stage.grid.address}/projects/{project}", timeout=30).text
    assert "Waiting for hosts since" in page
    _require_usable_weights(stage.owner, project, tmp_path)
    _require_idle(lambda: [psutil.Process(stage.grid.process.pid), *stage.grid.processes()])
    stage.owner.act(project, "delete")


def test_a_model_too_large_for_every_host_says_what_it_needs(stage: Cast, tmp_path: Path) -> None:
    """3 million parameters and wide activations at a batch of 256: more than the 1 GiB that the host lends."""
    import keras

    owner = Person(stage.grid.address, "greedy").sign_up()
    layers = [keras.layers.Conv2D(256, 3, padding="same", activation="relu") for _ in range(3)]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers, keras.layers.Flatten(), keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.01), loss)
    small = stage.host("small", "--memory", "1024")
    project = stage.digits_project(model, {"epochs": "1", "batch_size": "1024", "shard_examples": "1024"}, owner)
    said = _wait_for_words(owner, project, "Waiting for a host with enough memory", stage)
    assert "the largest host that is awake has 1.0 GB" in said
    _require_idle(lambda: [*stage.grid.processes(), psutil.Process(small.process.pid)])
    assert small.child() is None, "a host that never got work has no trainer"
    ledger = Ledger(stage.grid.data)
    assert ledger.one("SELECT COUNT(*) FROM result") == 0
    ledger.require_nobody_blamed()
    _require_usable_weights(owner, project, tmp_path)
    # Somebody with more memory comes, and it goes on.
    large = HostByHand(stage.grid.address, stage.lender.join_key(), "large")
    assert len(large.lease()["mini_batches"]) >= 1
    owner.act(project, "delete")
    small.stop()


# The largest rate that the form takes. In the first case hosts bring numbers that are not finite; in the second theirs
# are finite, and the optimizer's step overflows.
WILD = {
    "hosts": ("mean_squared_error", 1.0, "its loss or gradients are not finite"),
    "step": ("mean_absolute_error", 3e36, "the optimizer's step gives numbers that are not finite"),
}


@pytest.mark.parametrize("where", list(WILD))
def test_a_model_that_diverges_needs_attention_and_keeps_its_last_good_weights(
    stage: Cast, tmp_path: Path, where: str
) -> None:
    import keras

    loss, scale, words = WILD[where]
    owner = Person(stage.grid.address, f"daring {where}").sign_up()
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    model.compile(keras.optimizers.SGD(1e4), loss)
    hosts = [stage.host(f"{name} {where}") for name in ("steady", "other")]
    (x, y), _ = digits()
    files = save(tmp_path / "files", x * np.float32(scale), np.eye(10, dtype=np.float32)[y])
    files["model"] = tmp_path / "wild.keras"
    model.save(files["model"])
    project = owner.project(files, {"epochs": "30", "k": "4"})
    view: dict[str, Any] = owner.wait_until(project, "needs_attention", 90, stage.explain)
    print(view["status"])
    assert "diverged in round" in view["status"]
    assert words in view["status"]
    assert "smaller learning rate" in view["status"]
    _require_usable_weights(owner, project, tmp_path)
    stage.audit()
    ledger = Ledger(stage.grid.data)
    ledger.require_nobody_blamed()
    wait_for(lambda: ledger.one("SELECT COUNT(*) FROM result WHERE state = 'leased'") == 0, 20)
    _require_idle(lambda: [*stage.grid.processes(), *(psutil.Process(host.process.pid) for host in hosts)])
    rounds = view["round"]
    # A person may insist; it ends in the same way, and soon.
    owner.act(project, "resume")
    view = owner.wait_until(project, "needs_attention", 60, stage.explain)
    assert view["round"] == rounds
    for host in hosts:
        host.stop()
    owner.act(project, "delete")
