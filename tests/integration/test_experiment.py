"""The experiment among liars: its scenarios, its lies, what it writes; and, long, a small one from end to end."""

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from tests.experiments import strangers
from tests.experiments.lies import LIES, Task, with_noise
from tests.experiments.outcome import Outcome
from tests.experiments.strangers import MIXED, Scenario, record, recorded, scenarios
from volunteer.protocol.gradients import GradientBlob

HONEST = GradientBlob(
    np.linspace(-1, 1, 50, dtype=np.float32), np.ones(4, np.float32), np.array([3.0, 2.0]), 2, 64, 1.0
)


def _lie(kind: str, host: int = 1, secret: int = 0) -> GradientBlob:
    def compute(rounds_ago: int, change: object) -> GradientBlob:
        return with_noise(HONEST, 0.3 if rounds_ago else 0.0, (rounds_ago,))

    return LIES[kind](Task(compute, (4, 5), host, secret))


def test_a_third_of_the_hosts_lie_and_every_kind_has_its_turn() -> None:
    for one in scenarios():
        lying = [lie for lie in one.lies if lie]
        assert (len(one.lies), len(lying)) == (20, one.liars)
        assert set(lying) == ({one.kind} - {""}) or one.kind == MIXED
    assert {one.kind for one in scenarios()} == {"", MIXED, *LIES}


@pytest.mark.parametrize("kind", sorted(set(LIES) - {"label flip"}))
def test_a_lie_has_the_form_of_the_truth_and_is_far_from_it(kind: str) -> None:
    lie = _lie(kind)
    assert (lie.gradient.shape, lie.gradient.dtype) == (HONEST.gradient.shape, np.float32)
    assert np.linalg.norm(lie.gradient - HONEST.gradient) > 0.1 * np.linalg.norm(HONEST.gradient)


def test_a_pair_tells_one_lie_and_others_tell_another() -> None:
    one, other = _lie("colluding pair", host=1), _lie("colluding pair", host=2)
    np.testing.assert_array_equal(one.gradient, other.gradient)
    assert not np.array_equal(one.gradient, _lie("colluding pair", secret=1).gradient)
    assert not np.array_equal(_lie("noise", host=1).gradient, _lie("noise", host=2).gradient)


def _outcome(kind: str, liars: int, checked: bool, accuracy: float) -> Outcome:
    return Outcome(
        kind=kind, liars=liars, checked=checked, state="finished", rounds=9, accuracy=accuracy, found=liars,
        found_after=[3] * liars, honest_quarantined=0, honest_trusted=13, lies_used=2, used=1000, redundant=0.2,
        redundant_trusted=0.05, went_back=0, curve=[(9, accuracy)], seconds=1.0,
    )  # fmt: skip


def test_outcomes_are_kept_with_their_table_and_plot(tmp_path: Path) -> None:
    outcomes = [_outcome("", 0, True, 0.95), _outcome("zeros", 7, True, 0.945), _outcome("zeros", 7, False, 0.2)]
    record(outcomes, tmp_path)
    assert recorded(tmp_path / "strangers.jsonl") == [outcomes[0], outcomes[1], outcomes[2]]
    table = (tmp_path / "strangers.md").read_text("utf-8")
    assert "| 7 of 20: zeros | checked | 94.5% | -0.5 points | 7 of 7 | 3, 3, 3, 3, 3, 3, 3 | 0 |" in table
    bars = [
        one.text for one in ET.parse(tmp_path / "strangers.svg").iter("{http://www.w3.org/2000/svg}title")
    ]
    assert bars == ["zeros, checked, 7 of 20: 94.5%", "zeros, believed, 7 of 20: 20.0%"]


def test_what_is_kept_in_the_repository_can_be_read() -> None:
    kept = recorded(Path(strangers.__file__).parent / "strangers.jsonl")
    assert all(one.honest_quarantined == 0 for one in kept if one.checked)


@pytest.mark.long
@pytest.mark.skipif(not strangers.DATA.exists(), reason="the MNIST subset is not here")
def test_a_short_training_among_liars_finds_some_and_no_honest_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(strangers.FORM, "epochs", "4")
    outcome = strangers.play(Scenario(MIXED, strangers.THIRD, True), strangers.DATA)
    assert outcome.state == "finished"
    assert outcome.found > 0
    assert outcome.honest_quarantined == 0
