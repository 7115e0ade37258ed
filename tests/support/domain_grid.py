"""A whole grid without processes: the domain's real objects over one real data folder, and a clock that tests turn."""

import datetime as dt
import functools
import secrets
from collections.abc import Callable
from pathlib import Path

from server.domain.accounts import Accounts
from server.domain.assimilator import Assimilator
from server.domain.audit import Audit
from server.domain.auditor import Auditor
from server.domain.blob_collector import BlobCollector
from server.domain.cloning import Cloning
from server.domain.dispatch import Dispatch
from server.domain.draft_checker import DraftChecker
from server.domain.drafts import Drafts
from server.domain.evaluator import Evaluator
from server.domain.grid import Downtime, Grid
from server.domain.hashing import Hashing
from server.domain.host_blobs import HostBlobs
from server.domain.hosts import Hosts
from server.domain.join_keys import JoinKeys
from server.domain.leader import Leader
from server.domain.letters import Letters
from server.domain.notices import Notices
from server.domain.plans import Plans
from server.domain.preparer import Preparer
from server.domain.project_views import ProjectViews
from server.domain.projects import Projects
from server.domain.reports import Reports
from server.domain.results import Results
from server.domain.seeking import Seeking
from server.domain.tokens import Tokens
from server.domain.transitioner import Transitioner
from server.domain.uploads import Uploads
from server.domain.validator import Validator
from server.rules.incoming import IncomingFile
from server.rules.states import ProjectState
from server.rules.validation_policy import BELIEVES_ALL, ValidationPolicy
from server.storage.stores import Stores, open_stores
from server.storage.tables import ALL, Host, Project
from tests.support.tiny_training import TinyExporter, TinyIntake, TinyLearner, gradient_of
from volunteer.plan.project_plan import ProjectPlan, Role
from volunteer.protocol.digests import sha256_of
from volunteer.protocol.gradients import GradientBlob
from volunteer.protocol.messages import AttachRequest, Heartbeat, Lease, Machine, NoWork, ReportReply, WorkRequest

START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
PASSWORD = "a long enough password"
MEMORY = 8 * 2**30


class Cast:
    """One machine as the grid knows it: asks, reports and gives back through the domain's own objects."""

    def __init__(self, grid: "DomainGrid", host_id: int, memory: int = MEMORY) -> None:
        self._grid = grid
        self.id = host_id
        self.machine = Machine("Linux", "test", 2, memory, "0.1.0", 1, 2)
        self.held: list[str] = []

    @property
    def row(self) -> Host:
        """As the web room reads it for every request."""
        return Host.get_by_id(self.id)

    def ask(self) -> Lease | NoWork:
        return self._grid.dispatch.ask(self.row, WorkRequest(self.machine, self.held), self._grid.now)

    def lease(self) -> Lease:
        reply = self.ask()
        assert isinstance(reply, Lease), reply
        return reply

    def heartbeat(self, result: str) -> bool:
        """Whether to go on with it."""
        return self._grid.reports.heartbeat(self.row, result, Heartbeat(0), self._grid.now).go_on

    def upload(self, result: str, blob: GradientBlob | bytes) -> ReportReply:
        data = blob if isinstance(blob, bytes) else blob.encode()
        path = self._grid.stores.blobs.incoming / f"upload-{secrets.token_hex(6)}"
        path.write_bytes(data)
        try:
            return self._grid.reports.report(self.row, result, path, sha256_of([data]), self._grid.now)
        finally:
            path.unlink(missing_ok=True)

    def deliver(self, lease: Lease, count: int | None = None, seconds: float = 1.0) -> ReportReply:
        """The honest gradient of the first `count` mini-batches, all of them without."""
        return self.upload(lease.result, self._grid.honest(lease, count, seconds))


