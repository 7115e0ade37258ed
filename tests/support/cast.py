"""The cast on one stage: a running grid, an owner, a volunteer's account, and hosts by name."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.digits import digits, save
from tests.support.grid import RunningGrid
from tests.support.ledger import Ledger
from tests.support.person import Person
from tests.support.volunteer import RunningVolunteer


class Cast:
    """Everybody that is called on stage leaves it when the test ends. Use as a context manager."""

    def __init__(self, folder: Path, quorum: int = 1, **settings: str) -> None:
        """`settings`: others of the grid's, by their names in capitals."""
        self.folder = folder
        self.grid = RunningGrid(folder, quorum=quorum, settings=settings)
        self.owner = Person(self.grid.address, "owner").sign_up()
        self.lender = Person(self.grid.address, "lender").sign_up()
        self.hosts: dict[str, RunningVolunteer] = {}
        self._key = self.lender.join_key(uses=50)

    def host(self, name: str, *options: str) -> RunningVolunteer:
        self.hosts[name] = RunningVolunteer(self.grid.address, self._key, self.folder, name, *options)
        return self.hosts[name]

    def host_of(self, volunteer: str, name: str, *options: str) -> RunningVolunteer:
        """A machine of somebody else."""
        self.hosts[name] = RunningVolunteer(self.grid.address, self.key_of(volunteer), self.folder, name, *options)
        return self.hosts[name]

    def key_of(self, volunteer: str) -> str:
        """By which a machine of somebody new joins."""
        return Person(self.grid.address, volunteer.replace(" ", "-")).sign_up().join_key(uses=1)

    def digits_project(self, model: Any, form: Mapping[str, str], owner: Person | None = None) -> int:
        """A project on the digits, started."""
        person = owner or self.owner
        (x, y), _ = digits()
        files = save(self.folder / f"files-{person.name}", x, y)
        files["model"] = self.folder / f"{person.name}.keras"
        model.save(files["model"])
        return person.project(files, form)

    def finished(self, project: int, seconds: float = 200, owner: Person | None = None) -> dict[str, Any]:
        return (owner or self.owner).wait_until(project, "finished", seconds, self.explain)

    def explain(self) -> str:
        logs = "\n".join(f"--- {name}\n{host.tail()}" for name, host in self.hosts.items())
        return f"{logs}\n--- grid\n{self.grid.tail()}"

    def audit(self) -> None:
        """The audit of counters and of the ledger is clean, and other code than the grid's finds the same credit."""
        outcome = self.grid.command("audit")
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr
        Ledger(self.grid.data).require_credit_right()

    def __enter__(self) -> "Cast":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for host in self.hosts.values():
            with contextlib.suppress(Exception):
                host.__exit__(None, None, None)
        self.grid.__exit__(None, None, None)
        if error is None:
            # However the play went: nobody has more credit, or less, than was earned.
            Ledger(self.grid.data).require_credit_right()
