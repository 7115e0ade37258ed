"""The exact recipe of a training: everything that `daig-server replay` goes by, as JSON. Knows no weights' values."""

import datetime as dt
import importlib.metadata
import itertools
from collections.abc import Iterator
from typing import Any

import msgspec

from server.domain.history import History, seconds_of
from server.storage.stores import Stores
from server.storage.tables import Project, Round, Unit
from volunteer.protocol.version import NUMERICS, PROTOCOL, SOFTWARE

RECIPE_VERSION = 2
_LIBRARIES = ("keras", "tensorflow", "tensorflow-cpu", "numpy", "numba")
_HOW = (
    "All hosts compute at the weights that a round starts from. A round's gradient is made of its units' gradients, in"
    " the order in which they stand here, by the rule that its averaging names: mean is their sum over the sum of their"
    " examples (server/rules/aggregation.py), the others are in server/learning/averaging.py. The optimizer makes one"
    " step with it."
    " The rows of a mini-batch follow from plan.seed, the epoch and plan.layout (volunteer/plan/order.py). The operator"
    " of the grid recomputes all of it with `daig-server replay` and the project's number."
)


class Recipe:
    """Of one project, as it is when it is read."""

    def __init__(self, stores: Stores, history: History, project: Project) -> None:
        self._stores = stores
        self._history = history
        self._project = project

    def pieces(self, now: dt.datetime) -> Iterator[bytes]:
        """One JSON object. Its rounds are read page by page, as they are asked for."""
        head = msgspec.json.encode(self._head(now))
        yield head[:-1] + b',"checkpoints":' + msgspec.json.encode(self._checkpoints()) + b',"rounds":[\n'
        rounds = itertools.chain.from_iterable(map(self._rounds, self._history.pages(self._project.id)))
        for number, round_ in enumerate(rounds):
            yield (b",\n" if number else b"") + msgspec.json.encode(round_)
        yield b"\n]}\n"

    def _head(self, now: dt.datetime) -> dict[str, Any]:
        project, blobs = self._project, self._stores.blobs
        shards = [
            {"number": shard.number, "validation": validation, "examples": shard.examples, "sha256": shard.sha256}
            for validation in (False, True)
            for shard in self._stores.projects.shards(project.id, validation=validation)
        ]
        return {
            "recipe": RECIPE_VERSION,
            "how": _HOW,
            "written_at": now,
            "versions": {"daig": SOFTWARE, "protocol": PROTOCOL, "numerics": NUMERICS, **_libraries()},
            "project": {
                "number": project.id, "name": project.name, "state": project.state.value,
                "created_at": project.created_at, "ended_at": project.ended_at, "settings": project.settings,
                "preprocessing": project.preprocessing, "model_file": project.source_name,
                "model_file_sha256": project.source_sha256,
            },
            "seed": project.settings.get("seed", 0),
            "plan_sha256": project.plan_sha256,
            "plan": msgspec.Raw(blobs.path(project.plan_sha256).read_bytes()),
            "frozen_sha256": project.frozen_sha256,
            "shards": shards,
        }  # fmt: skip

    def _checkpoints(self) -> list[dict[str, Any]]:
        """Hashes stand where the weights are still kept."""
        return [
            {
                "round": one.round, "ends_epoch": one.ends_epoch, "weights_sha256": one.weights_sha256 or None,
                "optimizer_sha256": one.optimizer_sha256 or None, "validation_loss": one.validation_loss,
                "validation_metrics": one.validation_metrics,
            }
            for one in reversed(self._stores.checkpoints.kept(self._project.id))
        ]  # fmt: skip

    def _rounds(self, rounds: list[Round]) -> Iterator[dict[str, Any]]:
        units: dict[int, list[Unit]] = {}
        for unit in self._stores.work.valid_of_rounds(self._project.id, rounds[0].number, rounds[-1].number):
            units.setdefault(unit.round, []).append(unit)
        for one in rounds:
            yield {
                "round": one.number, "epoch": one.epoch, "mini_batches": one.used, "examples": one.examples,
                "averaging": one.averaging, "units": [unit.mini_batches for unit in units.get(one.number, [])],
                "loss": one.loss, "metrics": one.metrics, "opened_at": one.opened_at, "closed_at": one.closed_at,
                "seconds": seconds_of(one),
            }  # fmt: skip


def _libraries() -> dict[str, str]:
    """Of this server now; what hosts ran was of the same numerics."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
