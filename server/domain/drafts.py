"""Drafts: what a requestor has filled in and uploaded so far. Nothing is uploaded twice because of a mistake."""

import datetime as dt
import re
import secrets
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import msgspec

from server.domain.ports import Ring
from server.domain.room import Measured, Room
from server.errors import NotAcceptable, NotAllowedNow
from server.rules.finding import Finding
from server.rules.incoming import IncomingFile
from server.rules.outlook import Outlook, outlook
from server.rules.problems import Problem
from server.rules.quotas import UploadBounds
from server.rules.settings import CHOOSABLE
from server.rules.states import DraftState
from server.rules.views import DraftView, UploadView
from server.storage.stores import Stores
from server.storage.tables import Draft, Upload
from volunteer.protocol import form_fields

UPLOAD_FIELDS = ("model", "data", "labels", "validation_data", "validation_labels")
OPTIONAL_FIELDS = ("labels", "validation_data", "validation_labels")
FORM_FIELDS = tuple(field.name for field in form_fields.FORM_FIELDS)
_MAX_TEXT = 500
_MAX_DRAFTS = 50


class Origin(msgspec.Struct, frozen=True):
    """The project that a draft is a clone of, and how many bytes of its data will be gathered."""

    project_id: int
    size: int


class Drafts:
    def __init__(self, stores: Stores, ring: Ring, bounds: UploadBounds | None = None) -> None:
        self._stores = stores
        self._ring = ring
        self._room = Room(stores, bounds or UploadBounds())
        self.incoming_folder = stores.folder / "uploads"
        self.incoming_folder.mkdir(exist_ok=True, mode=0o700)

    def start(
        self, owner_id: int, form: Mapping[str, str], files: Sequence[IncomingFile], now: dt.datetime,
        origin: Origin | None = None,
    ) -> int:  # fmt: skip
        """A new draft, to be checked; returns its number. Raises NotAcceptable."""
        _require_known_fields(files)
        if len(self._stores.drafts.of_owner(owner_id)) >= _MAX_DRAFTS:
            raise NotAcceptable("You have very many drafts. Discard some first.")
        measured = self._room.measure(owner_id) if files else None
        with self._stores.database.write():
            self._require_room(owner_id, files, [], measured, origin.size if origin else 0)
            draft = self._stores.drafts.add(owner_id, _texts(form), now, origin.project_id if origin else None)
            replaced = self._take(owner_id, draft, files)
        self._delete(replaced)
        self._ring("drafts")
        return int(draft.id)

    def change(
        self, owner_id: int, draft_id: int, form: Mapping[str, str], files: Sequence[IncomingFile], now: dt.datetime,
        removed: Collection[str] = (),
    ) -> None:  # fmt: skip
        """New texts and, for some fields, new files or none; the other files stay. It is checked again.

        `removed`: fields that may be empty and shall be; a new file for one goes before.
        """
        _require_known_fields(files)
        # What the draft itself was converted to goes before it is checked again.
        measured = self._room.measure(owner_id, but=draft_id) if files else None
        with self._stores.database.write():
            draft = self._stores.drafts.owned(owner_id, draft_id)
            self._require_room(owner_id, files, self._stores.drafts.uploads(draft), measured)
            self._stores.drafts.change(draft, _texts(form), now)
            replaced = self._take(owner_id, draft, files)
            for field in set(removed) & set(OPTIONAL_FIELDS) - {file.field for file in files}:
                replaced += self._remove(draft, field)
        self._delete(replaced)
        self._ring("drafts")

    def view(self, owner_id: int, draft_id: int) -> DraftView:
        return self._view(self._stores.drafts.owned(owner_id, draft_id))

    def outlook(self, owner_id: int, draft_id: int) -> Outlook | None:
        """What the training of a ready draft will take; None where it is not ready."""
        draft = self._stores.drafts.owned(owner_id, draft_id)
        if draft.state is not DraftState.ready or not draft.findings:
            return None
        try:
            finding = msgspec.convert(draft.findings, Finding)
        except msgspec.ValidationError:
            # Found by an earlier version of this program: the next check says it anew.
            return None
        return outlook(finding, self._stores.hosts.speeds())

    def list_for(self, owner_id: int) -> list[DraftView]:
        return [self._view(draft) for draft in self._stores.drafts.of_owner(owner_id)]

    def submit(self, owner_id: int, draft_id: int, now: dt.datetime) -> int:
        """A ready draft becomes a project; returns the project's number. Raises NotAllowedNow."""
        with self._stores.database.write():
            draft = self._stores.drafts.owned(owner_id, draft_id)
            if draft.state is DraftState.submitted and draft.project_id:
                return int(draft.project_id)
            if draft.state is not DraftState.ready:
                raise NotAllowedNow("This draft is not ready yet.")
            model = next(u for u in self._stores.drafts.uploads(draft) if u.field == "model")
            project = self._stores.projects.add(
                owner=owner_id, name=draft.findings["settings"]["name"], settings=draft.findings["settings"],
                source_name=model.filename, source_kind=draft.findings["model"]["kind"], source_sha256="",
                facts=draft.facts, created_at=now, origin=draft.origin,
            )  # fmt: skip
            self._stores.drafts.submitted(draft, project.id)
            self._stores.projects.say(project.id, "Submitted.", now)
        self._ring("preparations")
        return int(project.id)

    def discard(self, owner_id: int, draft_id: int, now: dt.datetime) -> None:
        """Delete a draft that has not become a project, and its files."""
        with self._stores.database.write():
            draft = self._stores.drafts.owned(owner_id, draft_id)
            if draft.state is DraftState.submitted:
                raise NotAllowedNow("This draft has become a project; delete the project instead.")
            self._stores.drafts.delete(draft)
        shutil.rmtree(folder_of(self._stores, draft_id), ignore_errors=True)

    def _require_room(
        self, owner_id: int, files: Sequence[IncomingFile], present: Sequence[Upload], measured: Measured | None,
        to_come: int = 0,
    ) -> None:  # fmt: skip
        """Raises NotAcceptable, before a file is touched, when these are more than account or disk can take."""
        if measured is None:
            return
        fields = {file.field for file in files}
        here = sum(file.size for file in files)
        # What came in parts is counted as held already.
        counted = sum(file.size for file in files if file.upload)
        counted += sum(upload.size for upload in present if upload.field in fields)
        why_not = self._room.why_not(owner_id, here + to_come, measured, here, counted)
        if why_not is not None:
            raise NotAcceptable(why_not, files[0].field)

    def _take(self, owner_id: int, draft: Draft, files: Sequence[IncomingFile]) -> list[Path]:
        """Move files into the draft's folder; returns those that they replace."""
        replaced = []
        # All before the first is moved: what is moved stays where it is when the transaction is given up.
        for file in files:
            if file.upload and not self._stores.partial_uploads.forget(owner_id, file.upload):
                raise NotAcceptable(f"{file.filename} was used already. Choose the file again.", file.field)
        for file in files:
            name = f"{file.field}-{secrets.token_hex(8)}"
            place = folder_of(self._stores, draft.id) / "uploads" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            file.path.replace(place)
            old = self._stores.drafts.put_upload(draft, file.field, plain_name(file.filename), file.size, name)
            if old is not None:
                replaced.append(place.with_name(old))
        return replaced

    def _remove(self, draft: Draft, field: str) -> list[Path]:
        """Forget the file of that field; returns where it lies."""
        path = self._stores.drafts.drop_upload(draft, field)
        return [] if path is None else [folder_of(self._stores, draft.id) / "uploads" / path]

    def use_suggested(self, owner_id: int, draft_id: int, now: dt.datetime) -> None:
        """Leave to the grid what it can choose: those texts become empty, and the draft is checked again."""
        form = self._stores.drafts.owned(owner_id, draft_id).form
        self.change(owner_id, draft_id, form | dict.fromkeys(CHOOSABLE, ""), [], now)

    def _delete(self, paths: Sequence[Path]) -> None:
        for path in paths:
            path.unlink(missing_ok=True)

    def _view(self, draft: Draft) -> DraftView:
        return DraftView(
            id=draft.id, state=draft.state, form=draft.form,
            uploads=[UploadView(u.field, u.filename, u.size) for u in self._stores.drafts.uploads(draft)],
            problems=[Problem(p["field"], p["sentence"]) for p in draft.problems],
            remarks=list(draft.remarks), facts=[(label, text) for label, text in draft.facts],
            updated_at=draft.updated_at, project_id=draft.project_id, preview=draft.preview or {},
        )  # fmt: skip


def folder_of(stores: Stores, draft_id: int) -> Path:
    """The folder of a draft's uploads and of what checking them left behind."""
    return stores.folder / "drafts" / str(draft_id)


def plain_name(filename: str) -> str:
    """A file name as it may be shown and given back: its last part, letters, digits, spaces, dots, dashes."""
    last = re.split(r"[/\\]", filename)[-1]
    return re.sub(r"[^\w.\- ]", "_", last).strip(". ")[:120] or "file"


def _require_known_fields(files: Sequence[IncomingFile]) -> None:
    for file in files:
        if file.field not in UPLOAD_FIELDS:
            raise NotAcceptable(f"There is no file field “{file.field[:40]}”.")


def _texts(form: Mapping[str, str]) -> dict[str, str]:
    return {field: form[field][:_MAX_TEXT] for field in FORM_FIELDS if field in form}
