"""Join files: where a grid is, how it is known and perhaps a key, as the volunteer's program reads it (TOML)."""

import ipaddress
import json
from urllib.parse import urlsplit

JOIN_FILE = "daig-join.toml"


def join_file(server: str, join_key: str, fingerprint: str) -> str:
    """Without a key a file only says where the grid is. `fingerprint`: of the grid's own certificate, hexadecimal;
    empty where it has none."""
    about = "Joins machines to a grid. Whoever has this file may do so until the key is used up or runs out."
    if not join_key:
        about = "Where the grid is, for its volunteers' program."
    lines = [f"# {about}", _line("server", server)]
    lines += [_line("join_key", join_key)] if join_key else []
    lines += [_line("fingerprint", fingerprint)] if fingerprint else []
    return "\n".join(lines) + "\n"


def means_every_machine_itself(server: str) -> bool:
    """Whether that address would send each machine to itself: a join file with it is good for this machine only."""
    host = urlsplit(server).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_address(server: str) -> bool:
    """Whether that can be where a grid is."""
    return _parts(server) is not None


def is_same_address(one: str, other: str) -> bool:
    """Whether both lead to the same grid, however they are written."""
    parts = _parts(one)
    return parts is not None and parts == _parts(other)


def _parts(server: str) -> tuple[str, str, int, str] | None:
    try:
        split = urlsplit(server)
        port = split.port or {"http": 80, "https": 443}[split.scheme]
    except (ValueError, KeyError):
        return None
    return (split.scheme, split.hostname, port, split.path.rstrip("/")) if split.hostname else None


def _line(name: str, text: str) -> str:
    # A JSON string is a string of TOML as well.
    return f"{name} = {json.dumps(text)}"
