"""Which of two versions of the volunteer's program is the older one."""

import re

from volunteer.protocol.releases import is_newer

_NUMBERS = re.compile(r"(?<![\d.])\d{1,6}(\.\d{1,6}){1,3}(?![\d.])")


def is_older(said: str, newest: str) -> bool:
    """Whether a host that calls its program `said` ("daig-volunteer 0.1.0") should install `newest`.

    No, where it says no version.
    """
    found = _NUMBERS.search(said)
    return found is not None and is_newer(newest, found[0])
