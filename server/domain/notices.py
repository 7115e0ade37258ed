"""The one place where a project becomes finished or needs attention and its owner is told: by its log and by letter."""

import datetime as dt

from server.domain.letters import Letters
from server.rules.states import ProjectState
from server.storage.stores import Stores
from server.storage.tables import Project


class Notices:
    """Without `public_url` letters hold no link: nobody knows the grid's address."""

    def __init__(self, stores: Stores, letters: Letters, public_url: str = "") -> None:
        self._stores = stores
        self._letters = letters
        self._address = public_url.rstrip("/")

    def finished(self, project: Project, sentence: str, now: dt.datetime) -> None:
        """It is finished; `sentence` says how. Inside the caller's transaction. Raises SomebodyElseWasFirst."""
        self._stores.projects.move(project, ProjectState.finished, ended_at=now)
        self._tell(project, "is finished", sentence, now)

    def needs_attention(self, project: Project, reason: str, now: dt.datetime) -> None:
        """It waits for its owner, because of `reason` (it goes on after a colon). As `finished` otherwise."""
        self._stores.projects.move(project, ProjectState.needs_attention, reason=reason)
        self._tell(project, "needs attention", f"Needs attention: {reason}", now)

    def _tell(self, project: Project, what: str, sentence: str, now: dt.datetime) -> None:
        self._stores.projects.say(project.id, sentence, now)
        name = " ".join(project.name.split())
        link = f"{self._address}/projects/{project.id}" if self._address else ""
        body = f"Your project “{name}” {what}.\n\n{sentence}\n" + (f"\n{link}\n" if link else "")
        event = {
            "event": f"project.{project.state}", "project": project.id, "name": project.name, "sentence": sentence,
            "link": link,
        }  # fmt: skip
        self._letters.write(project.owner_id, f"{name} {what}", body, now, event)
