"""The pass that checks drafts: every mistake is found and named beside its field before anything is queued."""

import datetime as dt
import logging
import shutil
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import msgspec

from server.domain.cloning import Gatherer
from server.domain.drafts import folder_of
from server.domain.ports import Intake, Learner
from server.domain.room import CHECKS, Room
from server.errors import GridError
from server.rules import forecast, objectives
from server.rules.finding import Finding
from server.rules.intake_values import DataReading, DataRequest, ModelReading, PreviewRequest
from server.rules.learning_values import Inspection, InspectRequest
from server.rules.preprocessing import Preparation, read_preparation
from server.rules.problems import Problem
from server.rules.quotas import UploadBounds
from server.rules.settings import ProjectSettings, only_objective, read_settings
from server.rules.states import DraftState
from server.rules.suggestions import suggest
from server.storage.stores import Stores
from server.storage.tables import Draft
from volunteer.plan.architecture import describe
from volunteer.plan.objectives import label_rules
from volunteer.plan.refused import Refused

_LOG = logging.getLogger(__name__)
_OURS = "Something went wrong in the server while checking; it has been recorded."
_RESCALING = ("Rescaling", "Normalization")
_NEEDED = {
    "model": "Choose a Keras model file (.keras or .h5).",
    "data": "Choose the training data (.npy, .npz, CSV, Parquet, or a zip with one folder of images for each class).",
}
_LABELS = "Choose the labels, unless the data file brings them: a CSV's column, an .npz's array y, a zip's folders."


class Checked(msgspec.Struct, frozen=True):
    """The outcome of a check: as many problems at once as can be told, remarks, and what people are shown of the files.

    `finding` is None exactly when there are problems, or files are missing.
    """

    problems: list[Problem]
    remarks: list[str] = []
    finding: Finding | None = None
    preview: dict[str, Any] = {}


class DraftChecker:
    def __init__(
        self, stores: Stores, intake: Intake, learner: Learner, bounds: UploadBounds | None = None
    ) -> None:
        self._stores = stores
        self._intake = intake
        self._learner = learner
        self._gatherer = Gatherer(stores, intake, bounds)
        self._room = Room(stores, bounds or UploadBounds())

    def run_pass(self, now: dt.datetime) -> int:
        """Check every draft that waits for it; how many were. One that fails holds up none of the others.

        By turns: of each account the oldest, then whoever waits by then. Nobody's fifty large drafts come before all.
        """
        tried: set[int] = set()
        moved = 0
        while turn := self._turn(tried):
            tried |= {draft.id for draft in turn}
            moved += sum(self._check_one(draft, now) for draft in turn)
        return moved

    def _turn(self, tried: Set[int]) -> list[Draft]:
        waiting = [draft for draft in self._stores.drafts.to_check() if draft.id not in tried]
        oldest: dict[int, Draft] = {}
        for draft in waiting:
            oldest.setdefault(draft.owner_id, draft)
        return list(oldest.values())

    def _check_one(self, draft: Draft, now: dt.datetime) -> int:
        out = folder_of(self._stores, draft.id) / f"check-{draft.revision}"
        ready = False
        try:
            ready = self._conclude(draft, self._look(draft, out), now)
        except Exception as error:
            _LOG.exception("checking draft %d failed", draft.id)
            sentence = _OURS
            if isinstance(error, GridError):
                sentence = f"This could not be checked just now: {error.sentence}"
            try:
                self._conclude(draft, Checked([Problem("", sentence)]), now)
            except Exception:
                # Not even that: it stays where it is, and is tried again when the duty is due.
                _LOG.exception("draft %d could not be concluded", draft.id)
                return 0
        finally:
            if not ready:
                # Unpacked data may be large, and the next check unpacks them again.
                shutil.rmtree(out, ignore_errors=True)
        return 1

    def _look(self, draft: Draft, out: Path) -> Checked:
        folder = folder_of(self._stores, draft.id)
        try:
            self._gatherer.gather(draft)
        except Refused as refused:
            return Checked([Problem(refused.field, refused.sentence)])
        files = {upload.field: folder / "uploads" / upload.path for upload in self._stores.drafts.uploads(draft)}
        # What a killed process or an older revision left.
        for earlier in folder.glob(CHECKS):
            shutil.rmtree(earlier, ignore_errors=True)
        out.mkdir(parents=True)
        room = self._room.left(draft.owner_id, self._room.measure(draft.owner_id))
        checked = check(draft.form, files, out, self._intake, self._learner, room)
        done_before = self._gatherer.preprocessing(draft)
        if checked.finding is None or done_before is None:
            return checked
        data = msgspec.structs.replace(checked.finding.data, preprocessing=done_before)
        return msgspec.structs.replace(checked, finding=msgspec.structs.replace(checked.finding, data=data))

    def _conclude(self, draft: Draft, checked: Checked, now: dt.datetime) -> bool:
        """Record the outcome; whether the draft is ready now."""
        finding = checked.finding
        ready = finding is not None and not checked.problems
        facts = forecast.facts(finding.settings, finding.model, finding.data) if finding is not None else []
        with self._stores.database.write():
            recorded = self._stores.drafts.conclude(
                draft,
                DraftState.ready if ready else DraftState.needs_correction,
                [{"field": p.field, "sentence": p.sentence} for p in checked.problems],
                checked.remarks,
                facts,
                msgspec.to_builtins(finding) if ready else None,
                now,
                checked.preview,
            )
        return ready and recorded


