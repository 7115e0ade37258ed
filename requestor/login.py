"""Which grid, and by which token: from the environment, or from a file that only its owner can read."""

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import platformdirs

from requestor.errors import NotLoggedIn

URL, TOKEN, INSECURE, FINGERPRINT = "DAIG_URL", "DAIG_TOKEN", "DAIG_INSECURE_HTTP", "DAIG_FINGERPRINT"


@dataclass(frozen=True)
class Login:
    url: str
    token: str = field(repr=False)
    insecure_http: bool = False
    fingerprint: str = ""


def path() -> Path:
    return Path(platformdirs.user_config_dir("daig", appauthor=False)) / "login.json"


def load() -> Login:
    """The environment goes before the file. Raises NotLoggedIn."""
    url, token = os.environ.get(URL, ""), os.environ.get(TOKEN, "")
    insecure, fingerprint = os.environ.get(INSECURE, "") not in ("", "0"), os.environ.get(FINGERPRINT, "")
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        stored = msgspec.json.decode(path().read_bytes(), type=Login)
        # A token is for the grid that gave it: never sent to another.
        if not url or url.rstrip("/") == stored.url:
            url, token, insecure = stored.url, token or stored.token, insecure or stored.insecure_http
            fingerprint = fingerprint or stored.fingerprint
    if not url or not token:
        raise NotLoggedIn
    return Login(url, token, insecure, fingerprint)


def store(login: Login) -> Path:
    """Where it is kept from now on: made unreadable to others before anything is in it."""
    place = path()
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = place.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(msgspec.json.encode(login))
    new.replace(place)
    return place


def forget() -> bool:
    """Whether there was anything to forget."""
    there = path().exists()
    path().unlink(missing_ok=True)
    return there
