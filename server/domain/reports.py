"""What hosts say of their results: signs of life, gradients, results given back."""

import datetime as dt
from pathlib import Path

from server.domain.awake import policy_for
from server.domain.plans import Plans
from server.domain.ports import Ring
from server.domain.unused_blobs import delete_unused, require_blobs
from server.errors import GridError, MalformedGradient, NoSuchResult, NotYourResult, ResultEnded, StaleResult
from server.rules import deadlines, sizing
from server.rules.states import AuditState, ProjectState, Purpose, ResultState, UnitState
from server.rules.validation_policy import BELIEVES_ALL, ValidationPolicy
from server.storage.stores import Stores
from server.storage.tables import Host, Project, Result, Unit
from volunteer.protocol.gradients import GradientClaim, GradientSizes, inspect_gradient
from volunteer.protocol.messages import (
    Acknowledged,
    GiveBack,
    GiveBackReason,
    Heartbeat,
    HeartbeatReply,
    ReportReply,
    Verdict,
)
from volunteer.protocol.tensors import MalformedTensors

_VERDICTS = {
    ResultState.reported: Verdict.pending,
    ResultState.held: Verdict.pending,
    ResultState.valid: Verdict.valid,
    ResultState.invalid: Verdict.invalid,
    ResultState.not_finite: Verdict.invalid,
    ResultState.unneeded: Verdict.unneeded,
}
_REPORTABLE = (ResultState.leased, ResultState.lost)
_IN_HAND = (ResultState.leased, ResultState.reported, ResultState.held, ResultState.valid)
_OPINIONS_WANTED = (ProjectState.running, ProjectState.paused, ProjectState.finished)
_LATE_ROUNDS = 5
_SAME_VOLUNTEER = "Another machine of the same volunteer has computed this unit; two of one say no more than one."
_PREFIX_UNNEEDED = "Another host computes the whole of this unit; a part of it is not needed."


