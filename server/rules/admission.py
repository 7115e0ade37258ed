"""Who may come in, and how fast: the settings against swarms of fresh accounts and machines, as one value."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Admission:
    """`join_rate`: how many machines of one account may become hosts within an hour.

    `invitation_only`: signing up needs an operator's invitation; `approve_new_requestors`: the first project of an
    account waits for an operator's yes.
    """

    join_rate: int = 100
    invitation_only: bool = False
    approve_new_requestors: bool = False


ANYBODY = Admission()
"""As a grid is that asks nobody for anything."""