def check(
    form: Mapping[str, str], files: Mapping[str, Path], out: Path, intake: Intake, learner: Learner,
    room: int | None = None,
) -> Checked:  # fmt: skip
    """Everything that can be told of these texts and files; the shell's checks use it too.

    `room`: so many bytes may the data take when they are unpacked and converted.
    """
    own_validation = "validation_data" in files
    settings, problems = read_settings(form, own_validation=own_validation)
    preparation, unclear = read_preparation(form)
    problems += unclear + [Problem(field, sentence) for field, sentence in _NEEDED.items() if field not in files]
    if not files.keys() & {"data", "labels"}:
        problems.append(Problem("labels", _LABELS))
    remarks: list[str] = []
    try:
        if "model" not in files:
            return _without_model(problems, remarks, files, preparation, out, intake, room)
        model = intake.read_model(files["model"], out / "model")
    except Refused as refused:
        problems.append(Problem(refused.field, refused.sentence))
        return _without_model(problems, remarks, files, preparation, out, intake, room)
    remarks += model.remarks
    chosen, mistakes = objectives.choose(model, settings or only_objective(form))
    problems += mistakes
    if chosen is None or "data" not in files:
        return _without_model(problems, remarks, files, preparation, out, intake, room)
    given = settings if form.get("batch_size", "").strip() else None
    data = check_data(model, chosen, given, preparation, files, out, intake, room)
    preview, data = data.preview, msgspec.structs.replace(data, preview={})
    problems += [Problem(p.field, p.sentence) for p in data.problems]
    remarks += [p.sentence for p in data.remarks]
    problems += _unwatched(settings, "validation_data" in files or data.validation_rows > 0)
    if settings is not None and data.training is not None:
        settings = _with_suggestions(form, settings, model, data)
        problems += forecast.problems(settings, data)
        settled, mistakes = objectives.settle(chosen, model, settings, data, forecast.rounds(settings, data))
        chosen, problems = settled or chosen, problems + mistakes
    if problems or settings is None or data.training is None:
        return Checked(problems, remarks, None, preview)
    try:
        model = costed(model, data)
        inspection = inspect(model, chosen, settings, data, out, learner)
    except Refused as refused:
        return Checked([Problem(refused.field, refused.sentence)], remarks, None, preview)
    return Checked([], remarks, Finding(settings, model, data, chosen, inspection), preview)


