"""Files with bytes changed, cut and doubled: whatever they hold, people get sentences, never an error of our own."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from server.intake.data_checks import check_data
from server.rules.intake_values import DataRequest
from server.rules.preprocessing import Preparation
from tests.support import formats


def mutated(whole: bytes, chance: random.Random) -> bytes:
    content = bytearray(whole)
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        # Heads and tails say how the rest is to be read.
        head, tail = min(len(content), 200), min(len(content), 4000)
        places = [chance.randrange(len(content)), chance.randrange(head), len(content) - 1 - chance.randrange(tail)]
        start = chance.choice(places)
        length = chance.randrange(1, 100)
        kind = chance.random()
        if kind < 0.6:
            content[start] = chance.randrange(256)
        elif kind < 0.8:
            content[start : start + length % 9] = bytes([chance.choice([0, 127, 128, 255])]) * chance.randrange(1, 9)
        elif kind < 0.9:
            del content[start : start + length]
        else:
            content[start:start] = content[start : start + length]
        content = content or bytearray(b"x")
    return bytes(content)


def check_mutations(write: Callable[[Path], str | None], folder: Path, times: int) -> int:
    """How many of the files were refused; anything but a refusal and a reading is an error."""
    labels, chance, refused = write(folder), random.Random(7), 0
    whole = (folder / "data").read_bytes()
    for _ in range(times):
        (folder / "data").write_bytes(mutated(whole, chance))
        request = DataRequest(
            str(folder / "data"), labels, (formats.SPEC,), formats.RULE, str(folder / "out"),
            preparation=Preparation("tree", scaling="unit"),
        )  # fmt: skip
        try:
            reading = check_data(request)
        except MemoryError:
            # The child answers with a sentence of its own.
            refused += 1
            continue
        assert (reading.training is None) == bool(reading.problems)
        refused += bool(reading.problems)
    return refused


@pytest.mark.parametrize("write", formats.ALL)
def test_mutated_files_lead_to_sentences(write: Callable[[Path], str | None], tmp_path: Path) -> None:
    assert 0 < check_mutations(write, tmp_path, 40) <= 40


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("write", formats.ALL)
def test_thousands_of_mutated_files_lead_to_sentences(write: Callable[[Path], str | None], tmp_path: Path) -> None:
    assert 0 < check_mutations(write, tmp_path, 3000) < 3000
