"""Files meant to do harm are refused quickly, in little memory, and nothing in them runs or is opened."""

import contextlib
import random
import time
from pathlib import Path

import pytest
from malicious import GENUINE, HARMFUL, Builder, Trap

from server.intake.intake import MODEL_LIMITS, ChildIntake
from server.rules.intake_values import IntakeFailed
from volunteer.children.child import Child, ChildGone
from volunteer.plan.refused import Refused

SECONDS, KILOBYTES = 2.0, 500_000


def _read_in_child(path: Path, folder: Path) -> tuple[dict[str, object], float, int]:
    """(answer, seconds with the start of the process, its peak memory in kilobytes)."""
    out = folder / "out"
    out.mkdir()
    start = time.monotonic()
    with Child("server.intake.child", folder / "cwd", MODEL_LIMITS, environment={"OPENBLAS_NUM_THREADS": "1"}) as child:
        child.send({"command": "read_model", "request": {"path": str(path), "out": str(out)}})
        answer = child.receive(20)
        seconds = time.monotonic() - start
        status = Path(f"/proc/{child.pid}/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return answer, seconds, peak


@pytest.mark.parametrize("build", HARMFUL, ids=lambda build: build.__name__)
def test_a_harmful_model_file_is_refused(build: Builder, tmp_path: Path) -> None:
    trap = Trap(tmp_path)
    path = build(trap)
    read_before = trap.secret.stat().st_atime_ns
    answer, seconds, peak = _read_in_child(path, tmp_path)
    assert "ok" not in answer
    assert "refused" in answer or answer.get("failed") == "memory", answer
    assert not trap.canary.exists()
    assert trap.secret.stat().st_atime_ns == read_before
    assert peak < KILOBYTES
    assert seconds < SECONDS


@pytest.mark.parametrize("name", ["k315-cnn.h5", "k315-cnn.keras", "tf212-nested.h5"])
def test_a_genuine_file_with_bytes_changed_is_read_or_refused_but_breaks_nothing(name: str, tmp_path: Path) -> None:
    genuine = (GENUINE / name).read_bytes()
    intake = ChildIntake(tmp_path / "children")
    chance = random.Random(name)
    for number in range(12):
        raw = bytearray(genuine)
        for _ in range(chance.choice((1, 8, 64))):
            raw[chance.randrange(len(raw) if number % 2 else 4096)] = chance.randrange(256)
        path = tmp_path / f"{number}-{name}"
        path.write_bytes(raw)
        with contextlib.suppress(Refused):
            intake.read_model(path, tmp_path / f"out-{number}")


def test_a_child_that_crashes_or_hangs_is_a_sentence_and_not_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    impatient = ChildIntake(tmp_path / "children", model_seconds=0.001)
    with pytest.raises(Refused, match="took longer"):
        impatient.read_model(GENUINE / "k315-cnn.h5", tmp_path / "out")

    def crash(child: Child, timeout: float) -> dict[str, object]:
        raise ChildGone(exit_code, "its last words")

    monkeypatch.setattr(Child, "receive", crash)
    intake = ChildIntake(tmp_path / "children")
    exit_code = -11
    with pytest.raises(Refused, match="damaged"):
        intake.read_model(GENUINE / "k315-cnn.h5", tmp_path / "out")
    exit_code = 1
    with pytest.raises(IntakeFailed, match="did not start"):
        intake.read_model(GENUINE / "k315-cnn.h5", tmp_path / "out")
    assert caplog.text.count("its last words") == 2
    assert list((tmp_path / "children").iterdir()) == []
