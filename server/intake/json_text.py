"""JSON out of an uploaded file: size and depth are capped before the parser sees it."""

import json
import re
from typing import Any, NoReturn

from server.intake.bounds import JSON_BYTES, JSON_DEPTH
from server.intake.damaged import damaged
from volunteer.plan.refused import Refused

_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[{]|[\]}]', re.DOTALL)


def parse_object(text: bytes, what: str) -> dict[str, Any]:
    """The JSON object in `text`; `what` names it in the sentence of a refusal. Raises Refused."""
    if len(text) > JSON_BYTES:
        raise Refused(f"The {what} is {len(text):,} bytes long; at most {JSON_BYTES:,} are read.")
    if _depth(text) > JSON_DEPTH:
        raise Refused(f"The {what} is nested more than {JSON_DEPTH} levels deep.")
    try:
        value = json.loads(text.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        if isinstance(error, Refused):
            raise
        raise damaged(f"the {what} is not valid JSON") from None
    if not isinstance(value, dict):
        raise damaged(f"the {what} is not a JSON object")
    return value


def _depth(text: bytes) -> int:
    depth = deepest = 0
    for match in _STRUCTURE.finditer(text):
        first = match[0][:1]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > JSON_DEPTH:
                break
        elif first in b"]}":
            depth -= 1
    return deepest


def _refuse_constant(name: str) -> NoReturn:
    raise Refused(f"The model's settings contain {name}, which is not a number.")
