"""Cuts units from an epoch's order when hosts ask, and finds those that need another result.

Knows nothing of HTTP, nor of which project's turn it is; other opinions on what was computed are found by `checks`.
"""

import collections
import datetime as dt
from collections.abc import Collection, Set
from dataclasses import dataclass
from itertools import islice

from server.domain.awake import Awake, policy_for
from server.domain.checks import Checks, Offer
from server.domain.hopeless import Hopeless
from server.domain.plans import Plans, order_of, places_of
from server.rules import choosing, k_batch, replication, retries, sizing
from server.rules.second_opinions import Giver
from server.rules.states import Purpose, ResultState, RoundState
from server.rules.validation_policy import ValidationPolicy
from server.storage.stores import Stores
from server.storage.tables import Host, Project, Result, Round, Unit

_ENDED_BADLY = (ResultState.failed, ResultState.invalid, ResultState.not_finite)
_MOST_ORPHANS = 16
OpenUnits = list[tuple[Unit, list[Result]]]


@dataclass(frozen=True)
class Asker:
    """The host that asks: what it is, how much it is believed for this project, which blobs it holds."""

    host: Host
    giver: Giver
    held: Collection[str]


class WorkGenerator:
    def __init__(self, stores: Stores, plans: Plans, policy: ValidationPolicy) -> None:
        self._stores = stores
        self._plans = plans
        self._policy = policy

    def unit_for(
        self, asker: Asker, project: Project, others_wait: bool, awake: Awake, now: dt.datetime
    ) -> Offer | None:
        """What this host should compute, made if need be; None when the project has nothing for it now.

        First what the open round waits for, then, when it has enough, opinions on what has counted already. Inside a
        write transaction.
        """
        round_ = self._stores.rounds.get(project.id, project.round)
        checks = Checks(self._stores, asker.giver, project, awake, now)
        if round_.state is not RoundState.open:
            return checks.any()
        units = self._stores.work.open_units(project.id)
        if k_batch.will_close(round_.used, sum(unit.size for unit, live in units if _is_reported(live)), round_.target):
            return checks.any()
        outstanding = sum(unit.size for unit, _ in units)
        return (
            _work(self._orphan(asker.host, project, units, awake))
            or (checks.any() if round_.used + outstanding >= round_.target else checks.held_up())
            or _work(self._fresh(asker, project, round_, units, others_wait, awake, now))
            or self._help(asker, project, units, checks, now)
        )

    def check_for(self, giver: Giver, project: Project, awake: Awake, now: dt.datetime) -> Offer | None:
        """Of a project that is finished: opinions on its last rounds are still wanted."""
        return Checks(self._stores, giver, project, awake, now).any()

    def _orphan(self, host: Host, project: Project, units: OpenUnits, awake: Awake) -> Unit | None:
        """The oldest unit that nobody has in hand, but not to a host that has failed at it while another could try.

        When every host has failed at it they try again, until it is hopeless: else each would wait for the other.
        """
        hopeless = Hopeless(self._stores, self._policy, awake)
        for unit, live in units:
            if live:
                continue
            past = self._stores.work.results_of(unit.id)
            may_try = host.id not in (failed := _failed_at(past)) or awake.able(project) <= failed
            if may_try and not hopeless.is_so(project, unit, past):
                return unit
        return None

    def _fresh(
        self, asker: Asker, project: Project, round_: Round, units: OpenUnits, others_wait: bool, awake: Awake,
        now: dt.datetime,
    ) -> Unit | None:  # fmt: skip
        """A new unit from the head of the epoch's queue."""
        if sum(not live for _, live in units) >= _MOST_ORPHANS:
            # Somebody takes units and returns them undone: there is enough to do.
            return None
        outstanding = sum(unit.size for unit, _ in units)
        if not k_batch.may_cut(outstanding, round_.used, round_.target, others_wait):
            return None
        room = None if asker.giver.trusted else self._room(asker.giver, project, round_, awake)
        if room == 0:
            return None
        plan = self._plans.of(project.plan_sha256)
        order = order_of(plan.seed, project.epoch, project.mini_batches)
        places = places_of(plan.seed, project.epoch, project.mini_batches)
        taken = self._stores.rounds.used_places(project.id, project.epoch, project.head)
        taken |= {int(places[b]) for unit, _ in units for b in unit.mini_batches}
        size = self._size(asker.host, project, round_, outstanding, others_wait, awake.able(project))
        size = size if room is None else min(size, room)
        free = choosing.free_places(len(order), project.head, taken)
        window = list(islice(free, choosing.WINDOW * size))
        if not window:
            return None
        held = asker.held
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
        if not policy_for(self._policy, project).believes_all:
            size = min(size, sizing.MOST_COMPARABLE)
        return min(size, k_batch.left_for(outstanding, round_.used, round_.target, others_wait))

    def _room(self, giver: Giver, project: Project, round_: Round, awake: Awake) -> int | None:
        """Hosts without trust share a part of each round, where others could fill the rest: swarms gain nothing.

        None where there is no bound.
        """
        if not any(one.trusted and one.account != giver.account for one in awake.givers(project)):
            return None
        filled = self._stores.checks.filled_by_unproven(project.id, round_.number)
        return replication.unproven_room(policy_for(self._policy, project), round_.target, filled, True)

    def _help(
        self, asker: Asker, project: Project, units: OpenUnits, checks: Checks, now: dt.datetime
    ) -> Offer | None:
        """At an epoch's end nothing is left to cut: help with the oldest unit, so that no slow host holds it up.

        Only where it may help: the same work twice on two like machines is done no sooner. One that is reported only
        waits for its verdict. Where hosts are not simply believed, nobody helps a host of the same volunteer: two of
        that one's results are worth no more than one.
        """
        left = project.mini_batches - self._stores.rounds.count_used_in_epoch(project.id, project.epoch)
        if sum(unit.size for unit, _ in units) < left:
            return None
        believes_all = policy_for(self._policy, project).believes_all
        for unit, live in units:
            computing = [result.host_id for result in live if result.state is ResultState.leased]
            judged = sum(result.state is ResultState.held for result in live)
            may_another = computing and len(live) <= unit.opinions and len(computing) + judged == len(live)
            if not may_another or asker.host.id in computing or not (believes_all or checks.may_help(unit)):
                continue
            if unit.seeks:
                return Offer(unit, Purpose.check)
            if all(self._would_help(asker.host, project, unit, result, now) for result in live):
                return Offer(unit, Purpose.work)
        return None

    def _would_help(self, host: Host, project: Project, unit: Unit, held: Result, now: dt.datetime) -> bool:
        other = self._stores.hosts.by_id(held.host_id)
        mine, theirs = (sizing.expected_seconds(one.speed, project.operations, unit.size) for one in (host, other))
        return sizing.would_help(mine, theirs, (now - held.leased_at).total_seconds())


def _work(unit: Unit | None) -> Offer | None:
    return None if unit is None else Offer(unit, Purpose.work)


def _failed_at(past: list[Result]) -> set[int]:
    """The hosts of these results that have failed, or let the unit go again and again."""
    lost = collections.Counter(result.host_id for result in past if result.state is ResultState.lost)
    often = {host for host, times in lost.items() if times >= retries.LOSSES_OF_ONE}
    return often | {result.host_id for result in past if result.state in _ENDED_BADLY}


def _is_reported(live: list[Result]) -> bool:
    return any(result.state is ResultState.reported for result in live)
