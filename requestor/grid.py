"""A grid, for one account: what a script begins with."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from requestor import consent as consents
from requestor import fitting
from requestor.errors import NeedsCorrection, RequestorError
from requestor.history import History
from requestor.progress import UploadBar
from requestor.project import ProjectHandle
from requestor.transport import Transport
from requestor.uploads import Uploads
from volunteer.protocol import requestor_messages as m
from volunteer.protocol.form_fields import FILE_FIELDS, FORM_FIELDS

_SWITCHES = frozenset(field.name for field in FORM_FIELDS if field.switch)
_KNOWN = frozenset(field.name for field in FORM_FIELDS)
_CHECK_SECONDS = 1.0


class Grid:
    """`token` is an access token from the account page, with the scope "write" for whoever submits."""

    def __init__(self, url: str, token: str) -> None:
        self._transport = Transport(url, token)
        self._uploads = Uploads(self._transport.url, token)

    def __repr__(self) -> str:
        return f"<grid at {self._transport.url}>"

    def account(self) -> m.AccountInfo:
        """Whose token this is, and what it may do."""
        return self._transport.ask("account", m.AccountInfo)

    def projects(self) -> list[m.ProjectLine]:
        """Your projects, the newest first."""
        return self._transport.ask("projects", m.Projects).projects

    def project(self, number: int) -> ProjectHandle:
        return ProjectHandle(self._transport, number)

    def submit(
        self, files: Mapping[str, Path | str], *, consent: bool | None = None, quiet: bool = False, **settings: Any
    ) -> ProjectHandle:
        """Upload files by their field (model, data, labels, ...), have them checked, start the training.

        Settings are those of the form (`k`, `epochs`, `batch_size`, ...). `consent`: data and model may go to other
        people's machines; None asks. Raises NeedsCorrection with every mistake, NoConsent, Refused, Unreachable.
        """
        paths = {field: Path(path) for field, path in files.items()}
        form = form_of(settings)
        if unknown := set(paths) - set(FILE_FIELDS):
            raise RequestorError(f"There is no file field “{min(unknown)}”.")
        for path in paths.values():
            if not path.is_file():
                raise RequestorError(f"There is no file {path}.")
        consents.require(consent)
        form = {"name": paths["model"].stem if "model" in paths else "", **form, "consent": "1"}
        uploads = {field: self._send(path, quiet) for field, path in paths.items()}
        draft = self._transport.ask("start_draft", m.Draft, m.NewDraft(form, uploads))
        return self._start(draft)

    def fit(self, model: Any, x: Any, y: Any = None, **options: Any) -> History:
        """Train a Keras model on the grid as `model.fit` would here; see `requestor.fitting.fit`."""
        return fitting.fit(self, model, x, y, **options)

    def close(self) -> None:
        self._transport.close()

    def _send(self, path: Path, quiet: bool) -> str:
        with UploadBar(path.name, path.stat().st_size, quiet) as bar:
            return self._uploads.send(path, bar.add)

    def _start(self, draft: m.Draft) -> ProjectHandle:
        """Wait for the checks. What is not as it should be, or is interrupted, is not kept: it is sent anew anyway."""
        try:
            while draft.state == "checking":
                time.sleep(_CHECK_SECONDS)
                draft = self._transport.ask("draft", m.Draft, draft=draft.id)
            if draft.problems:
                raise NeedsCorrection(draft.problems)
            project = self._transport.ask("submit_draft", m.Project, draft=draft.id)
        except (NeedsCorrection, KeyboardInterrupt):
            self._transport.tell("discard_draft", draft=draft.id)
            raise
        return self.project(project.id)


def form_of(settings: Mapping[str, Any]) -> dict[str, str]:
    """Settings as the form's texts; what is None is left to its default. Raises RequestorError for an unknown one."""
    if unknown := set(settings) - _KNOWN:
        raise RequestorError(f"There is no setting “{min(unknown)}”. There are: {', '.join(sorted(_KNOWN))}.")
    return {name: _text(name, value) for name, value in settings.items() if value is not None}


def _text(name: str, value: Any) -> str:
    if name in _SWITCHES:
        return "1" if value not in (False, "", "0", "false") else ""
    if isinstance(value, Mapping):
        return ",".join(f"{key}:{part}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ",".join(str(part) for part in value)
    return str(value)
