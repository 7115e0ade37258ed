"""Drafts on their way to become projects: settings as the form's texts, waiting for the checks, starting."""

import time
from collections.abc import Mapping
from typing import Any

from requestor.errors import NeedsCorrection, RequestorError
from requestor.transport import Transport
from volunteer.protocol import requestor_messages as m
from volunteer.protocol.form_fields import FORM_FIELDS

CHECK_SECONDS = 1.0
_SWITCHES = frozenset(field.name for field in FORM_FIELDS if field.switch)
_KNOWN = frozenset(field.name for field in FORM_FIELDS)


def started(transport: Transport, draft: m.Draft) -> int:
    """Wait for the checks and start the training; the project's number. Raises NeedsCorrection.

    What is not as it should be, or is interrupted, is not kept: it is sent anew anyway.
    """
    try:
        while draft.state == "checking":
            time.sleep(CHECK_SECONDS)
            draft = transport.ask("draft", m.Draft, draft=draft.id)
        if draft.problems:
            raise NeedsCorrection(draft.problems)
        return transport.ask("submit_draft", m.Project, draft=draft.id).id
    except (NeedsCorrection, KeyboardInterrupt):
        transport.tell("discard_draft", draft=draft.id)
        raise


def form_of(settings: Mapping[str, Any]) -> dict[str, str]:
    """Settings as the form's texts; what is None is left to its default. Raises RequestorError for an unknown one."""
    if unknown := set(settings) - _KNOWN:
        raise RequestorError(f"There is no setting “{min(unknown)}”. There are: {', '.join(sorted(_KNOWN))}.")
    return {name: _text(name, value) for name, value in settings.items() if value is not None}


def _text(name: str, value: Any) -> str:
    if name in _SWITCHES:
        return "1" if value not in (False, "", "0", "false") else ""
    if isinstance(value, Mapping):
        return ",".join(f"{key}:{part}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ",".join(str(part) for part in value)
    return str(value)