def _unwatched(settings: ProjectSettings | None, validated: bool) -> list[Problem]:
    """Early stopping needs something to look at; the data file may bring validation data, too."""
    if settings is None or not settings.early_stopping or settings.validation_fraction or validated:
        return []
    sentence = "Early stopping looks at the validation loss: set some data aside, or set this to 0."
    return [Problem("early_stopping", sentence)]


def _without_model(
    problems: list[Problem], remarks: list[str], files: Mapping[str, Path], preparation: Preparation, out: Path,
    intake: Intake, room: int | None,
) -> Checked:  # fmt: skip
    """What can be said and shown of the data files while the model, or its loss, is missing."""
    shown = {field: str(path) for field, path in files.items() if field != "model"}
    if not shown:
        return Checked(problems, remarks)
    reading = intake.preview(PreviewRequest(shown, str(out / "data"), preparation.label_column, room))
    return Checked([*problems, *reading.problems], remarks, None, reading.preview)


def _with_suggestions(
    form: Mapping[str, str], settings: ProjectSettings, model: ModelReading, data: DataReading
) -> ProjectSettings:
    """The same settings, with what was left to the grid chosen for this model and this data."""
    suggested = suggest(model, data, forecast.split_rows(settings, data)[0])
    chosen, _ = read_settings(form, msgspec.structs.asdict(suggested), bool(data.validation_rows))
    return chosen or settings


def check_data(
    model: ModelReading, chosen: objectives.Objective, settings: ProjectSettings | None, preparation: Preparation,
    files: Mapping[str, Path], out: Path, intake: Intake, room: int | None = None,
) -> DataReading:  # fmt: skip
    optional: dict[str, Any] = {
        name: str(files[name]) for name in ("validation_data", "validation_labels") if name in files
    }
    return intake.check_data(
        DataRequest(
            data=str(files["data"]), labels=str(files["labels"]) if "labels" in files else None, inputs=model.inputs,
            rule=label_rules(chosen.loss, model.output_shape), folder=str(out / "data"),
            index_limits=model.index_limits, batch_size=settings.batch_size if settings else None,
            preparation=preparation, rescales=_rescales(model.architecture),
            room=room, **optional,
        )
    )  # fmt: skip


def _rescales(architecture: Any) -> bool:
    """Whether the model has a layer that brings numbers to a scale by itself."""
    if isinstance(architecture, Mapping):
        return architecture.get("class_name") in _RESCALING or any(map(_rescales, architecture.values()))
    return isinstance(architecture, list | tuple) and any(map(_rescales, architecture))


def costed(model: ModelReading, data: DataReading) -> ModelReading:
    """The model with what an example of this data costs: open dimensions have a length now.

    Raises Refused (beside the data) where that passes a bound.
    """
    if all(length is not None for spec in model.inputs for length in spec.shape):
        return model
    parts = [("data", data.training), ("validation_data", data.validation)]
    costs = []
    for field, examples in parts:
        if examples is not None:
            lengths = {array.name: array.row_shape for array in examples.inputs}
            try:
                costs.append(describe(model.architecture, lengths=lengths).cost)
            except Refused as refused:
                raise Refused(f"With examples of this length: {refused.sentence}", field) from None
    return msgspec.structs.replace(model, cost=costs[0])


def inspect(
    model: ModelReading, chosen: objectives.Objective, settings: ProjectSettings, data: DataReading, out: Path,
    learner: Learner,
) -> Inspection:  # fmt: skip
    assert data.training is not None
    return learner.inspect(
        InspectRequest(
            architecture=model.architecture, loss=chosen.loss, metrics=chosen.metrics, optimizer=chosen.optimizer,
            inputs=list(model.inputs), kind="h5" if model.kind == "h5" else "keras", weights_file=model.weights,
            batch_size=min(settings.batch_size, data.rows), out=str(out / "inspection"),
            x={array.name: array.sample for array in data.training.inputs}, y=data.training.labels.sample,
            seed=settings.seed, class_weights=chosen.class_weights,
        )
    )  # fmt: skip
