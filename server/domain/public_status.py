"""What anybody may see of the grid's work: sums, and a line for each project without its name."""

import datetime as dt
from collections import Counter

from server.rules.grid_views import AnonymousProject, StatusView
from server.rules.states import ProjectState
from server.rules.status import ONLINE_SECONDS
from server.storage.stores import Stores
from volunteer.protocol.account_messages import GridStatus, VersionCount

_MINUTES = dt.timedelta(minutes=5)
_HOUR = dt.timedelta(hours=1)
_GOING_ON = (ProjectState.running, ProjectState.preparing, ProjectState.paused, ProjectState.needs_attention)
_MOST = 200


class PublicStatus:
    def __init__(self, stores: Stores, started_at: dt.datetime) -> None:
        """`started_at`: when this server process began."""
        self._stores = stores
        self._started_at = started_at

    def view(self, now: dt.datetime) -> StatusView:
        with self._stores.database.read():
            awake = self._stores.hosts.awake(now - dt.timedelta(seconds=ONLINE_SECONDS))
            lately, hour = self._stores.overview.pace(now - _MINUTES), self._stores.overview.pace(now - _HOUR)
            leased, reported = self._stores.overview.queue()
            at_work = self._stores.overview.at_work()
            going_on = [p for p in self._stores.projects.every() if p.state in _GOING_ON]
            rows = [
                AnonymousProject(
                    id=project.id, owner_id=project.owner_id, state=project.state, round=project.round,
                    epoch=min(project.epoch + 1, project.settings["epochs"]), epochs=project.settings["epochs"],
                    hosts=at_work.get(project.id, 0),
                )
                for project in going_on[:_MOST]
            ]  # fmt: skip
        numbers = GridStatus(
            hosts_awake=len(awake), threads=sum(host.threads for host in awake),
            hosts_at_work=sum(at_work.values()), memory=sum(host.memory for host in awake),
            mini_batches_per_second=round(lately.mini_batches / _MINUTES.total_seconds(), 2),
            rounds_per_hour=hour.rounds, bytes_down=hour.bytes_down, bytes_up=hour.bytes_up,
            being_computed=leased, waiting_for_verdict=reported,
            versions=[VersionCount(*pair) for pair in Counter(sorted(host.software for host in awake)).most_common()],
            started_at=self._started_at, projects=len(going_on),
        )  # fmt: skip
        return StatusView(numbers, rows)
