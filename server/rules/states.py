"""The states of everything that moves, and the moves that are allowed."""

import enum


class DraftState(enum.StrEnum):
    checking = "checking"
    needs_correction = "needs_correction"
    ready = "ready"
    submitted = "submitted"


class ProjectState(enum.StrEnum):
    """awaiting_approval: prepared; no volunteer sees it before an operator says yes."""

    preparing = "preparing"
    awaiting_approval = "awaiting_approval"
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
    """open: no valid result yet; valid: has its canonical result; cancelled: its round closed without it.

    A unit whose canonical result is in doubt while its round is open is `open` again. `undone`: the project went back
    to a checkpoint before its round.
    """

    open = "open"
    valid = "valid"
    cancelled = "cancelled"
    undone = "undone"


class ResultState(enum.StrEnum):
    """leased -> reported -> a verdict; or it ends otherwise. `lost` results may still be reported while it counts,
    `cancelled` ones when they were finished just as their round closed.

    `held`: its verdict waits for another opinion on its unit. A valid one whose check failed is held again or invalid.

    `not_finite` is a verdict that blames nobody: a model that diverges gives such numbers on honest hosts too. When
    others agree on finite ones it is invalid. An invalid one that a referee finds right is unneeded, and was credited.
    """

    leased = "leased"
    reported = "reported"
    held = "held"
    valid = "valid"
    invalid = "invalid"
    not_finite = "not_finite"
    unneeded = "unneeded"
    lost = "lost"
    given_back = "given_back"
    failed = "failed"
    cancelled = "cancelled"


class LinkState(enum.StrEnum):
    """pending: nobody has answered; approved, denied: somebody has; collected: the machine has its token."""

    pending = "pending"
    approved = "approved"
    denied = "denied"
    collected = "collected"


class Purpose(enum.StrEnum):
    """Why a result was leased.

    work: to be used; check: another opinion on a unit; audit: the opinion of a referee, which outranks all others.
    """

    work = "work"
    check = "check"
    audit = "audit"


class AuditState(enum.StrEnum):
    """Of a unit: no referee was asked; one is wanted; it agreed with the canonical result, or refuted it.

    impossible: what it would need is not kept any more.
    """

    none = ""
    wanted = "wanted"
    agreed = "agreed"
    refuted = "refuted"
    impossible = "impossible"


class CreditKind(enum.StrEnum):
    """granted: for work that was used, or that confirmed it; surplus: that a closed round no longer needed.

    taken_back: a check has refuted it since.
    """

    granted = "granted"
    surplus = "surplus"
    taken_back = "taken_back"


_P, _R = ProjectState, ResultState

# One table a kind: words of two kinds may be equal, and so would be their keys in one.
MOVES: dict[type[enum.StrEnum], dict[enum.StrEnum, frozenset[enum.StrEnum]]] = {
    DraftState: {
        DraftState.checking: frozenset({DraftState.needs_correction, DraftState.ready}),
        DraftState.needs_correction: frozenset({DraftState.checking}),
        DraftState.ready: frozenset({DraftState.checking, DraftState.submitted}),
        DraftState.submitted: frozenset(),
    },
    ProjectState: {
        _P.preparing: frozenset({_P.running, _P.awaiting_approval, _P.needs_attention, _P.cancelled}),
        _P.awaiting_approval: frozenset({_P.running, _P.cancelled}),
        _P.running: frozenset({_P.paused, _P.needs_attention, _P.finished, _P.cancelled}),
        _P.paused: frozenset({_P.running, _P.cancelled, _P.needs_attention}),
        _P.needs_attention: frozenset({_P.preparing, _P.running, _P.cancelled}),
        _P.finished: frozenset(),
        _P.cancelled: frozenset(),
    },
    RoundState: {
        RoundState.open: frozenset({RoundState.closing}),
        RoundState.closing: frozenset({RoundState.closed}),
        RoundState.closed: frozenset(),
    },
    UnitState: {
        UnitState.open: frozenset({UnitState.valid, UnitState.cancelled, UnitState.undone}),
        UnitState.valid: frozenset({UnitState.open, UnitState.undone}),
        UnitState.cancelled: frozenset({UnitState.undone}),
        UnitState.undone: frozenset(),
    },
    ResultState: {
        _R.leased: frozenset({_R.reported, _R.lost, _R.given_back, _R.failed, _R.cancelled}),
        _R.lost: frozenset({_R.reported}),
        _R.reported: frozenset({_R.held, _R.valid, _R.invalid, _R.not_finite, _R.unneeded}),
        _R.held: frozenset({_R.valid, _R.invalid, _R.unneeded}),
        _R.valid: frozenset({_R.held, _R.invalid}),
        _R.invalid: frozenset({_R.unneeded}),
        _R.not_finite: frozenset({_R.invalid}),
        _R.unneeded: frozenset(),
        _R.given_back: frozenset(),
        _R.failed: frozenset(),
        _R.cancelled: frozenset({_R.reported}),
    },
    LinkState: {
        LinkState.pending: frozenset({LinkState.approved, LinkState.denied}),
        LinkState.approved: frozenset({LinkState.collected}),
        LinkState.denied: frozenset(),
        LinkState.collected: frozenset(),
    },
}


def may_move(old: enum.StrEnum, new: enum.StrEnum) -> bool:
    return type(new) is type(old) and new in MOVES[type(old)][old]
