"""What the status page shows of the whole grid. (What the API shows as well is defined in the protocol.)"""

import msgspec

from server.rules.states import ProjectState
from volunteer.protocol.account_messages import GridStatus


class AnonymousProject(msgspec.Struct, frozen=True):
    """A project as everybody may see it. `owner_id` is for finding one's own, and is shown to nobody."""

    id: int
    owner_id: int
    state: ProjectState
    round: int
    epoch: int
    epochs: int
    hosts: int


class StatusView(msgspec.Struct, frozen=True):
    """The grid's work at an instant, and a line for each project that goes on."""

    numbers: GridStatus
    projects: list[AnonymousProject]
