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
        text = f"is finished.\n\n{sentence} The trained model can be downloaded."
        self._tell(project, "is finished", sentence, text, now)

    def needs_attention(self, project: Project, reason: str, now: dt.datetime) -> None:
        """It waits for its owner, because of `reason` (it goes on after a colon). As `finished` otherwise."""
        self._stores.projects.move(project, ProjectState.needs_attention, reason=reason)
        text = f"needs attention: {reason}\n\nNothing is lost. When you have looked at it, you can resume or cancel it."
        self._tell(project, "needs attention", f"Needs attention: {reason}", text, now)

    def _tell(self, project: Project, what: str, sentence: str, text: str, now: dt.datetime) -> None:
        """`sentence` for the log; subject and body of the letter begin with the project's name."""
        self._stores.projects.say(project.id, sentence, now)
        name = " ".join(project.name.split())
        link = f"{self._address}/projects/{project.id}" if self._address else ""
        body = f"Your project “{name}” {text}\n" + (f"\n{link}\n" if link else "")
        event = {
            "event": f"project.{project.state}", "project": project.id, "name": project.name, "sentence": sentence,
            "link": link,
        }  # fmt: skip
        self._letters.write(project.owner_id, f"{name} {what}", body, now, event)
