import dataclasses
import datetime as dt

import pytest

from server.rules.settings import MAX_NAME, ProjectSettings, read_settings
from server.rules.states import ProjectState
from server.rules.status import Situation, explain, gigabytes

LEND = "You can lend one under My computers."
GOOD = {"name": "digits", "consent": "on"}


def problem(**texts: str) -> tuple[str, str]:
    settings, problems = read_settings({**GOOD, **texts})
    assert settings is None
    assert len(problems) == 1, problems
    return problems[0].field, problems[0].sentence


def test_what_is_left_out_takes_its_default() -> None:
    settings, problems = read_settings(GOOD)
    assert problems == []
    assert settings == ProjectSettings(name="digits")


def test_everything_can_be_set() -> None:
    settings, problems = read_settings(
        {
            "name": "  my digits ", "batch_size": " 8 ", "epochs": "3", "k": "16", "shard_examples": "64",
            "report_deadline": "120", "validation_fraction": "0.25", "optimizer": "Adam", "learning_rate": "1e-4",
            "loss": "MeanSquaredError", "metrics": "accuracy, Precision ,", "scale_learning_rate": "on", "seed": "7",
            "consent": "1", "averaging": " trimmed_mean ", "quorum": "3",
        }
    )  # fmt: skip
    assert problems == []
    assert settings == ProjectSettings(
        name="my digits", batch_size=8, epochs=3, k=16, shard_examples=64, report_deadline=120,
        validation_fraction=0.25, optimizer="Adam", learning_rate=1e-4, loss="MeanSquaredError",
        metrics=("accuracy", "Precision"), scale_learning_rate=True, seed=7, averaging="trimmed_mean", quorum=3,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "batch", "given"), [(1, 32, 32), (256, 32, 256), (257, 32, 288), (10, 10, 10), (1, 7, 7)]
)
def test_a_shard_is_whole_mini_batches(asked: int, batch: int, given: int) -> None:
    settings, _ = read_settings({**GOOD, "shard_examples": str(asked), "batch_size": str(batch)})
    assert settings is not None
    assert settings.shard_examples == given


@pytest.mark.parametrize("field", ["batch_size", "epochs", "k", "shard_examples", "report_deadline", "seed"])
@pytest.mark.parametrize("text", ["many", "1.5", "1e3", "-1", "9" * 400, "0x10", "--"])
def test_a_whole_number_that_cannot_be_is_named(field: str, text: str) -> None:
    named, sentence = problem(**{field: text})
    assert named == field
    assert "not a whole number" in sentence or "out of range" in sentence


@pytest.mark.parametrize(
    ("field", "below", "least", "most", "above"),
    [
        ("batch_size", "0", "1", "65536", "65537"),
        ("epochs", "0", "1", "10000", "10001"),
        ("k", "0", "1", "100000", "100001"),
        ("report_deadline", "29", "30", "604800", "604801"),
        ("validation_fraction", "-0.01", "0", "0.9", "0.91"),
        ("learning_rate", "0", "1e-12", "1000", "1001"),
        ("seed", "-1", "0", str(2**53), str(2**53 + 1)),
    ],
)
def test_limits_themselves_are_allowed(field: str, below: str, least: str, most: str, above: str) -> None:
    for text in (least, most):
        assert read_settings({**GOOD, field: text})[1] == []
    for text in (below, above):
        assert problem(**{field: text})[0] == field


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "half", "0,1"])
@pytest.mark.parametrize("field", ["validation_fraction", "learning_rate"])
def test_a_number_that_is_none_is_named(field: str, text: str) -> None:
    assert problem(**{field: text})[0] == field


def test_a_project_needs_a_name_that_is_not_too_long() -> None:
    assert problem(name="  ") == ("name", "Give the project a name.")
    assert problem(name="x" * 121) == ("name", f"The name has 121 letters; {MAX_NAME} is the most.")


@pytest.mark.parametrize("text", ["", "0", "false"])
def test_without_consent_nothing_goes_to_strangers(text: str) -> None:
    assert problem(consent=text)[0] == "consent"


def test_all_mistakes_are_named_at_once() -> None:
    _, problems = read_settings({"k": "x", "epochs": "0", "learning_rate": "y", "validation_fraction": "2"})
    assert {p.field for p in problems} == {"name", "k", "epochs", "learning_rate", "validation_fraction", "consent"}


