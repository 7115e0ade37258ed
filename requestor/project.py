"""One of your projects on the grid: look, wait, steer, take home."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from requestor.drafts import form_of, started
from requestor.errors import NotFinished
from requestor.history import History
from requestor.transport import Transport
from volunteer.protocol import requestor_messages as m

ENDED = ("finished", "cancelled")
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
_PAGE = 1000

Papers = Literal["history", "tensorboard", "recipe", "preprocessing"]
Told = Callable[[m.Project], None]


class ProjectHandle:
    """By its number; nothing is asked of the grid before a method is called. All raise Refused and Unreachable."""

    def __init__(self, transport: Transport, number: int) -> None:
        self._transport = transport
        self.number = number

    def __repr__(self) -> str:
        return f"<project {self.number} at {self._transport.url}>"

    @property
    def page(self) -> str:
        """The address of its page, for a browser."""
        return f"{self._transport.url}/projects/{self.number}"

    def status(self) -> m.Project:
        return self._transport.ask("project", m.Project, project=self.number)

    def rounds(self, after: int = -1) -> Iterator[m.Round]:
        """Closed rounds with a higher number than `after`, oldest first."""
        while True:
            query = {"after": after, "limit": _PAGE}
            page = self._transport.ask("rounds", m.Rounds, query=query, project=self.number).rounds
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].number

    def events(self) -> list[m.Event]:
        """What has happened, newest first."""
        return self._transport.ask("events", m.Events, project=self.number).events

    def wait(self, told: Told = lambda project: None) -> m.Project:
        """Wait until it is finished; `told` gets every look. Raises NotFinished when it is cancelled or needs you."""
        pause = FIRST_PAUSE
        while True:
            project = self.status()
            told(project)
            if project.state == "finished":
                return project
            if project.state in ("cancelled", "needs_attention"):
                raise NotFinished(project.status, project.state)
            time.sleep(pause)
            pause = min(pause * 1.2, LONGEST_PAUSE)

    def history(self, model: Any = None) -> History:
        """What was measured so far, shaped like Keras's History."""
        project = self.status()
        params = {"epochs": project.epochs, "steps": project.mini_batches_per_epoch, "verbose": 1}
        return History(self.rounds(), params, model, self.number)

    def download(self, folder: Path | str = ".", which: str = "latest", format: str = "own") -> Path:
        """The model as trained so far (or `which="best"` by validation, or a round's number), in that folder."""
        query = {"which": str(which), "format": format}
        return self._transport.save("model", Path(folder), query, project=self.number)

    def save(self, what: Papers, folder: Path | str = ".") -> Path:
        """What else can be taken home: the history as a file, as TensorBoard's, the recipe, how data was prepared."""
        return self._transport.save(what, Path(folder), project=self.number)

    def pause(self) -> m.Project:
        return self._transport.ask("pause_project", m.Project, project=self.number)

    def resume(self) -> m.Project:
        return self._transport.ask("resume_project", m.Project, project=self.number)

    def cancel(self) -> m.Project:
        """End it for good; its weights stay."""
        return self._transport.ask("cancel_project", m.Project, project=self.number)

    def clone(self, start: str = "original", **settings: Any) -> "ProjectHandle":
        """The same model and data once more, with these settings changed; `start="trained"` goes on from its weights.

        Raises NeedsCorrection too.
        """
        form = form_of(settings)
        said = m.CloneRequest(m.CloneStart(start))
        draft = self._transport.ask("clone_project", m.Draft, said, project=self.number)
        if form:
            draft = self._transport.ask("change_draft", m.Draft, m.DraftChange(form), draft=draft.id)
        return ProjectHandle(self._transport, started(self._transport, draft))

    def delete(self) -> None:
        """Delete it with its data and its model."""
        self._transport.tell("delete_project", project=self.number)
