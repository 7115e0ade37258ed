"""Which blobs some row names: what the collector must keep, and what hosts may forget."""

from server.storage.database import Database


class ReferenceStore:
    """A blob is in use when a project, a shard, a checkpoint or a result names it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_used(self, sha256: str) -> bool:
        row = self._database.rows(
            "SELECT EXISTS(SELECT 1 FROM shard WHERE sha256 = ?) OR EXISTS(SELECT 1 FROM checkpoint WHERE"
            " weights_sha256 = ? OR optimizer_sha256 = ?) OR EXISTS(SELECT 1 FROM result WHERE gradient_sha256 = ?)"
            " OR EXISTS(SELECT 1 FROM project WHERE plan_sha256 = ? OR frozen_sha256 = ? OR source_sha256 = ?)",
            *[sha256] * 7,
        )
        return bool(row[0][0])

    def unused(self, names: list[str]) -> list[str]:
        return [name for name in names if not self.is_used(name)]

    def of_project(self, project_id: int) -> set[str]:
        """Every blob that the project's rows name."""
        rows = self._database.rows(
            "SELECT sha256 FROM shard WHERE project_id = ?1 UNION SELECT weights_sha256 FROM checkpoint WHERE"
            " project_id = ?1 UNION SELECT optimizer_sha256 FROM checkpoint WHERE project_id = ?1 UNION SELECT"
            " gradient_sha256 FROM result WHERE project_id = ?1 UNION SELECT plan_sha256 FROM project WHERE id = ?1"
            " UNION SELECT frozen_sha256 FROM project WHERE id = ?1 UNION SELECT source_sha256 FROM project"
            " WHERE id = ?1",
            project_id,
        )
        return {str(name) for (name,) in rows if name}

    def old_gradients(self, rounds_kept: int) -> list[tuple[int, str]]:
        """(result id, blob) of gradients whose round closed more than that many rounds ago, and whose unit seeks no
        opinion."""
        rows = self._database.rows(
            "SELECT result.id, result.gradient_sha256 FROM result JOIN unit ON unit.id = result.unit_id JOIN project"
            " ON project.id = result.project_id WHERE result.gradient_sha256 > '' AND unit.round < project.round - ?"
            " AND NOT unit.seeks AND unit.audit != 'wanted'",
            rounds_kept,
        )
        return [(int(number), str(name)) for number, name in rows]

    def forget_gradient(self, result_id: int) -> None:
        self._database.rows("UPDATE result SET gradient_sha256 = '' WHERE id = ? RETURNING id", result_id)
