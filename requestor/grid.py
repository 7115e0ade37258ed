"""A grid, for one account: what a script begins with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from requestor import consent as consents
from requestor import drafts, fitting
from requestor.errors import RequestorError
from requestor.history import History
from requestor.progress import UploadBar
from requestor.project import ProjectHandle
from requestor.transport import Transport
from requestor.uploads import Uploads
from volunteer.protocol import requestor_messages as m
from volunteer.protocol.form_fields import FILE_FIELDS


class Grid:
    """`token` is an access token from the account page, with the scope "write" for whoever submits.

    `insecure_http` lets it travel in clear to another machine. `fingerprint`: of the certificate that the grid made
    itself (SHA-256, hexadecimal); it is then believed by that one and by no other.
    """

    def __init__(self, url: str, token: str, insecure_http: bool = False, fingerprint: str = "") -> None:
        self._transport = Transport(url, token, insecure_http, fingerprint)
        self._uploads = Uploads(self._transport)

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
        form = drafts.form_of(settings)
        if unknown := set(paths) - set(FILE_FIELDS):
            raise RequestorError(f"There is no file field “{min(unknown)}”.")
        for path in paths.values():
            if not path.is_file():
                raise RequestorError(f"There is no file {path}.")
        consents.require(consent)
        form = {"name": paths["model"].stem if "model" in paths else "", **form, "consent": "1"}
        uploads = {field: self._send(path, quiet) for field, path in paths.items()}
        draft = self._transport.ask("start_draft", m.Draft, m.NewDraft(form, uploads))
        return self.project(drafts.started(self._transport, draft))

    def fit(self, model: Any, x: Any, y: Any = None, **options: Any) -> History:
        """Train a Keras model on the grid as `model.fit` would here; see `requestor.fitting.fit`."""
        return fitting.fit(self, model, x, y, **options)

    def close(self) -> None:
        self._transport.close()

    def _send(self, path: Path, quiet: bool) -> str:
        with UploadBar(path.name, path.stat().st_size, quiet) as bar:
            return self._uploads.send(path, bar.add)
