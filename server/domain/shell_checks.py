"""The form's own checks, for the shell: a model alone, or data against a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from server.domain.draft_checker import check
from server.domain.ports import Intake, Learner
from server.rules import objectives
from server.rules.intake_values import ModelReading
from server.rules.learning_values import InspectRequest
from server.rules.problems import Problem
from server.rules.settings import ProjectSettings
from volunteer.plan.objectives import canonical_loss, optimizer_from_form
from volunteer.plan.refused import Refused


@dataclass(frozen=True)
class Found:
    """What a check came to: problems (none is good), one sentence, and facts as label and text."""

    problems: Sequence[Problem]
    sentence: str
    facts: Sequence[tuple[str, str]]


def check_model(file: Path, scratch: Path, intake: Intake, learner: Learner) -> Found:
    """Read the model, build it and load its weights, as the form would."""
    if missing := _missing({"model": file}):
        return missing
    try:
        model = intake.read_model(file.absolute(), scratch / "model")
        chosen, _ = objectives.choose(model, ProjectSettings(name=file.name))
        loss = chosen.loss if chosen else canonical_loss("mse")
        optimizer = chosen.optimizer if chosen else optimizer_from_form("SGD", 0.01)
        learner.inspect(
            InspectRequest(
                architecture=model.architecture, loss=loss, metrics=chosen.metrics if chosen else [],
                optimizer=optimizer, inputs=list(model.inputs), kind="h5" if model.kind == "h5" else "keras",
                weights_file=model.weights, batch_size=1, out=str(scratch / "inspection"),
            )
        )  # fmt: skip
    except Refused as refused:
        return Found([Problem(refused.field, refused.sentence)], refused.sentence, [])
    compiled = f"compiled with {chosen.loss['class_name']}" if chosen else "not compiled: choose loss and optimizer"
    sentence = (
        f"{file.name} can be trained: {model.layers} layers, {model.cost.parameters:,} parameters, {compiled}."
    )
    return Found([], sentence, _facts(model))


def check_data(
    files: Mapping[str, Path], form: Mapping[str, str], scratch: Path, intake: Intake, learner: Learner
) -> Found:
    """All of the form's checks of model, data and labels together."""
    given = {"model": files["model"], "data": files["data_file"]}
    if "labels" in files:
        given["labels"] = files["labels"]
    if missing := _missing(given):
        return missing
    named = {field: path.absolute() for field, path in given.items()}
    texts = {"name": "check", "consent": "1", "validation_fraction": "0", **form}
    checked = check(texts, named, scratch, intake, learner)
    finding = checked.finding
    if finding is None:
        return Found(checked.problems, " ".join(p.sentence for p in checked.problems), [])
    sentence = " ".join([f"{finding.data.rows:,} examples fit the model.", *checked.remarks])
    return Found([], sentence, _facts(finding.model))


def _missing(files: Mapping[str, Path]) -> Found | None:
    """What is not there, or is no file; None when all are."""
    problems = [
        Problem(field, f"{path} is not a file." if path.exists() else f"There is no file {path}.")
        for field, path in files.items()
        if not path.is_file()
    ]
    return Found(problems, " ".join(problem.sentence for problem in problems), []) if problems else None


def _facts(model: ModelReading) -> list[tuple[str, str]]:
    return [
        ("kind", model.kind),
        ("keras_version", model.keras_version),
        ("layers", str(model.layers)),
        ("parameters", str(model.cost.parameters)),
        ("operations", str(model.cost.operations)),
        ("activation_bytes", str(model.cost.activation_bytes)),
    ]
