"""The states of everything that moves, and the moves that are allowed."""

import enum


class DraftState(enum.StrEnum):
    checking = "checking"
    needs_correction = "needs_correction"
    ready = "ready"
    submitted = "submitted"


class ProjectState(enum.StrEnum):
    preparing = "preparing"
    running = "running"
    paused = "paused"
    needs_attention = "needs_attention"
    finished = "finished"
    cancelled = "cancelled"


class RoundState(enum.StrEnum):
    """open: takes results; closing: has its K, the step is being computed; closed: the step is a checkpoint."""

    open = "open"
    closing = "closing"
    closed = "closed"


class UnitState(enum.StrEnum):
    """open: no valid result yet; valid: has its canonical result; cancelled: its round closed without it."""

    open = "open"
    valid = "valid"
    cancelled = "cancelled"


class ResultState(enum.StrEnum):
    """leased -> reported -> a verdict; or it ends otherwise. `lost` results may still be reported while it counts.

    `not_finite` is a verdict that blames nobody: a model that diverges gives such numbers on honest hosts too.
    """

    leased = "leased"
    reported = "reported"
    valid = "valid"
    invalid = "invalid"
    not_finite = "not_finite"
    unneeded = "unneeded"
    lost = "lost"
    given_back = "given_back"
    failed = "failed"
    cancelled = "cancelled"


MOVES: dict[enum.StrEnum, frozenset[enum.StrEnum]] = {
    DraftState.checking: frozenset({DraftState.needs_correction, DraftState.ready}),
    DraftState.needs_correction: frozenset({DraftState.checking}),
    DraftState.ready: frozenset({DraftState.checking, DraftState.submitted}),
    DraftState.submitted: frozenset(),
    ProjectState.preparing: frozenset(
        {ProjectState.running, ProjectState.needs_attention, ProjectState.cancelled}
    ),
    ProjectState.running: frozenset(
        {ProjectState.paused, ProjectState.needs_attention, ProjectState.finished, ProjectState.cancelled}
    ),
    ProjectState.paused: frozenset({ProjectState.running, ProjectState.cancelled, ProjectState.needs_attention}),
    ProjectState.needs_attention: frozenset(
        {ProjectState.preparing, ProjectState.running, ProjectState.cancelled}
    ),
    ProjectState.finished: frozenset(),
    ProjectState.cancelled: frozenset(),
    RoundState.open: frozenset({RoundState.closing}),
    RoundState.closing: frozenset({RoundState.closed}),
    RoundState.closed: frozenset(),
    UnitState.open: frozenset({UnitState.valid, UnitState.cancelled}),
    UnitState.valid: frozenset(),
    UnitState.cancelled: frozenset(),
    ResultState.leased: frozenset(
        {
            ResultState.reported, ResultState.lost, ResultState.given_back, ResultState.failed,
            ResultState.cancelled,
        }
    ),
    ResultState.lost: frozenset({ResultState.reported}),
    ResultState.reported: frozenset(
        {ResultState.valid, ResultState.invalid, ResultState.not_finite, ResultState.unneeded}
    ),
    ResultState.valid: frozenset(),
    ResultState.invalid: frozenset(),
    ResultState.not_finite: frozenset(),
    ResultState.unneeded: frozenset(),
    ResultState.given_back: frozenset(),
    ResultState.failed: frozenset(),
    ResultState.cancelled: frozenset(),
}  # fmt: skip


def may_move(old: enum.StrEnum, new: enum.StrEnum) -> bool:
    return new in MOVES[old]