RUNNING = Situation(
    state=ProjectState.running, reason="", round=3, closing=False, hosts_at_work=0, hosts_online=0,
    hosts_with_memory=0, largest_memory=0, memory_needed=2**30,
    idle_since=dt.datetime(2026, 3, 1, 12, 5, tzinfo=dt.UTC),
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, f"Waiting for hosts since 2026-03-01 12:05 UTC: none is attached and awake. {LEND}"),
        ({"idle_since": None}, f"Waiting for hosts: none is attached and awake. {LEND}"),
        (
            {"hosts_online": 2, "largest_memory": 2**29},
            "Waiting for a host with enough memory since 2026-03-01 12:05 UTC: one mini-batch needs about 1.0 GB, the "
            "largest host that is awake has 0.5 GB. A smaller batch size or model would fit.",
        ),
        (
            {"hosts_online": 2, "hosts_with_memory": 1},
            "Waiting for the next host to ask for work since 2026-03-01 12:05 UTC; 2 awake.",
        ),
        (
            {"hosts_online": 1, "hosts_with_memory": 1, "unconfirmed": 1},
            "Waiting for a second opinion on 1 result of round 3: another volunteer's machine, or the server itself "
            "when it can, computes it again.",
        ),
        (
            {"unconfirmed": 2},
            "Waiting for a second opinion on 2 results of round 3: another volunteer's machine, or the server itself "
            "when it can, computes them again.",
        ),
        ({"hosts_at_work": 1, "unconfirmed": 2}, "Training: 1 host is computing round 3."),
        ({"hosts_at_work": 1}, "Training: 1 host is computing round 3."),
        ({"hosts_at_work": 2}, "Training: 2 hosts are computing round 3."),
        ({"closing": True, "hosts_at_work": 1}, "Round 3 has its gradients; the optimizer is taking its step."),
        ({"state": ProjectState.needs_attention, "reason": "it burns"}, "Needs attention: it burns"),
        ({"state": ProjectState.paused}, "Paused. Nothing is handed out until you resume it."),
        ({"state": ProjectState.preparing}, "Cutting the data into shards."),
        ({"state": ProjectState.finished}, "Finished. The trained model can be downloaded."),
        ({"state": ProjectState.cancelled}, "Cancelled. The weights of the last closed round can be downloaded."),
    ],
)
def test_a_project_says_what_goes_on_or_why_nothing_does(changes: dict[str, object], sentence: str) -> None:
    assert explain(dataclasses.replace(RUNNING, **changes)) == sentence  # type: ignore[arg-type]


@pytest.mark.parametrize("state", ProjectState)
def test_every_state_has_a_sentence(state: ProjectState) -> None:
    assert explain(dataclasses.replace(RUNNING, state=state)).rstrip(": ")


def test_memory_is_told_in_gigabytes() -> None:
    assert gigabytes(3 * 2**29) == "1.5 GB"


@pytest.mark.parametrize(
    ("texts", "field", "said"),
    [
        ({"schedule": "zigzag"}, "schedule", "none of constant, cosine, linear, exponential"),
        ({"schedule": "linear", "warmup_rounds": "3"}, "warmup_rounds", "no warm-up for a schedule that is linear"),
        ({"schedule": "exponential", "warmup_rounds": "3"}, "warmup_rounds", "take cosine or constant"),
        ({"warmup_rounds": "-1"}, "warmup_rounds", "out of range"),
        ({"early_stopping": "soon"}, "early_stopping", "not a whole number"),
        ({"averaging": "krum"}, "averaging", "none of auto, mean, centered_clip, trimmed_mean, median, norm_clip"),
        ({"quorum": "6"}, "quorum", "1 to 5"),
        ({"quorum": "0"}, "quorum", "out of range"),
        ({"class_weights": "1"}, "class_weights", "not a class and its weight"),
    ],
)
def test_schedules_patience_and_weights_that_cannot_be_are_named(texts: dict[str, str], field: str, said: str) -> None:
    named, sentence = problem(**texts)
    assert named == field
    assert said in sentence


def test_what_was_left_empty_is_chosen_by_the_grid_and_said_so() -> None:
    settings, _ = read_settings({**GOOD, "k": "2", "epochs": " "}, {"k": 9, "epochs": 30, "batch_size": 64})
    assert settings is not None
    assert (settings.k, settings.epochs, settings.batch_size, settings.shard_examples) == (2, 30, 64, 256)
    assert set(settings.chosen) == {"epochs", "batch_size"}
