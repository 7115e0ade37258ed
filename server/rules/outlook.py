"""What a training will take before it begins: hosts worth having, rounds, bytes, time. A forecast, not a promise."""

from collections.abc import Sequence

import msgspec

from server.rules import forecast, k_batch
from server.rules.finding import Finding
from server.rules.preprocessing_in_words import preprocessing_in_words
from server.rules.settings_in_words import settings_in_words
from server.rules.suggestions import Suggestions, suggest

HOSTS = (1, 5, 20)
LINE_BYTES_A_SECOND = 2 * 2**20
"""What a line at home carries, up and down together."""
ROUND_SECONDS = 0.3
"""What asking, judging and stepping take a round, beside computing and sending."""


class Pace(msgspec.Struct, frozen=True):
    """So long with so many hosts; `bytes` is what each of them sends and fetches in all."""

    hosts: int
    seconds: float
    bytes: int


class Outlook(msgspec.Struct, frozen=True):
    """`bytes_data`: what a volunteer downloads once, at most; `bytes_down`, `bytes_up`: each round; `measured`: the
    speed is that of this grid's hosts, not of the server's own trial. `useful_hosts`: more would have nothing to do.
    `settings`: label and text of each, and of what is done to the data.
    """

    useful_hosts: int
    rounds: int
    steps_per_epoch: int
    bytes_data: int
    bytes_down: int
    bytes_up: int
    paces: list[Pace]
    measured: bool
    suggested: Suggestions
    settings: list[tuple[str, str]]


def outlook(finding: Finding, speeds: Sequence[float]) -> Outlook:
    """`speeds`: multiply-adds a second of the hosts that the grid has measured; the one in the middle is typical."""
    settings, model, data = finding.settings, finding.model, finding.data
    rows = forecast.split_rows(settings, data)[0]
    mini_batches = -(-rows // settings.batch_size)
    target = k_batch.round_target(settings.k, mini_batches)
    rounds = forecast.rounds(settings, data)
    weights = 4 * model.cost.parameters
    seconds = _seconds(finding, speeds)
    bytes_data = data.bytes * rows // max(data.rows + data.validation_rows, 1)

    def pace(hosts: int) -> Pace:
        at_work = min(hosts, target)
        a_round = -(-target // at_work) * seconds + 2 * weights / LINE_BYTES_A_SECOND + ROUND_SECONDS
        # Who is not needed in a round waits: each takes part in so many of them.
        each = round(bytes_data / at_work + 2 * weights * rounds * at_work / hosts)
        return Pace(hosts, rounds * a_round + bytes_data / at_work / LINE_BYTES_A_SECOND, each)

    return Outlook(
        useful_hosts=target, rounds=rounds, steps_per_epoch=-(-mini_batches // settings.k), bytes_data=bytes_data,
        bytes_down=weights, bytes_up=weights, paces=[pace(hosts) for hosts in HOSTS],
        measured=any(speed > 0 for speed in speeds), suggested=suggest(model, data, rows),
        settings=settings_in_words(finding) + preprocessing_in_words(data.preprocessing),
    )  # fmt: skip


def _seconds(finding: Finding, speeds: Sequence[float]) -> float:
    """Of one mini-batch on a typical host."""
    measured = sorted(speed for speed in speeds if speed > 0)
    if measured:
        return finding.model.cost.operations * finding.settings.batch_size / measured[len(measured) // 2]
    return finding.inspection.seconds or 0.01
