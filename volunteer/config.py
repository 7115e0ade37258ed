"""One frozen settings object, read once: command line first, then environment, then the TOML file, then defaults."""

import contextlib
import hashlib
import ipaddress
import json
import os
import re
import socket
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from volunteer.errors import StopAndTell
from volunteer.join_file import beside_program, read_join_file
from volunteer.protocol.digests import is_sha256

SETTINGS_FILE = "volunteer.toml"
MIB = 2**20
LEAST_MEMORY_MB = 1024
ENVIRONMENT = {
    "server": "DAIG_SERVER",
    "home": "DAIG_HOME",
    "join_key": "DAIG_JOIN_KEY",
    "name": "DAIG_NAME",
    "fingerprint": "DAIG_FINGERPRINT",
}
FILE_KEYS = frozenset({"server", "name", "insecure_http", "fingerprint"})
"""The settings that may stand in the file; the person's preferences stand there too."""


@dataclass(frozen=True)
class Folders:
    """Where this host keeps things. `config` holds the token; `state` gradients, the lock and the child's folder."""

    config: Path
    cache: Path
    state: Path
    home: Path | None = None
    """The folder that holds all three, where one was chosen."""

    @staticmethod
    def below(home: Path) -> "Folders":
        return Folders(home / "config", home / "cache", home / "state", home)

    @staticmethod
    def of_person() -> "Folders":
        """The folders that this system has for a person's programs."""
        import platformdirs

        return Folders(
            platformdirs.user_config_path("daig"),
            platformdirs.user_cache_path("daig"),
            platformdirs.user_state_path("daig"),
        )


@dataclass(frozen=True)
class Settings:
    """Which grid, under which name, and where things are kept.

    `fingerprint`: SHA-256, in hexadecimal, of the one certificate that the server is believed by; empty: one that
    this system trusts. `insecure_http`: the person agreed to plain http to another machine. `key_beside_program`:
    nobody gave the join key now, it lies there from the installation.
    """

    server: str
    folders: Folders
    join_key: str | None = field(default=None, repr=False)
    name: str = ""
    fingerprint: str = ""
    insecure_http: bool = False
    key_beside_program: bool = False

    @property
    def grid_key(self) -> str:
        """A folder name of this grid's own, so that one home may serve several grids one after the other."""
        readable = re.sub(r"[^A-Za-z0-9.-]+", "_", urlsplit(self.server).netloc)[:60]
        return f"{readable}-{hashlib.sha256(self.server.encode()).hexdigest()[:8]}"


def folders_of(arguments: Mapping[str, Any], environment: Mapping[str, str]) -> Folders:
    """Below the chosen home, or where this system keeps such things."""
    home = arguments.get("home") or environment.get(ENVIRONMENT["home"])
    return Folders.below(Path(home).expanduser().absolute()) if home else Folders.of_person()


def read_settings(
    arguments: Mapping[str, Any],
    environment: Mapping[str, str],
    read_line: Callable[[], str],
    *,
    need_server: bool = True,
) -> Settings:
    """Raises StopAndTell for a value that cannot be used. `read_line` gives a join key from standard input.

    A join file on the command line counts as what it says there. The one beside the program is believed last, and its
    key and fingerprint only for its own grid. Without any address the one grid counts whose token is kept.
    `need_server`: without an address it raises, and for plain http that
    nobody agreed to; else `server` is "", or what the person is to be asked about.
    """
    given: dict[str, Any] = {name: environment[key] for name, key in ENVIRONMENT.items() if environment.get(key)}
    if arguments.get("join_file"):
        given |= read_join_file(Path(arguments["join_file"])).settings()
    given |= {name: value for name, value in arguments.items() if value is not None}
    folders = folders_of(arguments, environment)
    kept = read_file(folders.config / SETTINGS_FILE)
    if "server" in given and not _same(given["server"], kept.get("server")):
        # What was said of one grid's certificate, or of its network, says nothing of another's.
        kept = {name: value for name, value in kept.items() if name not in ("fingerprint", "insecure_http")}
    given = kept | given
    has_key = bool(given.get("join_key") or given.get("join_key_file"))
    installed = beside_program()
    if installed is not None and ("server" not in given or _same(given["server"], installed.server)):
        given = installed.settings() | given
    if not given.get("server") and (only := _only_grid(folders.config)):
        given = {**given, "server": only}
    if not given.get("server") and need_server:
        raise StopAndTell("Say which grid to work for: --server URL, or first: daig-volunteer attach URL.")
    agreed = given.get("insecure_http") is True
    join_key = _join_key(given, read_line)
    return Settings(
        server=server_address(str(given["server"]), agreed or not need_server) if given.get("server") else "",
        folders=folders,
        join_key=join_key,
        name=(str(given.get("name") or "") or socket.gethostname() or "host")[:200],
        fingerprint=read_fingerprint(str(given.get("fingerprint") or "")),
        insecure_http=agreed,
        key_beside_program=join_key is not None and not has_key,
    )


