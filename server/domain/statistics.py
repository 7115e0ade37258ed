"""The pass that writes the statistics export, once a day: for the sites that show who computes for which project.

Only who agreed is in it, and only what the leaderboard may show of them.
"""

import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence

from server.rules import statistics_xml as xml
from server.rules.credit import FLOATING_OPERATIONS, in_credits, recent_average
from server.storage.ledger import DAY_SECONDS
from server.storage.statistics import StatisticsFolder, StatisticsStore
from server.storage.stores import Stores

_EVERY = dt.timedelta(days=1)
_AVERAGED = dt.timedelta(days=90)
"""What is older counts less than 1 in 7,000 in an average with a half-life of a week."""

_TELL_OF_DEPARTED = dt.timedelta(days=60)
_MADE_AT = "statistics_made_at"
_SECRET = "statistics_secret"
_Days = Mapping[int, Sequence[tuple[int, int]]]


class StatisticsExport:
    def __init__(self, stores: Stores, folder: StatisticsFolder, grid_name: str) -> None:
        self._stores = stores
        self._rows = StatisticsStore(stores.database)
        self._folder = folder
        self._grid_name = grid_name

    def run_pass(self, now: dt.datetime) -> int:
        """Write all files, when the last ones are a day old or gone; how many."""
        made = self._stores.facts.get(_MADE_AT)
        there = {name for name, _, _ in self._folder.files()}
        if xml.TABLES in there and made is not None and 0 <= now.timestamp() - float(made) < _EVERY.total_seconds():
            return 0
        files = self._files(now)
        for name, text in files.items():
            self._folder.write(name, text)
        with self._stores.database.write():
            self._stores.facts.set(_MADE_AT, str(now.timestamp()))
        return len(files)

    def _files(self, now: dt.datetime) -> dict[str, list[str]]:
        """All of one instant. `tables.xml` is last: it says that the others are there."""
        at, rows = now.timestamp(), self._rows
        key = self._secret()
        with self._stores.database.read():
            users, hosts, teams = self._users(key, now), self._hosts(key, now), self._teams(now)
            accounts_gone, hosts_gone = rows.departed(now - _TELL_OF_DEPARTED)
            many_users, many_teams, many_hosts, credit = rows.sums()
        sums = xml.Sums(many_users, many_teams, many_hosts, in_credits(credit))
        gone_users = [xml.Gone(number, _cpid(key, "account", number)) for number in accounts_gone]
        gone_hosts = [xml.Gone(number, _cpid(key, "host", number)) for number in hosts_gone]
        return {
            "user.gz": list(xml.document("users", (xml.user(one, at) for one in users))),
            "team.gz": list(xml.document("teams", (xml.team(one, at) for one in teams))),
            "host.gz": list(xml.document("hosts", (xml.host(one, at) for one in hosts))),
            "user_deleted.gz": list(xml.document("users_deleted", (xml.gone(one, "user") for one in gone_users))),
            "host_deleted.gz": list(xml.document("hosts_deleted", (xml.gone(one, "host") for one in gone_hosts))),
            xml.TABLES: [xml.tables(sums, self._grid_name, at)],
        }

    def _users(self, key: bytes, now: dt.datetime) -> list[xml.User]:
        days = self._rows.by_day("account_id", now - _AVERAGED)
        return [
            xml.User(number, name, created, in_credits(credit), _average(days, number, now),
                     _cpid(key, "account", number), team)
            for number, name, created, credit, team in self._rows.users()
        ]  # fmt: skip

    def _hosts(self, key: bytes, now: dt.datetime) -> list[xml.Host]:
        days = self._rows.by_day("host_id", now - _AVERAGED)
        return [
            xml.Host(
                id=number, user=user, total=in_credits(credit), average=_average(days, number, now),
                processor=processor, system=system, software=software, created=created,
                seen=(seen or 0.0) // DAY_SECONDS * DAY_SECONDS, threads=threads,
                speed=float(speed * FLOATING_OPERATIONS), memory=memory, cpid=_cpid(key, "host", number),
            )
            for number, user, credit, processor, system, software, created, seen, threads, speed, memory
            in self._rows.hosts()
        ]  # fmt: skip

    def _teams(self, now: dt.datetime) -> list[xml.Team]:
        days = self._rows.by_day("team", now - _AVERAGED)
        return [
            xml.Team(number, name, founder, founder_name, in_credits(credit), _average(days, number, now), created,
                     description)
            for number, name, founder, founder_name, credit, created, description in self._rows.teams()
        ]  # fmt: skip

    def _secret(self) -> bytes:
        """Made once a grid: the same account has the same identifier in every export."""
        with self._stores.database.write():
            found = self._stores.facts.get(_SECRET)
            if found is None:
                found = secrets.token_hex(32)
                self._stores.facts.set(_SECRET, found)
        return bytes.fromhex(found)


def _average(days: _Days, number: int, now: dt.datetime) -> float:
    """Of a day's entries the middle of the day is taken; today's count as of now."""
    today = now.timestamp() / DAY_SECONDS
    return recent_average((max(today - day - 0.5, 0.0), amount) for day, amount in days.get(number, ()))


def _cpid(key: bytes, kind: str, number: int) -> str:
    """BOINC makes it of the e-mail address, by MD5: whoever guesses the address finds the person. So ours is our own,
    and sites do not add up a person's credit over projects."""
    return hmac.digest(key, f"{kind} {number}".encode(), hashlib.sha256).hex()[:32]
