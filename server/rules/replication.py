"""How often a host's work is looked at again: BOINC's adaptive replication, with a floor, and by secret draws.

Trust is a number of confirmed results in a row. Whoever wants to know a draw beforehand needs the grid's secret.
"""

import hashlib
import hmac
import math

from server.rules.validation_policy import ValidationPolicy


def is_trusted(policy: ValidationPolicy, host_trust: int, account_trust: int, referee: bool = False) -> bool:
    """Earned per host and per account: neither a fresh machine nor a fresh name inherits it from the other."""
    return referee or min(host_trust, account_trust) >= policy.trust_after


def check_probability(policy: ValidationPolicy, host_trust: int) -> float:
    """With which a trusted host's result goes to a second host: one over its confirmed results in a row.

    1/n alone decays to nothing, and whoever waits long enough could lie for ever: hence the floor.
    """
    return min(1.0, max(policy.least_check, 1 / max(host_trust, 1)))


def draw(secret: bytes, *parts: object) -> float:
    """In [0, 1), uniform, and the same for the same parts: HMAC-SHA256 of the grid's secret over them.

    Parts that name the upload's digest make it a draw that nobody could know before the upload.
    """
    message = "\0".join(str(part) for part in parts).encode()
    number = int.from_bytes(hmac.digest(secret, message, hashlib.sha256)[:8])
    return (number >> 11) / 2**53


def unproven_room(policy: ValidationPolicy, target: int, filled: int, trusted_awake: bool) -> int:
    """How many more mini-batches of a round with that K hosts without trust may take; `filled`: what they hold.

    While no trusted host is awake there is nobody to keep the rest for. One unit's worth is always theirs: else nobody
    could ever earn trust where K is small.
    """
    if policy.believes_all or not trusted_awake:
        return target
    most = max(1, math.floor(policy.unproven_share * target))
    return max(0, most - filled)