def read_file(path: Path) -> dict[str, Any]:
    """All that stands in the file; nothing when there is none. Raises StopAndTell for one that cannot be read."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise StopAndTell(f"The settings in {path} cannot be read: {error}. Correct the file, or delete it.") from None


def _only_grid(config: Path) -> str:
    """The address of the one grid that this machine is a host of, by the token that is kept; "" for none or several."""
    servers = set()
    for path in config.glob("*.json"):
        # One that is damaged is for whoever reads the token.
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            servers.add(str(json.loads(path.read_text("utf-8"))["server"]))
    return servers.pop() if len(servers) == 1 else ""


def server_address(text: str, insecure_http: bool) -> str:
    """The grid's address without a slash at the end. Raises StopAndTell: http only for this machine, or if told so."""
    try:
        parts = urlsplit(text.strip())
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise StopAndTell(f"“{text}” is not an address.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise StopAndTell(
            f"“{text}” is not an address: one looks like https://grid.example.org (or http://, on this machine)."
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise StopAndTell("The server's address holds no user, no password, no ? and no #.")
    if not (insecure_http or is_guarded(text)):
        raise StopAndTell(
            f"{text} would send this host's token in clear. Use https://, or --insecure-http if you trust the network."
        )
    # Names of hosts know no capitals; paths may.
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def is_guarded(server: str) -> bool:
    """Whether what goes to that address cannot be read on the way."""
    parts = urlsplit(server.strip())
    return parts.scheme == "https" or is_loopback(parts.hostname or "")


def read_fingerprint(text: str) -> str:
    """A certificate's SHA-256 in plain hexadecimal; colons and capitals, as other programs print them, are allowed.

    Raises StopAndTell for anything else; empty stays empty.
    """
    plain = text.strip().replace(":", "").lower()
    if plain and not is_sha256(plain):
        raise StopAndTell("A certificate's fingerprint has 64 hexadecimal digits; the server prints it at its start.")
    return plain


def is_loopback(host: str) -> bool:
    """Whether that name or number means this very machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _same(one: object, other: object) -> bool:
    """Whether two texts name the same grid; people end an address with a slash or without, and write names of hosts
    as they like."""
    return _plain(str(one)) == _plain(str(other))


def _plain(address: str) -> str:
    try:
        return server_address(address, insecure_http=True)
    except StopAndTell:
        return address.strip().rstrip("/")


def _join_key(given: Mapping[str, Any], read_line: Callable[[], str]) -> str | None:
    source = given.get("join_key_file")
    if source == "-" or (source is None and given.get("join_key") == "-"):
        return _said(read_line())
    if source is not None:
        try:
            return _said(Path(os.path.expanduser(source)).read_text("utf-8"))
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise StopAndTell(f"The join key file {source} cannot be read: {why}.") from None
    return _said(str(given["join_key"])) if given.get("join_key") is not None else None


def _said(key: str) -> str:
    if not key.strip():
        raise StopAndTell("The join key was empty.")
    return key.strip()
