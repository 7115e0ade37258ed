"""How much a grid believes: the settings of validation as one value, with a project's own wish for more."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class ValidationPolicy:
    """`quorum`: results of different volunteers that must agree on a unit of a host without trust; 1 believes all.

    `trust_after`: confirmed results in a row, of a host and of its account, until its results count at once;
    `least_check`: the share of a trusted host's units that go to a second host however good its record;
    `audit_share`: the share of finished units that a referee recomputes; `unproven_share`: the most of a round that
    hosts without trust may fill while trusted ones are awake.
    """

    quorum: int = 1
    trust_after: int = 10
    least_check: float = 0.03
    audit_share: float = 0.02
    unproven_share: float = 0.5

    @property
    def believes_all(self) -> bool:
        return self.quorum <= 1

    def for_project(self, quorum: int) -> "ValidationPolicy":
        """A project may ask for more agreement than the grid does, never for less."""
        return replace(self, quorum=max(self.quorum, quorum))


BELIEVES_ALL = ValidationPolicy()
"""As a grid among friends does: every result counts."""
