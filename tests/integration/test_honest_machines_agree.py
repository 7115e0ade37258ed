"""Ten thousand units, each computed by the real engine on two unlike machines: no honest result is judged invalid.

A machine is a process with other threads, libraries or instruction sets; networks are fresh, trained, nearly converged.
"""

import json
import shutil
from pathlib import Path

import pytest

from server.rules.quorum import AGREE, DIFFER, Agreement
from tests.support.agreement_table import VANISHING, CaseFiles, Span, honest_span, lying_spans
from tests.support.other_machines import OTHERS, REFERENCE, compute_on, prepare

COMPARED = 10_000
MOST_IN_DOUBT = 0.001
SIZES = "1,2,4"
"""Mini-batches of 8: in small units a rectifier's or a maximum's tie that falls the other way weighs most."""

BLATANT = ("zeros", "sign flipped", "noise of its norm", "all labels shifted")


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_honest_machines_are_never_judged_invalid_in_ten_thousand_compared_units(tmp_path: Path) -> None:
    folder = prepare(tmp_path / "cases", batch=8)
    cases = json.loads((folder / "index.json").read_text())
    # The same machine once more gives the same bits, so it is not counted.
    others = OTHERS[1:]
    units = -(-COMPARED // (len(cases) * len(others)))
    reference = compute_on(REFERENCE, folder, tmp_path / "reference", SIZES, units)
    honest = Span()
    for number, machine in enumerate(others):
        out = compute_on(machine, folder, tmp_path / str(number), SIZES, units)
        for case, (network, stage) in enumerate(cases):
            span = honest_span(CaseFiles.read(folder, case), reference, out, case)
            span.where += f" of {network}, {stage}, {machine.name}"
            if span.most > AGREE / 10:
                print(_said(span))
            honest.merge(span)
        shutil.rmtree(out)
    print(f"{_said(honest)}; agree up to {AGREE:g}, invalid above {DIFFER:g}: {honest.verdicts}")
    assert honest.count >= COMPARED
    assert honest.exact < honest.count / 2, "the machines are not unlike"
    assert Agreement.differ not in honest.verdicts
    assert honest.verdicts.get(Agreement.unclear, 0) <= MOST_IN_DOUBT * COMPARED


def _said(span: Span) -> str:
    """A sentence for whoever runs this with -s."""
    return f"{span.count} compared, {span.exact} with the same bits, furthest apart {span.most:.1e} in {span.where}"


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_blatant_lies_are_invalid_beside_an_honest_result_of_another_machine(tmp_path: Path) -> None:
    folder = prepare(tmp_path / "cases", batch=32)
    reference = compute_on(REFERENCE, folder, tmp_path / "reference", "1,8", 4, cheats=True)
    other = compute_on(OTHERS[4], folder, tmp_path / "other", "1,8", 4)
    for case, (network, stage) in enumerate(json.loads((folder / "index.json").read_text())):
        if stage == VANISHING:
            # There is nothing left to lie about: what is said of such a gradient moves no weight.
            continue
        spans = lying_spans(CaseFiles.read(folder, case), reference, case, other)
        found = {lie: spans[lie].least for lie in BLATANT if spans[lie].least <= DIFFER}
        assert found == {}, (network, stage)
