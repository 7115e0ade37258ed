"""`make experiment`: what liars do to a training, and what becomes of them. Keeps a table and a plot beside this file.

20 hosts, 8,000 MNIST digits, a convolutional network with BatchNormalization: none, a tenth, a third of the hosts lie,
in seven ways; behind the whole of the grid's checks, and with the plain mean and no checks. It takes an hour or two.
"""

import argparse
import concurrent.futures
import multiprocessing
import os
import tempfile
from pathlib import Path

import msgspec

from tests.experiments.lies import LIES
from tests.experiments.outcome import Outcome, outcome_of
from tests.experiments.telling import in_order, write_plot, write_table

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
HOSTS = 20
TENTH, THIRD = 2, 7
MIXED = "mixed"
MIXTURE = ["zeros", "noise", "times 100", "stale weights", "label flip", "colluding pair", "colluding pair"]
"""The pair's lie is a sign flip that the two agree on."""

FORM = {
    "name": "digits", "batch_size": "32", "epochs": "12", "k": "60", "shard_examples": "1024", "consent": "1",
    "seed": "1",
}  # fmt: skip


class Scenario(msgspec.Struct, frozen=True):
    """`kind`: a lie, MIXED, or "" where nobody lies; `checked`: with the grid's defaults, else as believers do."""

    kind: str
    liars: int
    checked: bool
    seed: int = 1

    @property
    def lies(self) -> list[str]:
        """A host each: the liars stand among the honest, not first."""
        lying = (MIXTURE if self.kind == MIXED else [self.kind] * self.liars)[: self.liars]
        hosts = [""] * HOSTS
        for number, lie in enumerate(lying):
            hosts[(3 * number + 1) % HOSTS] = lie
        return hosts


def scenarios() -> list[Scenario]:
    """Those that say most come first."""
    kinds = [MIXED, *LIES]
    return [
        Scenario("", 0, True), Scenario(MIXED, THIRD, True), Scenario(MIXED, THIRD, False), Scenario("", 0, False),
        *(Scenario(kind, THIRD, True) for kind in kinds[1:]), *(Scenario(kind, TENTH, True) for kind in kinds),
        *(Scenario(kind, THIRD, False) for kind in kinds[1:]),
    ]  # fmt: skip


def play(scenario: Scenario, data: Path) -> Outcome:
    """In a process of its own: one data folder each."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    from server.rules.validation_policy import ValidationPolicy
    from tests.experiments.digits_project import start
    from tests.experiments.simulation import Simulation

    policy = ValidationPolicy(quorum=2) if scenario.checked else ValidationPolicy(quorum=1)
    with tempfile.TemporaryDirectory() as folder:
        simulation = Simulation(Path(folder), policy, scenario.seed)
        simulation.people(scenario.lies)
        averaging = "auto" if scenario.checked else "mean"
        simulation.begin(start(simulation.grid, data, {**FORM, "averaging": averaging}))
        return outcome_of(simulation, scenario.kind, scenario.liars, scenario.checked)


def recorded(path: Path) -> list[Outcome]:
    if not path.exists():
        return []
    return [msgspec.json.decode(line, type=Outcome) for line in path.read_text("utf-8").splitlines()]


def record(outcomes: list[Outcome], out: Path) -> None:
    ordered = in_order(outcomes)
    (out / "strangers.jsonl").write_text("".join(f"{msgspec.json.encode(one).decode()}\n" for one in ordered), "utf-8")
    write_table(ordered, out / "strangers.md")
    write_plot(ordered, out / "strangers.svg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder with mnist_train_x.npy and so on")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="where outcomes are recorded")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--missing", action="store_true", help="only what is not recorded there yet")
    chosen = parser.parse_args()
    if not (chosen.data / "mnist_train_x.npy").exists():
        raise SystemExit(f"There is no MNIST subset in {chosen.data}: name its folder with --data.")
    outcomes = recorded(chosen.out / "strangers.jsonl") if chosen.missing else []
    done = {(one.kind, one.liars, one.checked) for one in outcomes}
    todo = [one for one in scenarios() if (one.kind, one.liars, one.checked) not in done]
    # One process is a scenario: more threads in each would only stand in each other's way.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(
        chosen.workers, context, initializer=os.nice, initargs=(10,), max_tasks_per_child=1
    ) as pool:
        playing = [pool.submit(play, one, chosen.data) for one in todo]
        for future in concurrent.futures.as_completed(playing):
            outcomes.append(future.result())
            print(outcomes[-1].line, flush=True)
            record(outcomes, chosen.out)


if __name__ == "__main__":
    main()
