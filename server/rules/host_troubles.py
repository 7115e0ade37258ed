"""What went wrong on a machine, to the person who lends it: in plain words, with what to do where something is."""

from server.rules.quoting import quoted
from server.rules.states import ResultState
from volunteer.protocol.messages import GiveBackReason

SILENT = "Three heartbeats were missed."
LATE = "The report deadline has passed."
ASKED_ANEW = "The host asked for other work instead."

WORTH_TELLING = (ResultState.failed, ResultState.invalid, ResultState.not_finite, ResultState.lost)

_LOST = {
    SILENT: "It fell silent in the middle of a unit: switched off, asleep or without a network. Nothing to do: another "
    "machine took the unit over.",
    LATE: "A unit took longer than its deadline, and another machine took it over. If it happens often, let the "
    "program use more of the processor.",
    ASKED_ANEW: "The program was started anew in the middle of a unit, which went to another machine.",
}
_GIVEN_BACK = {
    GiveBackReason.out_of_memory: "It ran out of memory and gave a unit back. Let the program use more memory, or "
    "close others while it works.",
    GiveBackReason.cannot_read: "It could not read what it was given, and gave a unit back. Install the newest version "
    "of the program.",
    GiveBackReason.failed: "The computation failed, and the unit was given back. If it happens often, start the "
    "program anew or install the newest version.",
}


def in_words(state: ResultState, sentence: str) -> str:
    """Of a result that ended so, with what was noted then; "" where its owner knows already or need not care."""
    match state:
        case ResultState.lost:
            return _LOST.get(sentence, "")
        case ResultState.failed:
            reason, _, detail = sentence.partition(": ")
            if reason not in _GIVEN_BACK:
                reason, detail = GiveBackReason.failed, sentence
            said = quoted(detail)
            return f"{_GIVEN_BACK[GiveBackReason(reason)]}{f' In {said}.' if said else ''}"
        case ResultState.invalid:
            why = sentence or "The grid could not use it."
            return f"A result was found not valid: {why} If it happens often, test this machine's memory and network."
        case ResultState.not_finite:
            return "A unit gave numbers that are not finite. In most cases the model is at fault, not this machine."
    return ""