class Reports:
    def __init__(
        self, stores: Stores, plans: Plans, ring: Ring, policy: ValidationPolicy = BELIEVES_ALL
    ) -> None:
        self._stores = stores
        self._plans = plans
        self._ring = ring
        self._policy = policy

    def heartbeat(self, host: Host, result_id: str, message: Heartbeat, now: dt.datetime) -> HeartbeatReply:
        """Whether to go on. A result that is not needed any more ends here."""
        with self._stores.database.write():
            result = self._own(host, result_id)
            self._stores.hosts.saw(host.id, now)
            reason = self._why_stop(result)
            if reason:
                if result.state is ResultState.leased:
                    self._stores.work.move(result, ResultState.cancelled, ended_at=now, sentence=reason)
                return HeartbeatReply(False, 0.0, reason)
            silence = dt.timedelta(seconds=deadlines.silence_seconds(result.heartbeat_seconds))
            self._stores.work.heard(result, message.done, now + silence)
        return HeartbeatReply(True, max((result.deadline - now).total_seconds(), 0.0))

    def allowance(self, host: Host, result_id: str, now: dt.datetime) -> int:
        """How many bytes the gradient may have. Raises what `report` would raise by the result's state alone."""
        result = self._own(host, result_id)
        if result.state not in _VERDICTS:
            self._require_reportable(result)
        return _sizes(self._stores.projects.by_id(result.project_id)).most_bytes

    def report(self, host: Host, result_id: str, file: Path, sha256: str, now: dt.datetime) -> ReportReply:
        """Take an uploaded gradient whose bytes were found to have that SHA-256.

        The same upload again gets the recorded verdict again, also when the round has closed. Raises NoSuchResult,
        NotYourResult, ResultEnded, StaleResult, MalformedGradient; then nothing has changed.
        """
        result = self._own(host, result_id)
        if _is_repetition(result, sha256):
            return ReportReply(_VERDICTS[result.state], result.sentence)
        self._require_reportable(result)
        project = self._stores.projects.by_id(result.project_id)
        claim = _claim(file, project)
        # Before the bytes are taken in: what is refused leaves nothing behind.
        self._require_honest_counts(project, self._stores.work.unit(result.unit_id), result, claim)
        size = self._stores.blobs.adopt_as(file, sha256)
        try:
            reply = self._record(host, result_id, sha256, size, claim, now)
        except GridError:
            # The round may have closed while the bytes were written.
            delete_unused(self._stores, (sha256,))
            raise
        self._ring("rounds")
        return reply

    def give_back(self, host: Host, result_id: str, message: GiveBack, now: dt.datetime) -> Acknowledged:
        """The host will not finish. Quitting is nobody's failure; everything else counts against the unit."""
        quitting = message.reason is GiveBackReason.quitting
        with self._stores.database.write():
            result = self._own(host, result_id)
            if result.state is not ResultState.leased:
                return Acknowledged("It had ended already.")
            state = ResultState.given_back if quitting else ResultState.failed
            self._stores.work.move(
                result, state, ended_at=now, sentence=f"{message.reason}: {message.detail}"[:500]
            )
            if not quitting:
                self._stores.work.count_failure(result.unit_id)
        self._ring("transitions")
        return Acknowledged("Thank you; it goes to another host.")

    def _record(
        self, host: Host, result_id: str, sha256: str, size: int, claim: GradientClaim, now: dt.datetime
    ) -> ReportReply:
        """One transaction: the result names the blob that was taken in, or, when it is refused after all, nothing."""
        with self._stores.database.write():
            result = self._own(host, result_id)
            if _is_repetition(result, sha256):
                return ReportReply(_VERDICTS[result.state], result.sentence)
            self._require_reportable(result)
            require_blobs(self._stores, (sha256,))
            unit = self._stores.work.unit(result.unit_id)
            state, sentence = self._accept(host, unit, result, claim)
            self._stores.work.move(
                result, ResultState.reported, digest=sha256, gradient_sha256=sha256, delivered=claim.mini_batches,
                seconds=claim.seconds, ended_at=now, sentence=sentence, bytes_up=size,
            )  # fmt: skip
            if state is not ResultState.reported:
                self._stores.work.move(result, state)
            project = self._stores.projects.by_id(result.project_id)
            self._measure(host, project, result, claim, now)
        return ReportReply(_VERDICTS[state], sentence)

    def _own(self, host: Host, result_id: str) -> Result:
        # One name for each: what is kept of an upload that broke off is kept by it.
        is_name = result_id.isdecimal() and len(result_id) < 19 and result_id == str(int(result_id))
        result = self._stores.work.result(int(result_id)) if is_name else None
        if result is None:
            raise NoSuchResult()
        if result.host_id != host.id:
            raise NotYourResult()
        return result

    def _why_stop(self, result: Result) -> str:
        """Why the host should stop computing; empty when it should go on."""
        if result.state not in _REPORTABLE:
            return result.sentence or "This result has ended."
        unit = self._stores.work.unit(result.unit_id)
        wanted = _is_wanted(unit, result)
        if unit.state is not UnitState.open and not wanted:
            return "Another host was first."
        project = self._stores.projects.by_id(result.project_id)
        if wanted and project.state in _OPINIONS_WANTED:
            return ""
        if project.state not in (ProjectState.running, ProjectState.paused):
            word = "needs attention" if project.state is ProjectState.needs_attention else f"is {project.state}"
            return f"The project {word}."
        return "" if self._stores.rounds.is_open(project.id, unit.round) else "The round has closed."

    def _require_reportable(self, result: Result) -> None:
        unit = self._stores.work.unit(result.unit_id)
        if result.state in _VERDICTS or result.state in (ResultState.given_back, ResultState.failed):
            raise ResultEnded()
        may_count = self._stores.rounds.is_open(result.project_id, unit.round) or _is_wanted(unit, result)
        if not (may_count and result.state in _REPORTABLE) and not self._is_finished_late(unit, result):
            raise StaleResult(result.sentence)

    def _is_finished_late(self, unit: Unit, result: Result) -> bool:
        """Whether it was finished just as its round closed without it, or another was first with the same unit.

        Nobody is punished for being slower: it is thanked for, and one more opinion on a unit costs nothing. Where all
        are believed, bytes that nobody will look at are not even uploaded.
        """
        project = self._stores.projects.by_id(result.project_id)
        return (
            result.state in (*_REPORTABLE, ResultState.cancelled)
            and unit.state in (UnitState.cancelled, UnitState.valid)
            and unit.round >= project.round - _LATE_ROUNDS
            and project.state in _OPINIONS_WANTED
            and not policy_for(self._policy, project).believes_all
        )

    def _require_honest_counts(
        self, project: Project, unit: Unit, result: Result, claim: GradientClaim
    ) -> None:
        """Raises MalformedGradient when it covers more than was leased, or counts other examples than it covers."""
        if claim.mini_batches > result.size:
            raise MalformedGradient(f"It covers {claim.mini_batches} mini-batches, {result.size} were leased.")
        if claim.mini_batches <= unit.size:
            layout = self._plans.of(project.plan_sha256).layout
            examples = sum(layout.locate(b).count for b in unit.mini_batches[: claim.mini_batches])
            if claim.examples != examples:
                raise MalformedGradient(f"It counts {claim.examples} examples, these mini-batches have {examples}.")

    def _accept(
        self, host: Host, unit: Unit, result: Result, claim: GradientClaim
    ) -> tuple[ResultState, str]:
        """Whether this report goes to the validator; a prefix splits the unit where nobody else computes it.

        Opinions cover the whole unit: a prefix is none.
        """
        if claim.mini_batches > unit.size:
            return ResultState.unneeded, "The unit was split meanwhile; a part of it has been delivered."
        if unit.state is not UnitState.open and not _is_wanted(unit, result):
            late = claim.mini_batches == unit.size and self._is_finished_late(unit, result)
            return (ResultState.reported, "") if late else (ResultState.unneeded, "Another host was first.")
        others = [r for r in self._stores.work.results_of(unit.id) if r.id != result.id and r.state in _IN_HAND]
        if claim.mini_batches < unit.size:
            if others or result.purpose is not Purpose.work:
                return ResultState.unneeded, _PREFIX_UNNEEDED
            self._stores.work.shorten(unit, list(unit.mini_batches[: claim.mini_batches]))
        if unit.seeks and result.purpose is not Purpose.audit and self._is_known(host, others):
            return ResultState.unneeded, _SAME_VOLUNTEER
        return ResultState.reported, ""

    def _is_known(self, host: Host, others: list[Result]) -> bool:
        """Whether one of these is of the same volunteer, and not only computed still."""
        hosts = [other.host_id for other in others if other.state is not ResultState.leased]
        return host.account_id in self._stores.hosts.accounts_of(hosts)

    def _measure(self, host: Host, project: Project, result: Result, claim: GradientClaim, now: dt.datetime) -> None:
        """A host's speed is what it says it took, but never better than what the lease's time allows."""
        elapsed = max((now - result.leased_at).total_seconds(), 0.0)
        # The first unit waits for TensorFlow's start and for blobs; a host that counts too little time gains nothing.
        seconds = min(max(claim.seconds, 0.05 * elapsed), elapsed)
        speed = sizing.measured_speed(host.speed, project.operations * claim.mini_batches, seconds)
        self._stores.hosts.set_speed(host.id, speed)
        self._stores.hosts.saw(host.id, now)


def _is_repetition(result: Result, sha256: str) -> bool:
    return bool(result.digest == sha256 and result.state in _VERDICTS)


def _is_wanted(unit: Unit, result: Result) -> bool:
    """Whether it is an opinion that the unit still seeks, whatever has become of its round."""
    if result.purpose is Purpose.work or unit.state is UnitState.undone:
        return False
    return bool(unit.seeks or (result.purpose is Purpose.audit and unit.audit is AuditState.wanted))


def _sizes(project: Project) -> GradientSizes:
    return GradientSizes(project.gradient_size, project.moving_size, project.sums_size)


def _claim(file: Path, project: Project) -> GradientClaim:
    try:
        return inspect_gradient(file, _sizes(project))
    except MalformedTensors as error:
        raise MalformedGradient(str(error)) from None
