"""The pass that lets go of what is no longer needed: old gradients, old checkpoints, blobs and files nobody names."""

import contextlib
import datetime as dt
import shutil
import time
from collections.abc import Set

from server.domain.awake import policy_for
from server.domain.unused_blobs import delete_unused
from server.rules.validation_policy import BELIEVES_ALL, ValidationPolicy
from server.storage.stores import Stores
from server.storage.tables import Checkpoint, Project

GRADIENT_ROUNDS = 10
LAST_CHECKPOINTS = 3
YOUNG_SECONDS = 3600.0
_OPTIMIZER_CHECKPOINTS = 2


class BlobCollector:
    """Kept: the last three checkpoints, each epoch's and the best by validation loss; gradients of ten rounds.

    What another opinion on a unit needs is kept for as long as one is sought; and, where hosts are not simply believed,
    the optimizer's state beside weights that the project may have to go back to.
    """

    def __init__(self, stores: Stores, policy: ValidationPolicy = BELIEVES_ALL) -> None:
        self._stores = stores
        self._policy = policy

    def run_pass(self, now: dt.datetime) -> int:
        """How many rows let go of a blob and how many files were deleted."""
        moved = self._old_gradients()
        for project in self._stores.projects.every():
            moved += self._old_checkpoints(project)
        moved += self._stores.blobs.delete_unless(self._stores.references.is_used, YOUNG_SECONDS)
        return moved + self._orphaned_files()

    def _old_gradients(self) -> int:
        old = self._stores.references.old_gradients(GRADIENT_ROUNDS)
        for result_id, sha256 in old:
            with self._stores.database.write():
                self._stores.references.forget_gradient(result_id)
            delete_unused(self._stores, (sha256,))
        return len(old)

    def _old_checkpoints(self, project: Project) -> int:
        checkpoints = self._stores.checkpoints.of_project(project.id)
        found = self._stores.checkpoints.best_kept(project.id)
        best = found.id if found else None
        sought = self._stores.checks.rounds_sought(project.id)
        moved, returnable = 0, self._returnable(project, checkpoints, sought)
        for age, checkpoint in enumerate(reversed(checkpoints)):
            is_kept = age < LAST_CHECKPOINTS or checkpoint.ends_epoch or checkpoint.id == best or not checkpoint.round
            is_kept = is_kept or checkpoint.round in sought
            if not is_kept and checkpoint.weights_sha256:
                moved += self._let_go(checkpoint)
            elif (
                age >= _OPTIMIZER_CHECKPOINTS and checkpoint.optimizer_sha256 and checkpoint.round not in returnable
            ):
                with self._stores.database.write():
                    self._stores.checkpoints.drop_optimizer(checkpoint)
                delete_unused(self._stores, (checkpoint.optimizer_sha256,))
                moved += 1
        return moved

    def _returnable(self, project: Project, checkpoints: list[Checkpoint], sought: Set[int]) -> set[int]:
        """Rounds whose start may be gone back to: of those of which somebody may still say that they were wrong, and
        the newest kept one before them."""
        if policy_for(self._policy, project).believes_all:
            return set()
        oldest = min({project.round - GRADIENT_ROUNDS, *sought})
        kept = [one.round for one in checkpoints if one.weights_sha256]
        return {*(number for number in kept if number >= oldest), *[n for n in kept if n < oldest][-1:]}

    def _let_go(self, checkpoint: Checkpoint) -> int:
        names = (checkpoint.weights_sha256, checkpoint.optimizer_sha256)
        with self._stores.database.write():
            self._stores.checkpoints.drop_blobs(checkpoint)
        delete_unused(self._stores, names)
        return 1

    def _orphaned_files(self) -> int:
        """Folders of drafts that are gone, uploads that never became a draft, downloads that were not fetched."""
        deleted = 0
        limit = time.time() - YOUNG_SECONDS
        for name in ("drafts", "outgoing", "uploads"):
            folder = self._stores.folder / name
            for path in folder.iterdir() if folder.exists() else ():
                # The web process deletes here too.
                with contextlib.suppress(FileNotFoundError):
                    is_old = path.stat().st_mtime < limit
                    if is_old and not (name == "drafts" and self._stores.drafts.exists(path.name)):
                        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
                        deleted += 1
        return deleted
