"""A new draft from a project: its texts, its model, and its data gathered again from the shards."""

import datetime as dt
import json
import os
import re
import secrets
import shutil
from pathlib import Path
from typing import Any

from server.domain.drafts import Drafts, Origin, folder_of
from server.domain.ports import Intake
from server.domain.results import Results
from server.domain.room import Room
from server.errors import NotAcceptable, NotAllowedNow, NotFound
from server.rules import class_weights
from server.rules.incoming import IncomingFile
from server.rules.intake_values import GatherRequest
from server.rules.quotas import UploadBounds
from server.rules.results import ModelKind
from server.storage.stores import Stores
from server.storage.tables import Draft, Project, Upload
from volunteer.plan.refused import Refused

STARTS = ("original", "trained")
_GATHERED = "gathered-"
_RECORD = "origin.json"
_PREPARED = {"label_column": "", "label_encoding": "none", "scaling": "none", "image_size": ""}
"""The shards hold what was prepared once: nothing is to be done to it again."""
_GONE = "The project that this is a clone of is gone, and its data with it: choose the training data."


class Cloning:
    def __init__(self, stores: Stores, drafts: Drafts, results: Results) -> None:
        self._stores = stores
        self._drafts = drafts
        self._results = results

    def clone(self, owner_id: int, project_id: int, now: dt.datetime, start: str = "original") -> int:
        """A draft like the project, to be changed and started; returns its number.

        `start`: "original" takes the model file as it was uploaded, "trained" one with the newest weights. The data
        are gathered when the draft is checked. Raises NotFound, NotAllowedNow, NotAcceptable, Busy.
        """
        if start not in STARTS:
            raise NotAcceptable(f"A clone starts from one of {', '.join(STARTS)}.", "start")
        project = self._stores.projects.owned(owner_id, project_id)
        draft = self._stores.drafts.of_project(project_id)
        if not project.plan_sha256 or draft is None:
            raise NotAllowedNow("There is nothing to clone yet: the data is still being cut into shards.")
        shards = [s for part in (False, True) for s in self._stores.projects.shards(project_id, validation=part)]
        form = {**draft.form, **_PREPARED, "name": next_name(project.name)}
        # The labels are numbers by now.
        form["class_weights"] = _weights_by_number(project, draft)
        model = self._model(owner_id, project, start, now)
        try:
            return self._drafts.start(owner_id, form, [model], now, Origin(project_id, sum(s.size for s in shards)))
        finally:
            model.path.unlink(missing_ok=True)

    def _model(self, owner_id: int, project: Project, start: str, now: dt.datetime) -> IncomingFile:
        if start == "trained":
            source = self._results.download(owner_id, project.id, "latest", ModelKind.own, now).path
        else:
            source = self._stores.blobs.path(project.source_sha256)
        path = self._drafts.incoming_folder / f"clone-{secrets.token_hex(8)}"
        shutil.copyfile(source, path)
        return IncomingFile("model", project.source_name, path, path.stat().st_size)


class Gatherer:
    """Fetches a clone's data out of the shards of the project that it was made from: once, when it is checked."""

    def __init__(self, stores: Stores, intake: Intake, bounds: UploadBounds | None = None) -> None:
        self._stores = stores
        self._intake = intake
        self._room = Room(stores, bounds or UploadBounds())

    def gather(self, draft: Draft) -> None:
        """Give a clone that has no data yet its files. Raises Refused (beside the data) where they are gone, or many.
        """
        if draft.origin is None or any(u.field == "data" for u in self._stores.drafts.uploads(draft)):
            return
        folder = folder_of(self._stores, draft.id)
        out = folder / "gathered"
        shutil.rmtree(out, ignore_errors=True)
        try:
            project = self._stores.projects.owned(draft.owner_id, draft.origin)
            self._require_room(project, draft.id)
            training, validation = (self._shards(project, part) for part in (False, True))
            gathered = self._intake.gather(GatherRequest(training, validation, str(out)))
        except (NotFound, OSError) as error:
            raise Refused(_GONE, "data") from error
        (folder / _RECORD).write_text(json.dumps(project.preprocessing))
        uploads = folder / "uploads"
        uploads.mkdir(parents=True, exist_ok=True)
        with self._stores.database.write():
            present = {upload.field for upload in self._stores.drafts.uploads(draft)}
            for field, name in gathered.files.items():
                if field not in present:
                    self._put(draft, field, Path(name), uploads)
        shutil.rmtree(out, ignore_errors=True)

    def preprocessing(self, draft: Draft) -> dict[str, Any] | None:
        """What was done to the data before, while both data and labels are those that were gathered; else None."""
        if draft.origin is None:
            return None
        uploads: dict[str, Upload] = {upload.field: upload for upload in self._stores.drafts.uploads(draft)}
        if any(f not in uploads or not uploads[f].path.startswith(_GATHERED) for f in ("data", "labels")):
            return None
        found: dict[str, Any] = json.loads((folder_of(self._stores, draft.id) / _RECORD).read_text())
        return found

    def _require_room(self, project: Project, draft_id: int) -> None:
        """Again, now that the bytes come: many clones may have been made before the first of them was gathered."""
        size = sum(s.size for part in (False, True) for s in self._stores.projects.shards(project.id, validation=part))
        why_not = self._room.why_not(project.owner_id, size, self._room.measure(project.owner_id, but=draft_id))
        if why_not is not None:
            raise Refused(why_not, "data")

    def _shards(self, project: Project, validation: bool) -> tuple[str, ...]:
        shards = self._stores.projects.shards(project.id, validation=validation)
        return tuple(str(self._stores.blobs.path(shard.sha256).absolute()) for shard in shards)

    def _put(self, draft: Draft, field: str, path: Path, uploads: Path) -> None:
        name = f"{_GATHERED}{field}-{secrets.token_hex(8)}"
        size = path.stat().st_size
        os.replace(path, uploads / name)
        self._stores.drafts.put_upload(draft, field, path.name, size, name)


def _weights_by_number(project: Project, draft: Draft) -> str:
    """As they were settled, not as they were written: of a clone's data the names are recorded, and not used."""
    text = str(project.settings.get("class_weights", ""))
    if text in ("", class_weights.BALANCED):
        return text
    return class_weights.by_number((draft.findings or {}).get("objective", {}).get("class_weights", []))


def next_name(name: str) -> str:
    """"Digits" -> "Digits 2" -> "Digits 3"."""
    match = re.fullmatch(r"(.*\S) (\d{1,6})", name)
    stem, number = (match[1], int(match[2]) + 1) if match else (name, 2)
    return f"{stem[:110]} {number}"
