"""What came of one simulated training: counted in the grid's own tables, and in the hosts' knowledge of who lied."""

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from tests.experiments.simulation import Simulation


class Outcome(msgspec.Struct, frozen=True):
    """`found_after`: how many results each liar that was found had delivered by then. `lies_used`: mini-batches of
    lies that are part of the final weights; `used`: of all. Shares are of mini-batches computed: `redundant` that more
    than one host computed, `redundant_trusted` of those since every honest host has been trusted once.
    """

    kind: str
    liars: int
    checked: bool
    state: str
    rounds: int
    accuracy: float
    found: int
    found_after: list[int]
    honest_quarantined: int
    honest_trusted: int
    lies_used: int
    used: int
    redundant: float
    redundant_trusted: float | None
    went_back: int
    curve: list[tuple[int, float]]
    seconds: float

    @property
    def line(self) -> str:
        after = ", ".join(map(str, self.found_after)) or "-"
        trusted = "-" if self.redundant_trusted is None else f"{self.redundant_trusted:.1%}"
        return (
            f"{self.kind or 'nobody lies':>15} x {self.liars} {'checked' if self.checked else 'believed':>9}: "
            f"{self.state}, accuracy {self.accuracy:.2%} after {self.rounds} rounds; "
            f"found {self.found}/{self.liars} after [{after}] results; "
            f"honest out {self.honest_quarantined}; lies used {self.lies_used}/{self.used}; "
            f"redundant {self.redundant:.1%}, once trusted {trusted}; back {self.went_back}; {self.seconds:.0f} s"
        )


def outcome_of(simulation: "Simulation", kind: str, liars: int, checked: bool) -> Outcome:
    import time

    from server.storage.tables import Checkpoint, Event, Host, Result

    began, trusted_from = time.monotonic(), None
    trust_after = simulation.grid.policy.trust_after
    ever: set[int] = set()
    honest = {player.cast.id for player in simulation.players if not player.lie}

    def each_round(number: int) -> None:
        nonlocal trusted_from
        ever.update(int(h.id) for h in Host.select().where(Host.id.in_(honest), Host.trust >= trust_after))
        if trusted_from is None and ever == honest:
            trusted_from = number

    simulation.run(each_round)
    project = simulation.grid.row(simulation.project)
    hosts = {int(host.id): host for host in Host.select()}
    out = {number for number, host in hosts.items() if host.quarantined_at is not None}
    lying = {player.cast.id for player in simulation.players if player.lie}
    after = [
        Result.select()
        .where(Result.host == number, Result.delivered > 0, Result.ended_at <= hosts[number].quarantined_at)
        .count()
        for number in sorted(lying & out)
    ]
    measured = list(Checkpoint.select().where(Checkpoint.evaluated_at.is_null(False)).order_by(Checkpoint.round))
    lies_used, used = _used(simulation.project, lying)
    return Outcome(
        kind=kind, liars=liars, checked=checked, state=project.state.value, rounds=project.round,
        accuracy=float(measured[-1].validation_metrics.get("accuracy", 0.0)) if measured else 0.0,
        found=len(lying & out), found_after=after, honest_quarantined=len(honest & out), honest_trusted=len(ever),
        lies_used=lies_used, used=used, redundant=_redundant(simulation.project, 0) or 0.0,
        redundant_trusted=None if trusted_from is None or not checked else _redundant(simulation.project, trusted_from),
        went_back=Event.select().where(Event.sentence.contains("back to")).count(),
        curve=[(int(one.round), float(one.validation_metrics.get("accuracy", 0.0))) for one in measured],
        seconds=time.monotonic() - began,
    )  # fmt: skip


def _used(project: int, lying: set[int]) -> tuple[int, int]:
    """(mini-batches of liars, all) that stand for their units in closed rounds."""
    from server.storage.tables import Result, Unit

    used = [
        (unit.size, result.host_id in lying)
        for unit in Unit.select().where(Unit.project == project, Unit.state == "valid")
        for result in [Result.get_by_id(unit.canonical)]
    ]
    return sum(size for size, lie in used if lie), sum(size for size, _ in used)


def _redundant(project: int, first_round: int) -> float | None:
    """The share of mini-batches delivered, the server's own audits included, that others delivered too."""
    from server.storage.tables import Result, Unit

    rows = list(
        Result.select(Result.unit, Result.delivered).join(Unit)
        .where(Result.project == project, Result.delivered > 0, Unit.round >= first_round).tuples()
    )  # fmt: skip
    delivered = sum(int(size) for _, size in rows)
    once = sum({int(unit): int(size) for unit, size in rows}.values())
    return 1 - once / delivered if delivered else None
