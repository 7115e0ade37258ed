"""The pass that checks drafts: every mistake is found and named beside its field before anything is queued."""

import datetime as dt
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from server.domain.drafts import folder_of
from server.domain.ports import Intake, Learner
from server.errors import GridError
from server.rules import forecast, objectives
from server.rules.intake_values import DataReading, DataRequest, ModelReading
from server.rules.learning_values import Inspection, InspectRequest
from server.rules.problems import Problem
from server.rules.settings import ProjectSettings, read_settings
from server.rules.states import DraftState
from server.storage.stores import Stores
from server.storage.tables import Draft
from volunteer.plan.objectives import label_rules
from volunteer.plan.refused import Refused

_LOG = logging.getLogger(__name__)
_NEEDED = {
    "model": "Choose a Keras model file (.keras or .h5).",
    "data": "Choose the training data (.npy or .npz).",
    "labels": "Choose the labels (.npy or .npz).",
}


class Finding(msgspec.Struct, frozen=True):
    """What a ready draft becomes a project of."""

    settings: ProjectSettings
    model: ModelReading
    data: DataReading
    objective: objectives.Objective
    inspection: Inspection


class DraftChecker:
    def __init__(self, stores: Stores, intake: Intake, learner: Learner) -> None:
        self._stores = stores
        self._intake = intake
        self._learner = learner

    def run_pass(self, now: dt.datetime) -> int:
        """Check every draft that waits for it; how many were."""
        waiting = self._stores.drafts.to_check()
        for draft in waiting:
            self._conclude(draft, *self._look(draft), now)
        return len(waiting)

    def _look(self, draft: Draft) -> tuple[list[Problem], list[str], Finding | None]:
        uploads = folder_of(self._stores, draft.id) / "uploads"
        files = {upload.field: uploads / upload.path for upload in self._stores.drafts.uploads(draft)}
        folder = folder_of(self._stores, draft.id)
        # Also what earlier checks left: unpacked data may be large.
        for earlier in folder.glob("check-*"):
            shutil.rmtree(earlier, ignore_errors=True)
        out = folder / f"check-{draft.revision}"
        out.mkdir(parents=True)
        try:
            return check(draft.form, files, out, self._intake, self._learner)
        except GridError as error:
            _LOG.warning("draft %d could not be checked: %s", draft.id, error.sentence)
            return [Problem("", f"This could not be checked just now: {error.sentence}")], [], None
        except Exception:
            _LOG.exception("checking draft %d failed", draft.id)
            return [Problem("", "Something went wrong in the server while checking; it has been recorded.")], [], None

    def _conclude(
        self, draft: Draft, problems: list[Problem], remarks: list[str], finding: Finding | None, now: dt.datetime
    ) -> None:
        ready = finding is not None and not problems
        facts = forecast.facts(finding.settings, finding.model, finding.data) if finding is not None else []
        with self._stores.database.write():
            self._stores.drafts.conclude(
                draft,
                DraftState.ready if ready else DraftState.needs_correction,
                [{"field": p.field, "sentence": p.sentence} for p in problems],
                remarks,
                facts,
                msgspec.to_builtins(finding) if ready else None,
                now,
            )


def check(
    form: Mapping[str, str], files: Mapping[str, Path], out: Path, intake: Intake, learner: Learner
) -> tuple[list[Problem], list[str], Finding | None]:
    """(problems, remarks, what was found). As many problems at once as can be told; the shell's checks use it too."""
    settings, problems = read_settings(form)
    problems += [Problem(field, sentence) for field, sentence in _NEEDED.items() if field not in files]
    if ("validation_data" in files) != ("validation_labels" in files):
        missing = "validation_labels" if "validation_data" in files else "validation_data"
        problems.append(Problem(missing, "Validation needs both data and labels."))
    if "model" not in files:
        return problems, [], None
    try:
        model = intake.read_model(files["model"], out / "model")
    except Refused as refused:
        return [*problems, Problem(refused.field, refused.sentence)], [], None
    remarks = list(model.remarks)
    chosen, mistakes = objectives.choose(model, settings or ProjectSettings(name=""))
    problems += mistakes
    if chosen is None or "data" not in files or "labels" not in files:
        return problems, remarks, None
    data = check_data(model, chosen, settings, files, out, intake)
    problems += [Problem(p.field, p.sentence) for p in data.problems]
    remarks += [p.sentence for p in data.remarks]
    if problems or settings is None or data.training is None:
        return problems, remarks, None
    try:
        inspection = inspect(model, chosen, settings, data, out, learner)
    except Refused as refused:
        return [Problem(refused.field, refused.sentence)], remarks, None
    return [], remarks, Finding(settings, model, data, chosen, inspection)


def check_data(
    model: ModelReading, chosen: objectives.Objective, settings: ProjectSettings | None, files: Mapping[str, Path],
    out: Path, intake: Intake,
) -> DataReading:  # fmt: skip
    optional: dict[str, Any] = {
        name: str(files[name]) for name in ("validation_data", "validation_labels") if name in files
    }
    if len(optional) < 2:
        optional = {}
    return intake.check_data(
        DataRequest(
            data=str(files["data"]), labels=str(files["labels"]), inputs=model.inputs,
            rule=label_rules(chosen.loss, model.output_shape), folder=str(out / "data"),
            index_limits=model.index_limits, batch_size=settings.batch_size if settings else None, **optional,
        )
    )  # fmt: skip


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
            seed=settings.seed,
        )
    )  # fmt: skip
