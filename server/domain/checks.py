"""Finds units that want another opinion from the very host that asks. Knows nothing of turns, nor of fresh work."""

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

from server.domain.awake import Awake
from server.rules.second_opinions import HARDLY_PATIENT, Given, Giver, leaves_it_to_others, may_give
from server.rules.states import Purpose, ResultState, UnitState
from server.storage.checks import OpinionOn
from server.storage.stores import Stores
from server.storage.tables import Project, Unit

URGENT_ROUNDS = 5
"""A check of a round so far back is urgent: soon what it needs is not kept any more."""

_MOST_LOOKED_AT = 64
_IN_HAND = (ResultState.leased, ResultState.reported, ResultState.held, ResultState.valid)


class Offer(NamedTuple):
    """What a host is to compute, and what for."""

    unit: Unit
    purpose: Purpose


class Checks:
    """For one host, one project, one instant. Inside a write transaction."""

    def __init__(self, stores: Stores, giver: Giver, project: Project, awake: Awake, now: dt.datetime) -> None:
        self._stores = stores
        self._giver = giver
        self._project = project
        self._awake = awake
        self._now = now

    def held_up(self) -> Offer | None:
        """A unit of the open round that cannot count without another opinion, or that was to be looked at long ago."""
        return next((offer for offer in self._offers() if self._is_urgent(offer.unit)), None)

    def any(self) -> Offer | None:
        """Any unit that wants one, whatever its round."""
        return next(self._offers(), None)

    def may_help(self, unit: Unit) -> bool:
        """Whether a result of this host would be an opinion of its own on this unit."""
        return self._may_give(self._stores.checks.on([unit.id])[unit.id])

    def _offers(self) -> Iterator[Offer]:
        if self._giver.referee:
            yield from self._audits()
        units = self._stores.checks.wanting(self._project.id, _MOST_LOOKED_AT)
        found = self._stores.checks.on([unit.id for unit in units]) if units else {}
        for unit in units:
            opinions = found[unit.id]
            if self._may_give(opinions) and not self._leaves(unit, opinions):
                yield from self._offer(unit, Purpose.audit if self._giver.referee else Purpose.check)

    def _audits(self) -> Iterator[Offer]:
        units = self._stores.checks.audits_wanted(_MOST_LOOKED_AT, self._project.id)
        found = self._stores.checks.on([unit.id for unit in units]) if units else {}
        for unit in units:
            if self._may_give(found[unit.id]):
                yield from self._offer(unit, Purpose.audit)

    def _may_give(self, opinions: list[OpinionOn]) -> bool:
        return may_give(self._giver, given_by(opinions), self._project.homogeneous)

    def _offer(self, unit: Unit, purpose: Purpose) -> Iterator[Offer]:
        """Nothing where its round's weights are not kept any more."""
        checkpoint = self._stores.checkpoints.get(self._project.id, unit.round)
        if checkpoint is not None and checkpoint.weights_sha256:
            yield Offer(unit, purpose)

    def _leaves(self, unit: Unit, opinions: list[OpinionOn]) -> bool:
        if self._giver.trusted:
            return False
        awake, age = self._awake.givers(self._project), self._now - waits_since(unit, opinions)
        return leaves_it_to_others(self._giver, given_by(opinions), awake, self._project.homogeneous, age)

    def _is_urgent(self, unit: Unit) -> bool:
        return (
            unit.state is UnitState.open
            or unit.round <= self._project.round - URGENT_ROUNDS
            or self._now - unit.created_at > HARDLY_PATIENT
        )


def waits_since(unit: Unit, opinions: list[OpinionOn]) -> dt.datetime:
    """When the latest opinion on it came."""
    came = [one.ended_at for one in opinions if one.ended_at is not None and one.state in _IN_HAND]
    return dt.datetime.fromtimestamp(max(came), dt.UTC) if came else unit.created_at


def given_by(opinions: list[OpinionOn]) -> list[Given]:
    """Who was found wrong or has failed is not asked again, but how it computes does not matter any more."""
    found = []
    for one in opinions:
        counts = one.state in _IN_HAND
        found.append(Given(one.host, one.account, counts and not one.unproven, one.numeric_class if counts else ""))
    return found
