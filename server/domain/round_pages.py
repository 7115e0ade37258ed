"""A project's closed rounds and events, page by page, for those who follow it from outside."""

from server.domain.project_views import round_view
from server.rules import views
from server.storage.stores import Stores


class RoundPages:
    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def rounds(self, owner_id: int, project_id: int, after: int, limit: int) -> list[views.RoundView]:
        """Closed rounds with a higher number than `after`, oldest first, at most `limit`. Raises NotFound."""
        with self._stores.database.read():
            project = self._stores.projects.owned(owner_id, project_id)
            closed = self._stores.rounds.closed_after(project.id, after, limit)
            if not closed:
                return []
            measured = self._stores.checkpoints.evaluated_between(
                project.id, closed[0].number + 1, closed[-1].number + 1
            )
            by_round = {checkpoint.round: checkpoint for checkpoint in measured}
            return [round_view(round_, by_round.get(round_.number + 1)) for round_ in closed]

    def events(self, owner_id: int, project_id: int) -> list[views.EventView]:
        """What has happened, the newest first. Raises NotFound."""
        with self._stores.database.read():
            project = self._stores.projects.owned(owner_id, project_id)
            return [views.EventView(e.at, e.sentence) for e in self._stores.projects.events(project.id)]
