"""When to stop trying and call a person."""

MAX_UNIT_FAILURES = 6
"""The same unit failed on hosts that many times: it is the model or the data, not the hosts."""

NON_FINITE_OPINIONS = 2
"""That many hosts returned numbers that are not finite in one round: the model has diverged."""


def unit_is_hopeless(failures: int) -> bool:
    return failures >= MAX_UNIT_FAILURES


def model_diverged(hosts_with_non_finite_numbers: int) -> bool:
    return hosts_with_non_finite_numbers >= NON_FINITE_OPINIONS
