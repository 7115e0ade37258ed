"""The one place where people are told what became of their projects and machines: by a project's log and by letter."""

import datetime as dt
from collections.abc import Mapping

from server.domain.letters import Letters
from server.rules.states import ProjectState
from server.storage.stores import Stores
from server.storage.tables import Host, Project


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

    def awaits_approval(self, project: Project, now: dt.datetime) -> None:
        """The operators are told; the owner reads it on the project's page."""
        self._stores.projects.say(project.id, "Waits for the operator of the grid to approve it.", now)
        owner = self._stores.accounts.by_id(project.owner_id)
        name, by = " ".join(project.name.split()), owner.name if owner else "?"
        text = f"The project “{name}” of {by} waits for an operator's approval."
        event = {"event": "project.awaiting_approval", "project": project.id, "name": project.name}
        self._tell_operators(f"{name} waits for approval", text, "operator/projects", event, now)

    def approved(self, project: Project, now: dt.datetime) -> None:
        """It runs from now on, by an operator's yes."""
        sentence = "Approved by the operator of the grid."
        self._tell(project, "is approved", sentence, "was approved and is training from now on.", now)

    def not_approved(self, project: Project, reason: str, now: dt.datetime) -> None:
        """It was cancelled by an operator's no."""
        sentence = f"Not approved by the operator of the grid: {reason}"
        self._tell(project, "is not approved", sentence, f"was not approved by the operator: {reason}", now)

    def quarantined(self, host: Host, reason: str, now: dt.datetime) -> None:
        """Tell its owner why, and what can be done. Inside the caller's transaction."""
        text = (
            f"gets no more work. {reason}\n\nIf you think that this is a mistake, write to the "
            "grid's operator on the page “My computers”: there is a form for it beside the machine."
        )
        self._tell_owner(host, "quarantined", "gets no more work", text, reason, now)

    def appealed(self, host: Host, words: str, now: dt.datetime) -> None:
        """The operators are told what its owner says to its quarantine."""
        name = " ".join(host.name.split())
        text = f"The owner of the machine “{name}”, which is in quarantine, appeals: {words}"
        event = {"event": "machine.appealed", "machine": host.id, "name": name, "sentence": words}
        self._tell_operators(f"{name}: an appeal", text, f"operator/hosts/{host.id}", event, now)

    def released(self, host: Host, reason: str, now: dt.datetime) -> None:
        """Its owner is told that it gets work again."""
        self._tell_owner(host, "released", "gets work again", f"gets work again: {reason}", reason, now)

    def appeal_refused(self, host: Host, answer: str, now: dt.datetime) -> None:
        """Its owner is told that it stays in quarantine."""
        text = f"stays in quarantine. The operator of the grid answers your appeal: {answer}"
        self._tell_owner(host, "appeal_refused", "stays in quarantine", text, answer, now)

    def _tell_owner(self, host: Host, event: str, what: str, text: str, sentence: str, now: dt.datetime) -> None:
        name = " ".join(host.name.split())
        link = f"{self._address}/computers" if self._address else ""
        told = {"event": f"machine.{event}", "machine": host.id, "name": name, "sentence": sentence, "link": link}
        body = f"Your machine “{name}” {text}\n" + (f"\n{link}\n" if link else "")
        self._letters.write(host.account_id, f"{name} {what}", body, now, told)

    def _tell_operators(
        self, subject: str, text: str, path: str, event: Mapping[str, object], now: dt.datetime
    ) -> None:
        link = f"{self._address}/{path}" if self._address else ""
        body = f"{text}\n" + (f"\n{link}\n" if link else "")
        for operator_id in self._stores.operating.operators():
            self._letters.write(operator_id, subject, body, now, {**event, "link": link})

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
