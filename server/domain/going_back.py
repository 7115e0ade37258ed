"""Takes a project back to a checkpoint before a round that too much wrong work went into. Rows only."""

import datetime as dt
from collections.abc import Collection

from server.domain.action_log import ActionLog
from server.domain.verdicts import Verdicts
from server.rules import choosing, k_batch, rollback
from server.rules.states import AuditState, ProjectState, ResultState, RoundState, UnitState
from server.storage.stores import Stores
from server.storage.tables import Checkpoint, Project, Unit

WENT_BACK = "The project went back to weights from before this round."
UNCONFIRMED = "Its round was taken back because of other work of this machine, before another host could confirm it."
_OVER = (ProjectState.finished, ProjectState.cancelled)


class GoingBack:
    def __init__(self, stores: Stores, verdicts: Verdicts, log: ActionLog) -> None:
        self._stores = stores
        self._verdicts = verdicts
        self._log = log

    def consider(self, project: Project, number: int, now: dt.datetime) -> bool:
        """Go back if more of this round was refuted than it can bear. Inside the caller's transaction."""
        round_ = self._stores.rounds.get(project.id, number)
        if round_.state is RoundState.open or not rollback.must_go_back(
            round_.refuted, round_.used, round_.averaging
        ):
            return False
        what = f"{round_.refuted:,} of the {round_.used:,} mini-batches of round {number} were found wrong"
        if project.state in _OVER:
            # Its weights were taken home already: they stay what they are, and their owner is told.
            self._stores.projects.say(project.id, f"{what}, when the project had ended already.", now)
            return False
        clean = self._stores.checkpoints.newest_until(project.id, number)
        if clean is None:
            self._stores.projects.say(project.id, f"{what}. No weights from before are kept.", now)
            return False
        self._go(project, clean, what, now)
        return True

    def _go(self, project: Project, clean: Checkpoint, what: str, now: dt.datetime) -> None:
        """As if the rounds from `clean` on had not been; the one that starts from it is open again."""
        number, epoch = clean.round, self._stores.rounds.get(project.id, clean.round).epoch
        units = self._stores.opinions.from_round(project.id, number)
        liars = {host for unit in units for host in self._found_wrong(unit)}
        for unit in units:
            self._undo(unit, liars, now)
        unused_id = self._stores.rounds.forget_from(project.id, number)
        self._stores.checkpoints.forget_after(project.id, number)
        places = self._stores.rounds.used_places(project.id, epoch, 0)
        target = k_batch.round_target(project.settings["k"], project.mini_batches - len(places))
        self._stores.rounds.open(project.id, number, epoch, target, now, unused_id)
        lost = project.round - number
        self._stores.projects.go_back(project, number, epoch, choosing.next_head(0, places))
        rounds = f"{lost:,} round{'' if lost == 1 else 's'}"
        self._stores.projects.say(
            project.id, f"{what}: the training went back by {rounds}, to the weights of round {number}.", now
        )
        self._log.note(None, "went back", f"project {project.id}", f"{what}; to round {number}", now)

    def _found_wrong(self, unit: Unit) -> list[int]:
        return [one.host_id for one in self._stores.work.results_of(unit.id) if one.state is ResultState.invalid]

    def _undo(self, unit: Unit, liars: Collection[int], now: dt.datetime) -> None:
        """What nobody has confirmed of a host that was found wrong never will be now: its credit is taken back."""
        self._verdicts.end_leases(unit, WENT_BACK, now)
        for result in self._stores.work.results_of(unit.id):
            if result.state is ResultState.valid and result.confirmed_at is None and result.host_id in liars:
                self._stores.work.move(result, ResultState.held)
                self._verdicts.dismiss(result, UNCONFIRMED, now)
            elif result.state in (ResultState.held, ResultState.reported):
                self._stores.work.move(result, ResultState.unneeded, sentence=WENT_BACK)
        if unit.state is not UnitState.undone:
            self._stores.work.move_unit(unit, UnitState.undone)
        if unit.seeks:
            self._stores.opinions.end_search(unit)
        if unit.audit is AuditState.wanted:
            self._stores.opinions.set_audit(unit, AuditState.impossible)

