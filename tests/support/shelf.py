"""Results that lie ready, for tests of pages: no weights, no child processes."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from server.errors import Busy, NotFound
from server.rules.incoming import Download
from server.rules.results import HistoryRow, KeptView, ResultsView

START = dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC)
BEST = KeptView(10, 2, True, 5_000_000, 0.21, {"accuracy": 0.97})
NEWEST = KeptView(12, 2, False, 5_000_000, None, {})
VIEW = ResultsView(
    project_id=1, name="Digits <&>", source_name="digits.h5", kept=[NEWEST, BEST], latest=NEWEST, best=BEST,
    has_preprocessing=True, sample='model = keras.models.load_model("digits-round-12.keras")\n',
)  # fmt: skip


class Shelf:
    """Project 1 is account 1's."""

    def __init__(self, folder: Path, kept: tuple[KeptView, ...] = (NEWEST, BEST)) -> None:
        self.file = folder / "out.h5"
        self.shown = VIEW if kept else changed(VIEW, kept=[], latest=None, best=None)
        self.asked: list[tuple[Any, ...]] = []
        self.busy = False

    def _check(self, owner_id: int, project_id: int) -> None:
        if (owner_id, project_id) != (1, 1):
            raise NotFound("There is no such project.")

    def view(self, owner_id: int, project_id: int) -> ResultsView:
        self._check(owner_id, project_id)
        return self.shown

    def download(self, owner_id: int, project_id: int, which: str, kind: str, now: dt.datetime) -> Download:
        self._check(owner_id, project_id)
        if self.busy:
            raise Busy("Other models are being written just now.")
        self.asked.append((which, kind))
        self.file.write_bytes(b"weights" * 1000)
        return Download(self.file, "digits-round-12.h5")

    def tensorboard(self, owner_id: int, project_id: int, now: dt.datetime) -> Download:
        self._check(owner_id, project_id)
        self.file.write_bytes(b"zip")
        return Download(self.file, "digits-tensorboard.zip")

    def history(self, owner_id: int, project_id: int) -> Iterator[HistoryRow]:
        self._check(owner_id, project_id)
        row = HistoryRow(
            round=0, epoch=0, closed_at=START, seconds=1.5, mini_batches=4, examples=128, learning_rate=0.01,
            loss=2.0, metrics={"accuracy": 0.5},
        )  # fmt: skip
        return iter([row, changed(row, round=1, validation_loss=1.0, validation_metrics={"accuracy": 0.6})])

    def recipe(self, owner_id: int, project_id: int, now: dt.datetime) -> Iterator[bytes]:
        self._check(owner_id, project_id)
        return iter([b'{"seed":', b"9}"])

    def preprocessing(self, owner_id: int, project_id: int) -> dict[str, Any]:
        self._check(owner_id, project_id)
        return {"version": 1}


def changed(value: Any, **changes: Any) -> Any:
    """A copy of a msgspec value with some fields changed."""
    return type(value)(**{**{name: getattr(value, name) for name in value.__struct_fields__}, **changes})
