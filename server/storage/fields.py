"""Column types of ours: instants, enums and small JSON values."""

import datetime as dt
import enum
import json
from typing import Any

from peewee import CharField, DoubleField, TextField


class InstantField(DoubleField):
    """An aware UTC datetime, stored as seconds since 1970: the same on every database, and it sorts."""

    def db_value(self, value: dt.datetime | float | None) -> float | None:
        return value.timestamp() if isinstance(value, dt.datetime) else value

    def python_value(self, value: float | None) -> dt.datetime | None:
        return None if value is None else dt.datetime.fromtimestamp(value, dt.UTC)


class StateField(CharField):
    """A StrEnum by its word."""

    def __init__(self, states: type[enum.StrEnum], **arguments: Any) -> None:
        self._states = states
        super().__init__(max_length=20, **arguments)

    def db_value(self, value: str) -> str:
        return str(value)

    def python_value(self, value: str) -> enum.StrEnum:
        return self._states(value)


class JsonField(TextField):
    """A value as JSON text; never searched in."""

    def db_value(self, value: Any) -> str:
        return json.dumps(value, separators=(",", ":"))

    def python_value(self, value: str | None) -> Any:
        return None if value is None else json.loads(value)
