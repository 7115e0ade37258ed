"""Ten minutes of training while something is killed every few seconds, chosen by a seed: among friends, then strangers.

DAIG_SOAK_SECONDS and DAIG_SOAK_SEED choose another length and another seed.
"""

import collections
import os
import random
import time
from pathlib import Path

import psutil
import pytest

from tests.support import kills
from tests.support.cast import Cast
from tests.support.digits import small_cnn
from tests.support.ledger import Ledger

SECONDS = float(os.environ.get("DAIG_SOAK_SECONDS", "600"))
SEED = int(os.environ.get("DAIG_SOAK_SEED", "1"))
EPOCHS = max(4, round(SECONDS / 8))
FORM = {"epochs": str(EPOCHS), "k": "12", "batch_size": "16", "seed": str(SEED)}
HOSTS = {"steady": "20", "slow": "5", "ghost": "20"}


def _strike(cast: Cast, dice: random.Random) -> str:
    """Kill one thing; a host that was killed comes back when the dice say so."""
    dead = [host for host in cast.hosts.values() if host.process.poll() is not None]
    if dead and dice.random() < 0.6:
        dice.choice(dead).start()
    what = dice.choice(["a host", "a trainer", "a trainer", *kills.OF_THE_GRID])
    alive = [host for host in cast.hosts.values() if host.process.poll() is None]
    if what == "a host" and len(alive) > 1:
        dice.choice(alive).kill()
    elif what in ("a host", "a trainer"):
        what = "a trainer"
        trainers = [host for host in alive if host.child() is not None]
        if not trainers:
            return "nothing"
        kills.kill_trainer(dice.choice(trainers))
    else:
        kills.OF_THE_GRID[what](cast)
    return what


@pytest.mark.long
@pytest.mark.faults
@pytest.mark.timeout(SECONDS * 3 + 900)
@pytest.mark.parametrize("quorum", [1, 2], ids=["friends", "strangers"])
def test_ten_minutes_of_random_kills_lose_nothing(tmp_path: Path, quorum: int) -> None:
    """`quorum` 2: each host is another volunteer's, and its work counts when another one, or the server, agrees."""
    with Cast(tmp_path, quorum) as cast:
        _soak(cast)


def _soak(cast: Cast) -> None:
    dice, struck = random.Random(SEED), collections.Counter[str]()
    project = cast.digits_project(small_cnn(batch_norm=True, rate=0.001), FORM)
    for name, percent in HOSTS.items():
        cast.host_of(f"{name} volunteer", name, "--cpu-percent", percent)
    ledger = Ledger(cast.grid.data)
    ledger.wait_for_rounds(project, 1, 90, cast.explain)
    promises, until = ledger.promises(project), time.monotonic() + SECONDS
    while time.monotonic() < until and ledger.one("SELECT state FROM project") == "running":
        time.sleep(dice.uniform(1, 6))
        struck[_strike(cast, dice)] += 1
        if sum(struck.values()) % 10 == 0:
            later = ledger.promises(project)
            promises.require_kept(later)
            ledger.require_credit_right()
            promises = later
            print(f"{dict(struck)}: {len(later.rounds)} rounds closed", flush=True)
    _finish(cast, project)
    promises.require_kept(ledger.promises(project))
    _require_all_well(cast, project)
    states = dict(ledger.rows("SELECT state, COUNT(*) FROM result GROUP BY state"))
    print(f"killed {dict(struck)}; {ledger.closed_rounds(project)} rounds; results {states}")
    sizes = {" ".join(one.cmdline()[2:4]): one.memory_info().rss >> 20 for one in cast.grid.processes()}
    print(f"memory at the end, MiB: {sizes}; database {(cast.grid.data / 'grid.db').stat().st_size >> 10} KiB")
    assert sum(struck.values()) > SECONDS / 12


def _finish(cast: Cast, project: int) -> None:
    """Without any more kills, at full speed."""
    for host in cast.hosts.values():
        host.kill() if host.process.poll() is None else None
    cast.grid.wait_until_it_answers()
    cast.host_of("quick volunteer", "quick")
    cast.host_of("other quick volunteer", "quick too")
    cast.finished(project, 600)


def _require_all_well(cast: Cast, project: int) -> None:
    ledger = Ledger(cast.grid.data)
    cast.audit()
    ledger.require_each_mini_batch_once_an_epoch(project, EPOCHS)
    ledger.require_nobody_blamed()
    replayed = cast.grid.command("replay", str(project))
    print(replayed.stdout.splitlines()[-1] if replayed.stdout else replayed.stderr)
    assert replayed.returncode == 0, replayed.stdout[-2000:] + replayed.stderr
    assert float(replayed.stdout.rsplit(" ", 1)[1].rstrip(".\n")) < 1e-4
    assert all(one.status() != psutil.STATUS_ZOMBIE for one in cast.grid.processes())
