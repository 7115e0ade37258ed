"""A volunteer's machine as its owner sees it: what it does, what it gave, what went wrong of late."""

import datetime as dt

from server.rules.appeals import may_appeal
from server.rules.credit import in_credits
from server.rules.host_troubles import WORTH_TELLING, in_words
from server.rules.software import is_older
from server.rules.states import ResultState
from server.rules.status import ONLINE_SECONDS
from server.rules.views import HostTrouble, HostView
from server.storage.stores import Stores
from server.storage.tables import Host

_OF_LATE = dt.timedelta(days=7)
_MOST_TROUBLES = 3
_MOST_LOOKED_AT = 30


def host_view(stores: Stores, host: Host, given: tuple[int, int], newest: str, now: dt.datetime) -> HostView:
    """`given`: results and mini-batches found valid.

    `newest`: the version of the program that it should have.
    """
    verdicts = stores.hosts.verdicts(host.id)
    units, mini_batches = given
    return HostView(
        id=host.id, name=host.name, system=host.system, threads=host.threads, memory=host.memory,
        last_seen_at=host.last_seen_at, doing=_doing(stores, host, now),
        valid_results=units, invalid_results=verdicts.get(ResultState.invalid, 0),
        mini_batches=mini_batches, credit=in_credits(host.credit), software=host.software,
        outdated=is_older(host.software, newest), newest=newest, troubles=_troubles(stores, host, now),
        host_seconds=stores.work.total_host_seconds(now, host_id=host.id),
        quarantined_at=host.quarantined_at, quarantine_reason=host.quarantine_reason, appeal=host.appeal,
        appealed_at=host.appealed_at, appeal_answer=host.appeal_answer,
        may_appeal=may_appeal(host.quarantined_at, host.appealed_at, host.appeal_answer, now),
    )  # fmt: skip


def _troubles(stores: Stores, host: Host, now: dt.datetime) -> list[HostTrouble]:
    """The newest first; what happened again and again is told once."""
    told: dict[str, HostTrouble] = {}
    for result in stores.work.ended_badly(host.id, WORTH_TELLING, now - _OF_LATE, _MOST_LOOKED_AT):
        sentence = in_words(result.state, result.sentence)
        if sentence and sentence not in told and result.ended_at is not None:
            told[sentence] = HostTrouble(result.ended_at, sentence)
    return list(told.values())[:_MOST_TROUBLES]


def _doing(stores: Stores, host: Host, now: dt.datetime) -> str:
    if host.quarantined_at is not None:
        return "in quarantine, gets no work"
    leased = stores.work.leased_to(host.id)
    if leased:
        count = sum(stores.work.unit(result.unit_id).size for result in leased)
        return f"computing {count} mini-batch{'' if count == 1 else 'es'}"
    if host.last_seen_at is None:
        return "attached, has not asked for work yet"
    silence = (now - host.last_seen_at).total_seconds()
    if silence <= ONLINE_SECONDS:
        return "awake, waiting for work"
    return f"silent for {_span(silence)}"


def _span(seconds: float) -> str:
    for size, word in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {word}{'s' if count > 1 else ''}"
    return f"{int(seconds)} seconds"
