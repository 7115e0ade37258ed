"""When the owner of a machine in quarantine may write to the operator."""

import datetime as dt

AGAIN_AFTER = dt.timedelta(days=1)
"""An appeal that was refused may be followed by another after this time."""


def may_appeal(
    quarantined_at: dt.datetime | None, appealed_at: dt.datetime | None, answer: str, now: dt.datetime
) -> bool:
    """One appeal waits at a time."""
    if quarantined_at is None:
        return False
    return appealed_at is None or (bool(answer) and now - appealed_at >= AGAIN_AFTER)
