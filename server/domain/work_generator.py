"""Cuts units from an epoch's order when hosts ask, and finds those that need another result.

Knows nothing of HTTP, nor of which project's turn it is.
"""

import datetime as dt
from collections.abc import Collection, Set
from itertools import islice

from server.domain.plans import Plans, order_of, places_of
from server.rules import choosing, k_batch, retries, sizing
from server.rules.states import ResultState, RoundState
from server.storage.stores import Stores
from server.storage.tables import Host, Project, Result, Round, Unit

_ENDED_BADLY = (ResultState.failed, ResultState.invalid, ResultState.not_finite)
_MOST_RESULTS_AT_ONCE = 2
_MOST_ORPHANS = 16
OpenUnits = list[tuple[Unit, list[Result]]]


class WorkGenerator:
    def __init__(self, stores: Stores, plans: Plans) -> None:
        self._stores = stores
        self._plans = plans

    def unit_for(
        self, host: Host, project: Project, held: Collection[str], others_wait: bool, able: Set[int],
        now: dt.datetime,
    ) -> Unit | None:  # fmt: skip
        """The unit that this host should compute, made if need be; None when the project has nothing for it now.

        `able`: the hosts that could compute it, this one included. Inside a write transaction.
        """
        round_ = self._stores.rounds.get(project.id, project.round)
        if round_.state is not RoundState.open:
            return None
        units = self._stores.work.open_units(project.id)
        if k_batch.will_close(round_.used, sum(unit.size for unit, live in units if _is_reported(live)), round_.target):
            return None
        return (
            self._orphan(host, project, units, able)
            or self._fresh(host, project, round_, units, held, others_wait, able, now)
            or self._second_opinion(host, project, round_, units)
        )

    def _orphan(self, host: Host, project: Project, units: OpenUnits, able: Set[int]) -> Unit | None:
        """The oldest unit that nobody has in hand, but not to a host that has failed at it while another could try.

        When every host has failed at it they try again, until it is hopeless: else each would wait for the other.
        """
        for unit, live in units:
            if live:
                continue
            past = self._stores.work.results_of(unit.id)
            failed = {result.host_id for result in past if result.state in _ENDED_BADLY}
            losses = retries.losses_since(project.running_since, past)
            if not retries.unit_is_hopeless(unit.failures, losses) and (host.id not in failed or able <= failed):
                return unit
        return None

    def _fresh(
        self, host: Host, project: Project, round_: Round, units: OpenUnits, held: Collection[str],
        others_wait: bool, able: Set[int], now: dt.datetime,
    ) -> Unit | None:  # fmt: skip
        """A new unit from the head of the epoch's queue."""
        if sum(not live for _, live in units) >= _MOST_ORPHANS:
            # Somebody takes units and returns them undone: there is enough to do.
            return None
        outstanding = sum(unit.size for unit, _ in units)
        if not k_batch.may_cut(outstanding, round_.used, round_.target, others_wait):
            return None
        plan = self._plans.of(project.plan_sha256)
        order = order_of(plan.seed, project.epoch, project.mini_batches)
        places = places_of(plan.seed, project.epoch, project.mini_batches)
        taken = self._stores.rounds.used_places(project.id, project.epoch, project.head)
        taken |= {int(places[b]) for unit, _ in units for b in unit.mini_batches}
        size = self._size(host, project, round_, outstanding, others_wait, able)
        free = choosing.free_places(len(order), project.head, taken)
        window = list(islice(free, choosing.WINDOW * size))
        if not window:
            return None
        shards = {s.number for s in self._stores.projects.shards(project.id) if s.sha256 in held} if held else set()
        chosen = choosing.choose(window, size, lambda place: plan.layout.locate(int(order[place])).shard, shards)
        mini_batches = [int(order[place]) for place in chosen]
        return self._stores.work.add_unit(project.id, round_.number, project.epoch, mini_batches, now)

    def _size(
        self, host: Host, project: Project, round_: Round, outstanding: int, others_wait: bool, able: Set[int]
    ) -> int:
        """At a round's beginning nobody holds a lease yet: who shares it is told by the round before."""
        lately = self._stores.work.hosts_lately_at_work(project.id, round_.number) if round_.number else able
        hosts_at_work = len({*lately, host.id} & {*able, host.id})
        size = sizing.mini_batches_for(host.speed, project.operations, round_.target, hosts_at_work)
        return min(size, k_batch.left_for(outstanding, round_.used, round_.target, others_wait))

    def _second_opinion(self, host: Host, project: Project, round_: Round, units: OpenUnits) -> Unit | None:
        """At an epoch's end nothing is left to cut: help with the oldest unit, so that no slow host holds it up.

        One that is reported only waits for its verdict: help would come too late.
        """
        left = project.mini_batches - self._stores.rounds.count_used_in_epoch(project.id, project.epoch)
        if sum(unit.size for unit, _ in units) < left:
            return None
        for unit, live in units:
            computing = [result.host_id for result in live if result.state is ResultState.leased]
            if len(computing) == len(live) and 0 < len(live) < _MOST_RESULTS_AT_ONCE and host.id not in computing:
                return unit
        return None


def _is_reported(live: list[Result]) -> bool:
    return any(result.state is ResultState.reported for result in live)
