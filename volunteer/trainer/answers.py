"""What the child says, read with distrust: a stranger's data may have taken it over. Pure, but for a look at a file."""

import math
import stat
from typing import Any

from volunteer.protocol.digests import is_sha256
from volunteer.protocol.messages import GiveBackReason
from volunteer.trainer.job import Computed, Failed, Job, Kind, Nothing, Outcome

MOST_LETTERS = 2000
MOST_SENTENCES = 20


class Nonsense(ValueError):
    """The child says what it would never say."""


def read_isolation(answer: dict[str, Any]) -> tuple[str, ...]:
    """The sentences of the first frame."""
    sentences = answer.get("isolation")
    if not isinstance(sentences, list):
        raise Nonsense("no list of sentences")
    return tuple(str(sentence)[:MOST_LETTERS] for sentence in sentences[:MOST_SENTENCES])


def job_of(answer: dict[str, Any]) -> int:
    """Which job an answer is about."""
    return _whole(answer, "job", 1, 2**53)


def read_progress(job: Job, answer: dict[str, Any]) -> int:
    """How many of the job's mini-batches are done."""
    return _whole(answer, "done", 0, len(job.mini_batches))


def read_outcome(job: Job, answer: dict[str, Any]) -> Outcome:
    """How the job ended. The digest becomes part of a file's name, and the file is moved and sent: both are checked."""
    kind = answer.get("kind")
    if kind == Kind.nothing:
        return Nothing()
    if kind == Kind.failed:
        reason = answer.get("reason")
        if not isinstance(reason, str) or reason not in GiveBackReason.__members__:
            raise Nonsense("no reason")
        return Failed(GiveBackReason(reason), str(answer.get("detail"))[:MOST_LETTERS])
    if kind != Kind.computed:
        raise Nonsense("an answer of no kind")
    sha256, seconds = answer.get("sha256"), answer.get("seconds")
    if not isinstance(sha256, str) or not is_sha256(sha256):
        raise Nonsense("no digest")
    if not isinstance(seconds, int | float) or not math.isfinite(seconds) or seconds < 0:
        raise Nonsense("no number of seconds")
    mini_batches = _whole(answer, "mini_batches", 1, len(job.mini_batches))
    examples = _whole(answer, "examples", 0, 2**53)
    # A link that the child might have made would name a file of the person's.
    try:
        found = job.out.lstat()
    except OSError:
        raise Nonsense("no file") from None
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        raise Nonsense("something else than a file")
    return Computed(job.out, sha256, mini_batches, examples, float(seconds))


def _whole(answer: dict[str, Any], name: str, least: int, most: int) -> int:
    value = answer.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Nonsense(f"{name} is no number from {least} to {most}")
    return value
