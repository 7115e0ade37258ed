"""Drafts and the files uploaded for them."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from peewee import fn

from server.errors import NotFound, SomebodyElseWasFirst
from server.rules.states import DraftState, ProjectState
from server.storage.tables import Draft, Project, Upload

_LISTED = [column for column in Draft._meta.sorted_fields if column.name not in ("findings", "preview")]


class DraftStore:
    def add(
        self, owner_id: int, form: Mapping[str, str], now: dt.datetime, origin: int | None = None
    ) -> Draft:
        return Draft.create(
            owner=owner_id, state=DraftState.checking, form=dict(form), created_at=now, updated_at=now, origin=origin
        )

    def owned(self, owner_id: int, draft_id: int) -> Draft:
        draft = Draft.get_or_none(Draft.id == draft_id, Draft.owner == owner_id)
        if draft is None:
            raise NotFound("There is no such draft.")
        return draft

    def of_owner(self, owner_id: int) -> list[Draft]:
        """The newest first, without findings and previews: those are large, and a list shows neither."""
        return list(
            Draft.select(*_LISTED)
            .where(Draft.owner == owner_id, Draft.state != DraftState.submitted)
            .order_by(Draft.id.desc())
        )

    def numbers_with_files(self, owner_id: int) -> list[int]:
        """Of all drafts whose files are there, those that are just becoming projects included."""
        drafts = Draft.select(Draft.id).where(Draft.owner == owner_id, Draft.id.in_(Upload.select(Upload.draft)))
        return [int(row.id) for row in drafts]

    def to_check(self) -> list[Draft]:
        return list(Draft.select().where(Draft.state == DraftState.checking).order_by(Draft.updated_at))

    def change(self, draft: Draft, form: Mapping[str, str], now: dt.datetime) -> None:
        """New texts: to be checked again. Raises SomebodyElseWasFirst when it was submitted meanwhile."""
        changed = (
            Draft.update(
                form=dict(form), state=DraftState.checking, revision=Draft.revision + 1, updated_at=now, problems=[]
            )
            .where(Draft.id == draft.id, Draft.state != DraftState.submitted)
            .execute()
        )
        if changed != 1:
            raise SomebodyElseWasFirst("This draft has been started already.")

    def conclude(
        self,
        draft: Draft,
        state: DraftState,
        problems: Sequence[Mapping[str, str]],
        remarks: Sequence[str],
        facts: Sequence[tuple[str, str]],
        findings: Mapping[str, Any] | None,
        now: dt.datetime,
        preview: Mapping[str, Any] | None = None,
    ) -> bool:
        """Record the outcome of a check; False when the draft was changed while it was checked."""
        changed = (
            Draft.update(
                state=state, problems=list(problems), remarks=list(remarks), facts=[list(pair) for pair in facts],
                findings=findings, updated_at=now, preview=dict(preview or {}),
            )
            .where(Draft.id == draft.id, Draft.revision == draft.revision, Draft.state == DraftState.checking)
            .execute()
        )  # fmt: skip
        return bool(changed == 1)

    def submitted(self, draft: Draft, project_id: int) -> None:
        changed = (
            Draft.update(state=DraftState.submitted, project=project_id)
            .where(Draft.id == draft.id, Draft.state == DraftState.ready, Draft.revision == draft.revision)
            .execute()
        )
        if changed != 1:
            raise SomebodyElseWasFirst("This draft has changed meanwhile.")

    def of_project(self, project_id: int) -> Draft | None:
        return Draft.get_or_none(Draft.project == project_id)

    def numbers_of(self, owner_id: int) -> list[int]:
        """All of an account's drafts, those that became projects included."""
        return [int(row.id) for row in Draft.rows_where("owner_id = ?", owner_id)]

    def delete_of(self, owner_id: int) -> None:
        Draft.delete().where(Draft.owner == owner_id).execute()

    def delete(self, draft: Draft) -> None:
        Draft.delete().where(Draft.id == draft.id).execute()

    def uploads(self, draft: Draft) -> list[Upload]:
        return list(Upload.select().where(Upload.draft == draft.id).order_by(Upload.id))

    def put_upload(self, draft: Draft, field: str, filename: str, size: int, path: str) -> str | None:
        """Name a draft's file for a field; returns the path of the one it replaces."""
        old = self.drop_upload(draft, field)
        Upload.create(draft=draft.id, field=field, filename=filename, size=size, path=path)
        return old

    def drop_upload(self, draft: Draft, field: str) -> str | None:
        """Forget the file of a field; returns its path."""
        old = Upload.get_or_none(Upload.draft == draft.id, Upload.field == field)
        Upload.delete().where(Upload.draft == draft.id, Upload.field == field).execute()
        return None if old is None else old.path

    def drop_uploads(self, draft_id: int) -> list[str]:
        """Forget all files of a draft; returns their paths."""
        paths = [row.path for row in Upload.select().where(Upload.draft == draft_id)]
        Upload.delete().where(Upload.draft == draft_id).execute()
        return paths

    def uploaded_bytes(self, owner_id: int) -> int:
        """Of all files of the account's drafts, those that are just becoming projects included."""
        query = Upload.select(fn.SUM(Upload.size)).join(Draft).where(Draft.owner == owner_id)
        return int(query.scalar() or 0)

    def delete_untouched(self, since: dt.datetime) -> list[int]:
        """Delete drafts that nobody has changed or had checked since then; returns their numbers."""
        untouched = (Draft.state != DraftState.submitted) & (Draft.updated_at < since)
        return [int(row.id) for row in Draft.delete().where(untouched).returning(Draft.id).execute()]

    def is_spent(self, draft_id: str) -> bool:
        """Whether the draft has become a project that will not be prepared any more: its files are not needed."""
        if not draft_id.isdecimal():
            return False
        to_prepare = (Project.state == ProjectState.preparing) | (
            (Project.state == ProjectState.needs_attention) & (Project.plan_sha256 == "")
        )
        spent = (Draft.id == int(draft_id)) & (Draft.state == DraftState.submitted) & ~to_prepare
        return bool(Draft.select().join(Project).where(spent).exists())

    def exists(self, draft_id: str) -> bool:
        """Whether a draft of that number waits to become a project, or just has."""
        return bool(draft_id.isdecimal() and Draft.select().where(Draft.id == int(draft_id)).exists())
