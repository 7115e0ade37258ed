"""The pass that ends what is overdue: hosts that are late or silent, and units that nobody can compute."""

import datetime as dt
import logging

from server.domain.awake import Awake
from server.domain.hopeless import Hopeless
from server.domain.notices import Notices
from server.errors import SomebodyElseWasFirst
from server.rules import losses
from server.rules.host_troubles import LATE, SILENT
from server.rules.quoting import quoted
from server.rules.states import ProjectState, ResultState
from server.rules.validation_policy import BELIEVES_ALL, ValidationPolicy
from server.storage.stores import Stores
from server.storage.tables import Project, Result, Unit

_LOG = logging.getLogger(__name__)
_ENDED_BADLY = (ResultState.failed, ResultState.invalid, ResultState.not_finite, ResultState.lost)


class Transitioner:
    def __init__(self, stores: Stores, notices: Notices, policy: ValidationPolicy = BELIEVES_ALL) -> None:
        self._stores = stores
        self._policy = policy
        self._notices = notices

    def run_pass(self, now: dt.datetime) -> int:
        """How many results were lost and projects stopped."""
        return self._lose_overdue(now) + self._stop_hopeless(now)

    def _lose_overdue(self, now: dt.datetime) -> int:
        lost = 0
        for result in self._stores.work.overdue(now):
            late = result.deadline < now
            sentence = LATE if late else SILENT
            try:
                with self._stores.database.write():
                    self._stores.work.move(result, ResultState.lost, ended_at=now, sentence=sentence)
                    self._tell_of_loss(result.project_id, now)
                lost += 1
            except SomebodyElseWasFirst:
                _LOG.info("result %d ended meanwhile", result.id)
        return lost

    def _tell_of_loss(self, project_id: int, now: dt.datetime) -> None:
        """One line for all losses of a minute, always told from the rows."""
        newest = next(iter(self._stores.projects.events(project_id, 1)), None)
        merges = newest and losses.tells_of_losses(newest.sentence) and now - newest.at < losses.MERGED_WITHIN
        since = newest.at if newest and merges else now
        lost = self._stores.work.lost_since(project_id, since, (LATE, SILENT))
        words = losses.losses_in_words(
            len({host for host, _, _ in lost}), {number for _, number, _ in lost}, sum(size for _, _, size in lost)
        )
        if newest and merges:
            self._stores.projects.say_instead(newest, words)
        else:
            self._stores.projects.say(project_id, words, now)

    def _stop_hopeless(self, now: dt.datetime) -> int:
        stopped = 0
        hopeless = Hopeless(self._stores, self._policy, Awake(self._stores, self._policy, now))
        for project in self._stores.projects.in_state(ProjectState.running):
            for unit, live in self._stores.work.open_units(project.id):
                past = self._stores.work.results_of(unit.id) if not live else []
                if not live and hopeless.is_so(project, unit, past):
                    stopped += self._stop(project, unit, past, now)
                    break
        return stopped

    def _stop(self, project: Project, unit: Unit, past: list[Result], now: dt.datetime) -> int:
        bad = [result for result in past if result.state in _ENDED_BADLY]
        words = [result.sentence for result in bad if result.state is not ResultState.lost and result.sentence]
        hosts = len({result.host_id for result in bad})
        reason = (
            f"the same unit of round {unit.round} failed {len(bad)} times on {hosts} host{'s' if hosts != 1 else ''}. "
        ) + (f"The last one, in {quoted(words[-1])}." if words else "Each time the host was lost.")
        try:
            with self._stores.database.write():
                self._notices.needs_attention(project, reason, now)
        except SomebodyElseWasFirst:
            _LOG.info("project %d was stopped by somebody else", project.id)
            return 0
        return 1
