"""How far honest machines are apart, beside the nearest lies: what the tolerances of `rules/quorum.py` rest on.

    python -m tests.benchmarks.bench_agreement [--units N] [--python INTERPRETER]

Six small networks, fresh, trained and nearly converged; units of 1 and of 16 mini-batches of 32 digits, with the real
engine. A machine is a process with other threads, with oneDNN off or limited to older instruction sets. Distances are
those by which `compare` judges. `--python` names an interpreter with another TensorFlow, to be one machine more; it
needs msgspec, safetensors and scikit-learn as well.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

from server.rules.quorum import AGREE, DIFFER, Agreement
from tests.support.agreement_table import VANISHING, CaseFiles, Span, honest_span, lying_spans
from tests.support.other_machines import OTHERS, REFERENCE, Machine, compute_on, prepare

BATCH = 32
SIZES = "1,16"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--units", type=int, default=12)
    parser.add_argument("--python", help="an interpreter with another TensorFlow")
    parser.add_argument("--keep", type=Path, help="a folder for the files, kept for another run")
    options = parser.parse_args()
    others = [*OTHERS, *([Machine("another TensorFlow", python=options.python)] if options.python else [])]
    if not options.python:
        print("another TensorFlow: skipped, none was named by --python")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        if not (folder / "cases").exists():
            prepare(folder / "cases", BATCH)
        measured = [machine for machine in others if _compute(machine, folder, options.units)]
        _compute(REFERENCE, folder, options.units, cheats=True)
        report(folder, measured)


def _place(folder: Path, machine: Machine) -> Path:
    return folder / machine.name.replace(" ", "-")


def _compute(machine: Machine, folder: Path, units: int, cheats: bool = False) -> bool:
    out = _place(folder, machine)
    if out.exists():
        return True
    started = time.monotonic()
    try:
        compute_on(machine, folder / "cases", folder / "computing", SIZES, units, cheats)
    except subprocess.CalledProcessError as error:
        print(f"{machine.name}: skipped, its process ended with {error.returncode}")
        return False
    (folder / "computing").rename(out)
    print(f"computed: {machine.name}, {time.monotonic() - started:.0f} s", flush=True)
    return True


def report(folder: Path, machines: list[Machine]) -> None:
    cases = json.loads((folder / "cases" / "index.json").read_text())
    reference = _place(folder, REFERENCE)
    by_machine: dict[str, Span] = {machine.name: Span() for machine in machines}
    by_lie: dict[str, Span] = {}
    print(f"\n{'largest and smallest distance':46}{'honest':>10}  {'where':50}{'nearest lie':>12}  what")
    for number, (network, stage) in enumerate(cases):
        files = CaseFiles.read(folder / "cases", number)
        honest, lies = Span(), lying_spans(files, reference, number)
        for machine in machines:
            span = honest_span(files, reference, _place(folder, machine), number)
            honest.merge(span)
            by_machine[machine.name].merge(span)
        beside = f"{network + ', ' + stage:46}{honest.most:10.1e}  {honest.where:50}"
        if stage == VANISHING:
            print(f"{beside}           -  only rounding is left of the gradient")
            continue
        for name, span in lies.items():
            by_lie.setdefault(name, Span()).merge(span)
        nearest = min(lies, key=lambda name: lies[name].least)
        print(f"{beside}{lies[nearest].least:12.1e}  {nearest}")
    _print_machines(by_machine)
    _print_lies(by_lie, max(span.most for span in by_machine.values()))


def _print_machines(spans: dict[str, Span]) -> None:
    print(f"\n{'honest machines':46}{'units':>8}{'same bits':>11}{'largest':>10}{'in doubt':>10}{'invalid':>9}")
    for name, span in spans.items():
        doubt, wrong = span.verdicts.get(Agreement.unclear, 0), span.verdicts.get(Agreement.differ, 0)
        print(f"{name:46}{span.count:8}{span.exact:11}{span.most:10.1e}{doubt:10}{wrong:9}")


def _print_lies(spans: dict[str, Span], honest: float) -> None:
    print(f"\n{'lies':46}{'units':>8}{'smallest':>10}{'largest':>10}{'agree':>8}{'in doubt':>10}{'invalid':>9}")
    for name, span in sorted(spans.items(), key=lambda item: item[1].least):
        counts = "".join(
            f"{span.verdicts.get(kind, 0):{width}}" for kind, width in zip(Agreement, (8, 10, 9), strict=True)
        )
        print(f"{name:46}{span.count:8}{span.least:10.1e}{span.most:10.1e}{counts}")
    print(f"\nagree up to {AGREE:g}, invalid above {DIFFER:g}; the largest honest distance is {honest:.1e}: ", end="")
    print(f"{AGREE / max(honest, 1e-300):.0f} times below the first, {DIFFER / max(honest, 1e-300):.0f} the second")


if __name__ == "__main__":
    main()
