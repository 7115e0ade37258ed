"""The shell's checks: the form's own, with an exit code, one sentence, and JSON for programs."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.digits import digits, save, small_cnn


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server.cli", *arguments], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("commands")
    (x, y), _ = digits()
    found = save(folder, x, y)
    found["model"] = folder / "digits.keras"
    small_cnn().save(found["model"])
    return {field: str(path) for field, path in found.items()}


def test_a_good_model_is_described_in_one_sentence(files: dict[str, str]) -> None:
    outcome = _run("check-model", files["model"], "--json")
    assert outcome.returncode == 0, outcome.stderr
    found = json.loads(outcome.stdout)
    assert found["ok"] is True
    assert found["problems"] == []
    assert "digits.keras can be trained" in found["sentence"]
    assert int(found["facts"]["parameters"]) == small_cnn().count_params()


def test_a_bad_model_is_refused_in_one_sentence(tmp_path: Path) -> None:
    bad = tmp_path / "bad.h5"
    bad.write_bytes(b"not a model at all")
    outcome = _run("check-model", str(bad))
    assert outcome.returncode == 1
    assert len(outcome.stdout.strip().splitlines()) == 1
    found = json.loads(_run("check-model", str(bad), "--json").stdout)
    assert found["ok"] is False
    assert found["problems"] == [{"field": "model", "sentence": found["sentence"]}]
    missing = _run("check-model", str(tmp_path / "missing.h5"))
    assert missing.returncode == 1
    assert "Traceback" not in missing.stderr


def test_good_data_fits_the_model(files: dict[str, str]) -> None:
    outcome = _run("check-data", files["model"], files["data"], files["labels"])
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert outcome.stdout.startswith("1,")
    assert "examples fit the model." in outcome.stdout


def test_bad_data_is_named_by_its_field(files: dict[str, str], tmp_path: Path) -> None:
    (_, labels), _ = digits()
    np.save(tmp_path / "y.npy", labels[:-1])
    outcome = _run("check-data", files["model"], files["data"], str(tmp_path / "y.npy"), "--json")
    assert outcome.returncode == 1
    found = json.loads(outcome.stdout)
    assert [problem["field"] for problem in found["problems"]] == ["labels"]
    assert "1,436" in found["sentence"]
    assert "1,437" in found["sentence"]


def test_commands_without_a_grid_say_so(tmp_path: Path) -> None:
    for command in (("audit",), ("replay", "7"), ("publish", str(tmp_path))):
        outcome = _run(*command, "--data", str(tmp_path / "new"))
        assert (outcome.returncode, outcome.stdout) == (2, "")
        assert f"there is no grid in {tmp_path / 'new'}" in outcome.stderr
    assert not (tmp_path / "new").exists()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "daig.toml").write_text("no_such_setting = 1\n")
    bad = _run("audit", "--data", str(tmp_path / "bad"))
    assert bad.returncode == 2
    assert "no_such_setting" in bad.stderr