class DomainGrid:
    """`restart()` forgets everything but the folder, as new processes would."""

    def __init__(self, folder: Path, policy: ValidationPolicy = BELIEVES_ALL) -> None:
        self.folder = folder
        self.policy = policy
        self.now = START
        self.rings: list[str] = []
        self.learner = TinyLearner()
        self.intake = TinyIntake()
        self.exporter = TinyExporter()
        self.interrupt: Callable[[], None] = lambda: None
        self._people = 0
        self.stores: Stores
        self._build()
        self.leader.run_pass(self.now)

    def _build(self) -> None:
        self.stores = open_stores(self.folder)
        stores, ring = self.stores, self.rings.append
        self.plans = Plans(stores.blobs)
        self.leader = Leader(stores, secrets.token_hex(4))
        self.join_keys = JoinKeys(stores)
        self.tokens = Tokens(stores)
        self.hosts = Hosts(stores, "test grid")
        self.drafts = Drafts(stores, ring)
        self.projects = Projects(stores, ring)
        self.results = Results(stores, self.plans, self.intake, self.exporter)
        self.cloning = Cloning(stores, self.drafts, self.results)
        self.uploads = Uploads(stores)
        self.views = ProjectViews(stores)
        self.grid = Grid(stores)
        self.dispatch = Dispatch(stores, self.plans, self.policy)
        self.reports = Reports(stores, self.plans, ring, self.policy)
        self.host_blobs = HostBlobs(stores, self.plans)
        self.letters = Letters(stores, True, "test grid")
        self.notices = Notices(stores, self.letters, "https://grid.test/")
        self.validator = Validator(
            stores, self.plans, self.notices, lambda duty: None, self.policy
        )
        self.assimilator = Assimilator(stores, self.plans, self.learner, self.notices, self._guard, self.policy)
        self.transitioner = Transitioner(stores, self.notices, self.policy)
        self.seeking = Seeking(stores, self.policy, ring)
        self.auditor = Auditor(stores, self.plans, self.learner, self.policy, ring)
        self.downtime = Downtime(stores)
        self.checker = DraftChecker(stores, self.intake, self.learner)
        self.preparer = Preparer(stores, self.intake, self.notices)
        self.evaluator = Evaluator(stores, self.learner, self.notices)
        self.collector = BlobCollector(stores, self.policy)
        self.audit = Audit(stores, self.plans)

    def restart(self) -> None:
        self.stores.database.close()
        self._build()
        # The lease of the process before runs out first.
        self.wait(5)
        self.leader.run_pass(self.now)

    @functools.cached_property
    def hashing(self) -> Hashing:
        """Made when asked for: its first hash takes longer than most tests."""
        return Hashing()

    @property
    def accounts(self) -> Accounts:
        return Accounts(self.stores, self.hashing)

    def _guard(self) -> None:
        self.interrupt()
        self.leader.guard()

    def wait(self, seconds: float) -> None:
        self.now += dt.timedelta(seconds=seconds)

    def person(self, name: str) -> int:
        """An account's id. Straight into the tables: hashing a password takes longer than many of these tests."""
        with self.stores.database.write():
            return int(self.stores.accounts.add(name, "no hash matches this", self.now).id)

    def host(self, owner_id: int, name: str, memory: int = MEMORY) -> Cast:
        key = self.join_keys.create(owner_id, name, 1, 1, self.now)
        machine = Machine("Linux", "test", 2, memory, "0.1.0", 1, 2)
        return Cast(self, int(self.hosts.attach(AttachRequest(key, name, machine), self.now).host), memory)

    def files(self, weights: int | str, rows: int, labels: int | None = None) -> list[IncomingFile]:
        """What the web room would have streamed to disk."""
        texts = {"model": str(weights), "data": str(rows), "labels": str(rows if labels is None else labels)}
        files = []
        for field, text in texts.items():
            path = self.drafts.incoming_folder / secrets.token_hex(6)
            path.write_text(text)
            files.append(IncomingFile(field, f"{field}.h5" if field == "model" else f"{field}.npy", path, len(text)))
        return files

    def form(self, **texts: object) -> dict[str, str]:
        values = {
            "name": "digits", "batch_size": 4, "epochs": 2, "k": 3, "shard_examples": 8, "validation_fraction": 0,
            "consent": 1, **texts,
        }  # fmt: skip
        return {field: str(value) for field, value in values.items()}

    def project(self, owner_id: int, examples: int = 40, **texts: object) -> int:
        """A running project: through draft, check, submission and preparation. Returns its number."""
        form = self.form(**texts)
        mini_batches = -(-examples // int(form["batch_size"]))
        draft = self.drafts.start(owner_id, form, self.files(mini_batches, examples), self.now)
        self.checker.run_pass(self.now)
        project = self.drafts.submit(owner_id, draft, self.now)
        self.preparer.run_pass(self.now)
        assert self.row(project).state is ProjectState.running, self.row(project).reason
        return project

    def row(self, project_id: int) -> Project:
        return self.stores.projects.by_id(project_id)

    def plan(self, project_id: int) -> ProjectPlan:
        return self.plans.of(self.row(project_id).plan_sha256)

    def honest(self, lease: Lease, count: int | None = None, seconds: float = 1.0) -> GradientBlob:
        plan = self.plan(int(lease.project))
        return gradient_of(plan.layout, plan.size_of(Role.trainable), lease.mini_batches[:count], seconds)

    def rounds(self) -> int:
        """The duty "rounds", until nothing moves any more."""
        moved = 0
        while step := self.validator.run_pass(self.now) + self.assimilator.run_pass(self.now):
            moved += step
        return moved

    def audits(self) -> int:
        """The duty "audits", until nothing moves any more."""
        moved = 0
        while step := self.seeking.run_pass(self.now) + self.auditor.run_pass(self.now):
            moved += step
        return moved

    def transitions(self) -> int:
        return self.downtime.run_pass(self.now) + self.transitioner.run_pass(self.now)

    def dump(self) -> dict[str, list[tuple[object, ...]]]:
        """Every row of every table: to see that nothing has changed."""
        return {
            table.__name__: sorted(table.select().tuples(), key=repr) for table in ALL
        }
