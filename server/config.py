"""The server's settings: one frozen value, read once from the environment, `daig.toml` and the command line."""

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = "daig.toml"
PREFIX = "DAIG_"


RANGES: dict[str, tuple[float, float]] = {
    "port": (0, 65_535),
    "proxies": (0, 10),
    "web_threads": (1, 1000),
    "max_upload_bytes": (1, 2**50),
    "account_upload_bytes": (1, 2**60),
    "least_free_bytes": (0, 2**60),
    "learner_threads": (0, 1000),
    "learner_memory_bytes": (1, 2**50),
    "smtp_port": (1, 65_535),
    "quorum": (1, 5),
    "trust_after": (1, 10_000),
    "least_check": (0.0, 1.0),
    "audit_share": (0.0, 1.0),
    "unproven_share": (0.0, 1.0),
    "join_rate": (1, 100_000),
}
"""Least and most of each number."""

SECRET = frozenset({"smtp_password"})
CHOICES = {"smtp_security": ("starttls", "tls", "none"), "tls": ("auto", "off")}
"""The words that a setting may be."""


class BadSettings(ValueError):
    """A setting cannot be used; the text names it."""


@dataclass(frozen=True)
class Settings:
    """`data` is the folder of the database and the blobs; `port` 0 asks the system for a free one.

    `https` says that people reach the grid by https (cookies are marked Secure then); `proxies` is how many reverse
    proxies stand in front and may be believed; `tls` "auto" makes a certificate where the grid listens for other
    machines and nobody else speaks https for it; `learner_threads` 0 leaves the choice to TensorFlow. Without
    `smtp_host`, or without `public_url` and `smtp_from`, the grid sends no mail. `quorum` and the four below it are
    explained by `server.rules.validation_policy`; `join_rate` is per hour.
    """

    data: Path = Path("var")
    host: str = "127.0.0.1"
    port: int = 8000
    name: str = "DAIG"
    public_url: str = ""
    https: bool = False
    proxies: int = 0
    tls: str = "auto"
    tls_certificate: str = ""
    tls_key: str = ""
    web_threads: int = 96
    max_upload_bytes: int = 4 * 2**30
    account_upload_bytes: int = 20 * 2**30
    least_free_bytes: int = 5 * 2**30
    learner_threads: int = 0
    learner_memory_bytes: int = 6 * 2**30
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_user: str = ""
    smtp_password: str = dataclasses.field(default="", repr=False)
    smtp_from: str = ""
    smtp_security: str = "starttls"
    webhooks_to_private: bool = False
    quorum: int = 2
    trust_after: int = 10
    least_check: float = 0.03
    audit_share: float = 0.02
    unproven_share: float = 0.5
    join_rate: int = 100
    invitation_only: bool = False
    approve_new_requestors: bool = False

    @property
    def sends_mail(self) -> bool:
        """Links in letters need an address that no visitor can choose, so `public_url` is asked for."""
        return bool(self.smtp_host and self.smtp_from and self.public_url)


def read_settings(arguments: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Settings:
    """Command line before environment (DAIG_PORT=...) before `daig.toml` in the data folder before defaults."""
    env = os.environ if environment is None else environment
    given = {name: value for name, value in arguments.items() if value is not None}
    fields = {f.name: f for f in dataclasses.fields(Settings)}
    from_env = {n: env[PREFIX + n.upper()] for n in fields if PREFIX + n.upper() in env}
    data = Path(given.get("data") or from_env.get("data") or Settings.data)
    merged = {**_from_file(data / FILE, set(fields)), **from_env, **given, "data": data.absolute()}
    return Settings(**{name: _convert(name, merged[name]) for name in merged if name in fields})


def shown(settings: Settings) -> list[tuple[str, str]]:
    """Each setting with its value, as an operator may read it: a password is said to be set, no more."""
    values = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    return [(name, "(set)" if name in SECRET and value else str(value)) for name, value in values.items()]


def _from_file(path: Path, known: set[str]) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path}: {error}") from None
    unknown = set(values) - known
    if unknown:
        raise BadSettings(f"{path}: there is no setting {', '.join(sorted(unknown))}")
    return values


def _convert(name: str, value: Any) -> Any:
    kind = type(getattr(Settings, name))
    if kind is bool and isinstance(value, str):
        if value.lower() not in ("0", "1", "true", "false", "yes", "no"):
            raise BadSettings(f"{name}: “{value}” is neither yes nor no")
        return value.lower() in ("1", "true", "yes")
    try:
        converted: Any = Path(value) if name == "data" else kind(value)
    except (TypeError, ValueError):
        raise BadSettings(f"{name}: “{value}” is not a {kind.__name__}") from None
    if name in RANGES and not RANGES[name][0] <= converted <= RANGES[name][1]:
        raise BadSettings(f"{name}: {value} is out of range, {RANGES[name][0]} to {RANGES[name][1]}")
    if name in CHOICES and converted not in CHOICES[name]:
        raise BadSettings(f"{name}: “{value}” is none of {', '.join(CHOICES[name])}")
    return converted
