"""Which of two versions of the volunteer's program is the older one."""

import re

_NUMBERS = re.compile(r"\d{1,6}(\.\d{1,6}){0,5}")


def is_older(said: str, newest: str) -> bool:
    """Whether a host that calls its program `said` should install `newest`; no, where it says no number."""
    numbers = _numbers(said)
    return bool(numbers) and numbers < _numbers(newest)


def _numbers(text: str) -> tuple[int, ...]:
    """ "daig-volunteer 0.1.0" -> (0, 1); 0.1 and 0.1.0 are the same."""
    found = _NUMBERS.search(text)
    numbers = [int(number) for number in found[0].split(".")] if found else []
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
