"""Statistics in the XML that BOINC's `db_dump` writes, which statistics sites read.

Elements and their order follow `write_user`, `write_team`, `write_host` and `tables_file` of BOINC's sched/db_dump.cpp
(github.com/BOINC/boinc); what this grid does not know is 0 there, as it is for a BOINC host that was not measured.
Total credit is in this grid's credits.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

HEAD = '<?xml version="1.0" encoding="iso-8859-1"?>\n'
TABLES = "tables.xml"


class User(NamedTuple):
    """`cpid`: 32 hexadecimal digits that stand for the account and tell nothing of it. Credit as for people."""

    id: int
    name: str
    created: float
    total: float
    average: float
    cpid: str
    team: int | None


class Team(NamedTuple):
    """`founder` and its name only where the founder is among the users."""

    id: int
    name: str
    founder: int
    founder_name: str
    total: float
    average: float
    created: float
    description: str


class Host(NamedTuple):
    """`speed` in floating-point operations a second, `memory` in bytes; `seen` is the start of the day."""

    id: int
    user: int
    total: float
    average: float
    processor: str
    system: str
    software: str
    created: float
    seen: float
    threads: int
    speed: float
    memory: int
    cpid: str


class Gone(NamedTuple):
    """An account or a host that was in the files and is deleted: sites are asked to delete it too."""

    id: int
    cpid: str


class Sums(NamedTuple):
    """Of everybody, in the files or not, as BOINC counts them."""

    users: int
    teams: int
    hosts: int
    credit: float


def escaped(text: str) -> str:
    """For an element's content: what XML 1.0 cannot hold is dropped, what is not ASCII becomes a reference."""
    kept = "".join(letter for letter in text if letter in "\t\n" or letter.isprintable())
    plain = kept.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain.encode("ascii", "xmlcharrefreplace").decode("ascii")


def _element(tag: str, indent: int, *fields: tuple[str, object]) -> str:
    lines = [f"{' ' * indent}<{name}>{_value(value)}</{name}>\n" for name, value in fields]
    return f"<{tag}>\n{''.join(lines)}</{tag}>\n"


def _value(value: object) -> str:
    return f"{value:.6f}" if isinstance(value, float) else escaped(str(value))


def document(tag: str, elements: Iterable[str]) -> Iterator[str]:
    yield f"{HEAD}<{tag}>\n"
    yield from elements
    yield f"</{tag}>\n"


def user(one: User, now: float) -> str:
    fields: list[tuple[str, object]] = [
        ("id", one.id), ("name", one.name), ("create_time", int(one.created)), ("total_credit", one.total),
        ("expavg_credit", one.average), ("expavg_time", now), ("cpid", one.cpid),
    ]  # fmt: skip
    return _element("user", 1, *fields, *([("teamid", one.team)] if one.team else []))


def team(one: Team, now: float) -> str:
    return _element(
        "team", 1, ("id", one.id), ("type", 0), ("name", one.name), ("userid", one.founder),
        ("total_credit", one.total), ("expavg_credit", one.average), ("expavg_time", now),
        *([("founder_name", one.founder_name)] if one.founder_name else []), ("create_time", int(one.created)),
        *([("description", one.description)] if one.description else []), ("country", "None"),
    )  # fmt: skip


def host(one: Host, now: float) -> str:
    name, _, version = one.system.partition(" ")
    unknown = [
        (field, 0.0)
        for field in ("m_cache", "m_swap", "d_total", "d_free", "n_bwup", "n_bwdown", "avg_turnaround",
                      "credit_per_cpu_sec")
    ]  # fmt: skip
    return _element(
        "host", 4, ("id", one.id), ("userid", one.user), ("total_credit", one.total), ("expavg_credit", one.average),
        ("expavg_time", now), ("p_vendor", ""), ("p_model", one.processor), ("os_name", name), ("os_version", version),
        ("boinc_version", one.software), ("create_time", int(one.created)), ("rpc_time", int(one.seen)),
        ("timezone", 0), ("ncpus", one.threads), ("p_fpops", one.speed), ("p_iops", 0.0), ("p_membw", 0.0),
        ("m_nbytes", float(one.memory)), *unknown, ("host_cpid", one.cpid),
    )  # fmt: skip


def gone(one: Gone, tag: str) -> str:
    """`tag`: "user" or "host"."""
    return _element(tag, 4, ("id", one.id), ("cpid" if tag == "user" else "host_cpid", one.cpid))


def tables(sums: Sums, grid_name: str, now: float) -> str:
    return (
        f"{HEAD}<tables>\n    <update_time>{int(now)}</update_time>\n    <nusers_total>{sums.users}</nusers_total>\n"
        f"    <nteams_total>{sums.teams}</nteams_total>\n    <nhosts_total>{sums.hosts}</nhosts_total>\n"
        f"    <total_credit>{sums.credit:.6f}</total_credit>\n    <applications>\n        <application>\n"
        f"            <name>{escaped(grid_name)}</name>\n        </application>\n    </applications>\n</tables>\n"
    )
