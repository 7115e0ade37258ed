"""Recomputes every counter and state from the rows, and says what disagrees. Changes nothing."""

import datetime as dt
from collections.abc import Iterator

from server.domain.ledger_audit import LedgerAudit
from server.domain.plans import Plans, order_of
from server.rules.states import AuditState, ProjectState, Purpose, ResultState, RoundState, UnitState
from server.storage.stores import Stores
from server.storage.tables import Project, Result, Round, Unit


class Audit:
    def __init__(self, stores: Stores, plans: Plans) -> None:
        self._stores = stores
        self._plans = plans
        self._ledger = LedgerAudit(stores)

    def findings(self, now: dt.datetime) -> list[str]:
        """One sentence for each disagreement; none when all is well."""
        with self._stores.database.read():
            projects = self._stores.projects.every()
            lines = [line for project in projects for line in self._project(project)]
            lines += self._ledger.findings()
            missing = [(project.id, sha256) for project in projects for sha256 in self._missing(project.id)]
        # The grid is at work: what was let go of since that instant is gone, and named no more.
        return lines + [
            f"project {number}: the blob {sha256[:12]} is missing"
            for number, sha256 in missing
            if sha256 in self._missing(number)
        ]

    def _project(self, project: Project) -> Iterator[str]:
        if not project.plan_sha256:
            return
        name = f"project {project.id}"
        if not self._stores.blobs.has(project.plan_sha256):
            # Without the plan nothing else can be recomputed.
            return
        yield from self._epochs(project, name)
        rounds = self._stores.rounds.of_project(project.id)
        for round_ in rounds:
            yield from self._round(project, round_, f"{name}, round {round_.number}")
        for round_ in rounds[:-1]:
            if round_.state is not RoundState.closed:
                yield f"{name}, round {round_.number}: it is {round_.state}, but a later round is there"
        last = rounds[-1]
        expected = last.number + 1 if last.state is RoundState.closed else last.number
        if project.round != expected:
            yield f"{name}: its round is {project.round}, its rows say {expected}"
        finished = project.state is ProjectState.finished
        through = project.epoch >= project.settings["epochs"]
        stopped_early = finished and bool(project.settings.get("early_stopping"))
        if finished != through and not stopped_early:
            yield f"{name}: it is {project.state} in epoch {project.epoch} of {project.settings['epochs']}"

    def _round(self, project: Project, round_: Round, name: str) -> Iterator[str]:
        layout = self._plans.of(project.plan_sha256).layout
        units = self._stores.work.units_of_round(project.id, round_.number)
        valid = [unit for unit in units if unit.state is UnitState.valid]
        used = sum(unit.size for unit in valid)
        examples = sum(layout.locate(b).count for unit in valid for b in unit.mini_batches)
        if (used, examples) != (round_.used, round_.examples):
            yield f"{name}: it counts {round_.used} mini-batches, {round_.examples} examples; rows {used}, {examples}"
        rows = self._stores.rounds.used_in_round(project.id, round_.number)
        if sorted(b for unit in valid for b in unit.mini_batches) != sorted(rows):
            yield f"{name}: the mini-batches of its valid units are not those recorded as used"
        refuted = sum(unit.size for unit in valid if unit.refuted_at is not None)
        if refuted != round_.refuted:
            yield f"{name}: it counts {round_.refuted} mini-batches that were found wrong, rows {refuted}"
        if round_.state is not RoundState.open and used < round_.target:
            yield f"{name}: it is {round_.state} with {used} of {round_.target} mini-batches"
        if round_.state is RoundState.closed and self._stores.checkpoints.get(project.id, round_.number + 1) is None:
            yield f"{name}: it is closed and has no checkpoint"
        for unit in units:
            yield from self._unit(round_, unit, f"{name}, unit {unit.id}")

    def _unit(self, round_: Round, unit: Unit, name: str) -> Iterator[str]:
        results = self._stores.work.results_of(unit.id)
        yield from self._opinions(unit, results, name)
        if unit.size != len(unit.mini_batches):
            yield f"{name}: its size is {unit.size}, it has {len(unit.mini_batches)} mini-batches"
        if round_.state is not RoundState.open and unit.state is UnitState.open:
            yield f"{name}: it is open in a round that is {round_.state}"
        leased = [r for r in results if r.state is ResultState.leased]
        if round_.state is not RoundState.open and any(r.purpose is Purpose.work for r in leased):
            yield f"{name}: a result is still leased in a round that is {round_.state}"

    def _opinions(self, unit: Unit, results: list[Result], name: str) -> Iterator[str]:
        """One result stands for a valid unit, and whatever else is valid agrees with it; what is held is waited for."""
        valid = {result.id for result in results if result.state is ResultState.valid}
        confirmed = {result.id for result in results if result.confirmed_at is not None}
        expected = {unit.canonical} if unit.state is UnitState.valid and unit.refuted_at is None else set()
        if unit.state is not UnitState.undone and not (expected <= valid and valid - confirmed <= expected):
            yield f"{name}: it is {unit.state}, canonical {unit.canonical}, with {len(valid)} valid results"
        elif unit.state in (UnitState.open, UnitState.cancelled) and valid:
            yield f"{name}: it is {unit.state} with {len(valid)} valid results"
        held = [result for result in results if result.state is ResultState.held]
        if unit.seeks and not (held or valid):
            yield f"{name}: it seeks another opinion, and there is none yet"
        if held and not unit.seeks and unit.audit is not AuditState.wanted:
            yield f"{name}: {len(held)} results of it are held, and nobody is asked about them"

    def _epochs(self, project: Project, name: str) -> Iterator[str]:
        """Each mini-batch exactly once in every complete epoch, at its own place of the order."""
        plan = self._plans.of(project.plan_sha256)
        for epoch in range(project.epoch + 1):
            places = self._stores.rounds.places_of_epoch(project.id, epoch)
            if epoch < project.epoch and len(places) != project.mini_batches:
                yield f"{name}: epoch {epoch} is over with {len(places)} of {project.mini_batches} mini-batches used"
            order = order_of(plan.seed, epoch, project.mini_batches)
            if any(place >= len(order) or int(order[place]) != mini_batch for mini_batch, place in places.items()):
                yield f"{name}: epoch {epoch} has mini-batches at places that are not theirs"

            if epoch == project.epoch and not set(range(project.head)) <= set(places.values()):
                yield f"{name}: places before its head {project.head} are not used"

    def _missing(self, project_id: int) -> list[str]:
        """Blobs that the project's rows name and that are not there."""
        names = self._stores.references.of_project(project_id)
        return sorted(sha256 for sha256 in names if not self._stores.blobs.has(sha256))
