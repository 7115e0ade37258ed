"""A grid that stands still: the real web room over rows that the domain's objects made. No scheduler, no TensorFlow.

Projects in every state are there within a second, and nothing moves while a browser looks.
"""

import datetime as dt
import json
import math
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import msgspec
import requests

from server.rules.learning_values import EvaluationResult, StepReport, StepRequest
from server.rules.states import ProjectState
from server.storage.tables import Account
from tests.support.domain_grid import Cast, DomainGrid
from tests.support.person import Person
from tests.support.tiny_training import TinyLearner

_RULES = """
import json, pathlib, sys
from server.bootstrap import web_app
from server.config import Settings
rules = web_app(Settings(data=pathlib.Path(sys.argv[1]))).url_map.iter_rules()
print(json.dumps([rule.rule for rule in rules if "GET" in rule.methods and not rule.arguments]))
"""
# So that pages about mail are there; nothing is sent, for that is the scheduler's.
MAIL = {"DAIG_SMTP_HOST": "127.0.0.1", "DAIG_SMTP_FROM": "grid@example.org"}


class LearningLearner(TinyLearner):
    """Reports what a network that learns would report: a loss that falls, an accuracy that rises."""

    def step(self, request: StepRequest) -> StepReport:
        report = super().step(request)
        share = math.exp(-self.steps / 14)
        wave = 0.05 * math.sin(1.7 * self.steps) * (share + 0.15)
        metrics = {"accuracy": 0.97 - 0.86 * share - wave / 2}
        return msgspec.structs.replace(report, loss=0.12 + 2.2 * share + wave, metrics=metrics)

    def evaluation_result(self, plan: str, sums: list[float], examples: int) -> EvaluationResult:
        share = math.exp(-self.steps / 14)
        return EvaluationResult(0.19 + 2.1 * share, {"accuracy": 0.955 - 0.85 * share})


class StillGrid:
    """`domain` moves it, by hand. Its clock starts an hour ago. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.domain = DomainGrid(folder)
        self.domain.learner = LearningLearner()
        self.domain.restart()
        self.domain.now = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
        with socket.create_server(("127.0.0.1", 0)) as listening, (folder / "web.log").open("ab") as log:
            self.address = f"http://127.0.0.1:{listening.getsockname()[1]}"
            self._process = subprocess.Popen(
                [sys.executable, "-m", "server.cli", "web", "--data", str(folder), "--fd", str(listening.fileno())],
                pass_fds=[listening.fileno()], stdin=subprocess.PIPE, stdout=log, stderr=log,
                env={**os.environ, **MAIL, "DAIG_PUBLIC_URL": self.address},
            )  # fmt: skip
        assert requests.get(f"{self.address}/healthz", timeout=60).ok

    def person(self, name: str) -> Person:
        """Signed up and logged in; the first one is the grid's operator."""
        return Person(self.address, name).sign_up()

    def id_of(self, person: Person) -> int:
        return int(Account.get(Account.name == person.name).id)

    def train(
        self, project_id: int, rounds: int, hosts: int = 2, seconds: float = 6.0, cast: Sequence[Cast] = (),
        lender: int | None = None,
    ) -> list[Cast]:
        """Honest hosts work, each round `seconds` long, until so many are closed or the project runs no more."""
        if not cast:
            self.domain.learner.steps = 0
            lender = lender or self.domain.person(f"lender-{project_id}")
            cast = [self.domain.host(lender, f"machine {number + 1}") for number in range(hosts)]
        turn = 0
        while (row := self.domain.row(project_id)).round < rounds and row.state is ProjectState.running:
            self.domain.wait(seconds / len(cast))
            host = cast[turn % len(cast)]
            host.deliver(host.lease(), seconds=seconds)
            self.domain.rounds()
            self.domain.evaluator.run_pass(self.domain.now)
            turn += 1
        return list(cast)

    def plain_paths(self) -> list[str]:
        """What may be asked for by GET and has no parameters."""
        command = [sys.executable, "-c", _RULES, str(self.domain.folder)]
        outcome = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return list(json.loads(outcome.stdout.splitlines()[-1]))

    def catch_up(self, seconds: float) -> None:
        """To the present, but for the seconds that are yet to be played."""
        self.domain.now = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=seconds)

    def __enter__(self) -> "StillGrid":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # It ends with its standard input.
        self._process.communicate(timeout=20)
        self.domain.stores.database.close()
