"""Which project a host serves next: deficit round robin over owners, then over each owner's projects.

Shreedhar, Varghese: Efficient Fair Queueing using Deficit Round Robin, SIGCOMM 1995. A share's deficit is what it
was entitled to and did not get; here the turn goes to the largest deficit, measured in host-seconds.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

WINDOW = dt.timedelta(minutes=10)
"""What is further back is forgotten: nobody is owed a day because no host had the memory for a day."""


@dataclass(frozen=True)
class Share:
    """What a running project got since the youngest of all that run was submitted (or WINDOW), in host-seconds.

    Counting from that common instant means that a newcomer neither owes nor is owed for the time before it came;
    and who pauses and resumes keeps what it has had.
    """

    owner: int
    project: int
    host_seconds: float


def order_of_projects(shares: Iterable[Share]) -> list[int]:
    """Project ids, whose turn it is first. Equal deficits go to the older project."""
    per_owner: defaultdict[int, list[Share]] = defaultdict(list)
    for share in shares:
        per_owner[share.owner].append(share)
    owners = sorted(per_owner.values(), key=lambda own: (sum(s.host_seconds for s in own), own[0].project))
    return [share.project for own in owners for share in sorted(own, key=lambda s: (s.host_seconds, s.project))]
