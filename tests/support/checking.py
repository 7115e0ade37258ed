"""Units that want another opinion, brought about by hand: no judge is asked, only dispatch."""

from server.rules.states import ResultState, RoundState, UnitState
from server.rules.validation_policy import ValidationPolicy
from server.storage.tables import Account, Host, Project, Result, Round, Unit
from tests.support.domain_grid import Cast, DomainGrid
from volunteer.protocol.messages import Lease

POLICY = ValidationPolicy(quorum=2, trust_after=10, audit_share=0.0)


def machine(
    grid: DomainGrid, name: str, trust: int = 0, account: int | None = None, referee: bool = False
) -> Cast:
    """One of a volunteer of its own, or of `account`, and awake."""
    person = grid.person(name) if account is None else account
    cast = grid.host(person, name)
    Host.update(trust=trust, is_referee=referee, last_seen_at=grid.now).where(Host.id == cast.id).execute()
    Account.update(trust=trust).where(Account.id == person).execute()
    return cast


def row(lease: Lease) -> Result:
    return Result.get_by_id(int(lease.result))


def hold(grid: DomainGrid, host: Cast, lease: Lease, opinions: int = 2) -> Unit:
    """Deliver it; another opinion is wanted before it counts."""
    host.deliver(lease)
    result = row(lease)
    grid.stores.work.move(result, ResultState.held)
    Unit.update(seeks=True, opinions=opinions).where(Unit.id == result.unit_id).execute()
    return Unit.get_by_id(result.unit_id)


def count(grid: DomainGrid, host: Cast, lease: Lease, seeks: bool = True) -> Unit:
    """Deliver it; it counts at once, and its check is to follow."""
    host.deliver(lease)
    result = row(lease)
    grid.stores.work.move(result, ResultState.valid)
    Unit.update(state=UnitState.valid, canonical=result.id, seeks=seeks, opinions=2).where(
        Unit.id == result.unit_id
    ).execute()
    Round.update(used=Round.used + result.size).where(Round.project == result.project_id).execute()
    return Unit.get_by_id(result.unit_id)


def next_round(grid: DomainGrid, project: int, by: int = 1) -> None:
    """The open round closes, and so do those after it, as if each had had its gradients."""
    for _ in range(by):
        number = grid.row(project).round
        Round.update(state=RoundState.closed, closed_at=grid.now).where(
            Round.project == project, Round.number == number
        ).execute()
        Unit.update(state=UnitState.cancelled).where(Unit.project == project, Unit.state == UnitState.open).execute()
        before = grid.stores.checkpoints.get(project, number)
        assert before is not None
        grid.stores.checkpoints.add(
            project=project, round=number + 1, epoch=0, ends_epoch=False, weights_sha256=before.weights_sha256,
            weights_size=before.weights_size, created_at=grid.now,
        )  # fmt: skip
        grid.stores.rounds.open(project, number + 1, 0, 3, grid.now)
        Project.update(round=number + 1).where(Project.id == project).execute()
