"""Reads losses, metrics, optimizers and schedules, however Keras or the form names them, against tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from volunteer.plan.arguments import Check, Unfit, show
from volunteer.plan.parts import of_keras, plain_name
from volunteer.plan.refused import Refused
from volunteer.plan.rules import ANYTHING


@dataclass(frozen=True)
class Kind:
    """One family of Keras objects: what refusals call it, where Keras keeps it, and what is permitted of it.

    `table` maps class names to their arguments (check, default); `aliases` further names to class names;
    `dropped` maps arguments that are left out to the values they may have (ANYTHING: whatever they say).
    """

    word: str
    field: str
    module: str
    table: Mapping[str, Mapping[str, tuple[Check, Any]]]
    aliases: Mapping[str, str] = dataclasses.field(default_factory=dict)
    dropped: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    reasons: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def class_name(self, name: Any) -> str:
        """The class that a name of any spelling means; Refused if it is not permitted."""
        known = {plain_name(one): one for one in self.table}
        known |= {plain_name(alias): one for alias, one in self.aliases.items()}
        found = known.get(plain_name(name.removeprefix("Custom>"))) if isinstance(name, str) else None
        if found is None:
            why = self.reasons.get(name) if isinstance(name, str) else None
            raise Refused(
                f"The {self.word} {show(name)} cannot be used here"
                + (f": {why}." if why else f"; permitted are {_listed(self.table)}."),
                self.field,
            )
        return found

    def read(self, raw: Any) -> dict[str, Any]:
        """The canonical object of a name or a stored object; Refused naming what is not permitted."""
        name, config = self._taken_apart(raw)
        class_name = self.class_name(name)
        arguments = self.table[class_name]
        permitted: dict[str, Any] = {}
        for argument, (check, default) in arguments.items():
            try:
                permitted[argument] = check(config.pop(argument, default))
            except Unfit as unfit:
                raise Refused(
                    f"The {self.word} {class_name}: argument '{argument}' must be {unfit}.", self.field
                ) from None
        for argument, value in config.items():
            meaningless = self.dropped.get(argument, ())
            if meaningless is not ANYTHING and value not in meaningless:
                raise Refused(
                    f"The {self.word} {class_name}: argument {show(argument)} cannot be {show(value)}; "
                    "it is not supported.",
                    self.field,
                )
        return self.write(class_name, permitted)

    def write(self, class_name: str, config: dict[str, Any]) -> dict[str, Any]:
        """A canonical object as Keras 3 reads it."""
        return {"module": self.module, "class_name": class_name, "config": config, "registered_name": None}

    def _taken_apart(self, raw: Any) -> tuple[Any, dict[str, Any]]:
        if not isinstance(raw, dict):
            return raw, {}
        name, config = raw.get("class_name"), raw.get("config") or {}
        module, registered = raw.get("module"), raw.get("registered_name")
        if name == "function":
            return config, {}
        registered = registered.removeprefix("Custom>") if isinstance(registered, str) else registered
        if not of_keras(module) or registered not in (None, name) or not isinstance(config, dict):
            raise Refused(
                f"The {self.word} {show(name)} is custom code, which cannot be used here.", self.field
            )
        return name, dict(config)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
