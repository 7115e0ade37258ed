"""`make demo` ends by itself, within five minutes, with a network as good as that of `model.fit`."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_SECONDS = 300


@pytest.mark.long
def test_the_demo_ends_well_within_five_minutes() -> None:
    started = time.monotonic()
    command = [sys.executable, "-m", "tests.end_to_end.demo"]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    took = time.monotonic() - started
    print(f"{outcome.stdout[-2000:]}\nThe demo took {took:.0f} s.")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert took < MOST_SECONDS
    assert "accuracy on held-out digits" in outcome.stdout
