"""All stores of one grid, as one value: what the domain is given."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from server.storage.accounts import AccountStore, JoinKeyStore
from server.storage.actions import ActionStore
from server.storage.blobs import BlobFolder
from server.storage.checks import CheckStore
from server.storage.credit_boards import CreditBoardStore
from server.storage.database import Database
from server.storage.drafts import DraftStore
from server.storage.hosts import HostStore
from server.storage.invitations import InvitationStore
from server.storage.leadership import FactStore, LeadershipStore
from server.storage.ledger import LedgerStore
from server.storage.letters import LetterStore, ProofStore
from server.storage.linkings import LinkingStore
from server.storage.operating import OperatingStore
from server.storage.opinions import OpinionStore
from server.storage.overview import OverviewStore
from server.storage.partial_uploads import PartialUploadStore
from server.storage.projects import ProjectStore
from server.storage.records import RecordStore
from server.storage.references import ReferenceStore
from server.storage.rounds import CheckpointStore, RoundStore
from server.storage.teams import TeamStore
from server.storage.tokens import TokenStore
from server.storage.work import WorkStore

DATABASE_FILE = "grid.db"


@dataclass(frozen=True)
class Stores:
    """`folder` is the grid's data folder; everything below lies in it, on one file system."""

    folder: Path
    database: Database
    blobs: BlobFolder
    accounts: AccountStore
    join_keys: JoinKeyStore
    invitations: InvitationStore
    linkings: LinkingStore
    tokens: TokenStore
    proofs: ProofStore
    letters: LetterStore
    hosts: HostStore
    drafts: DraftStore
    partial_uploads: PartialUploadStore
    projects: ProjectStore
    rounds: RoundStore
    checkpoints: CheckpointStore
    work: WorkStore
    opinions: OpinionStore
    references: ReferenceStore
    leadership: LeadershipStore
    facts: FactStore
    overview: OverviewStore
    operating: OperatingStore
    checks: CheckStore
    records: RecordStore
    actions: ActionStore
    ledger: LedgerStore
    boards: CreditBoardStore
    teams: TeamStore


def is_grid(folder: Path) -> bool:
    """Whether that folder is a grid's data folder: `open_stores` would create nothing."""
    return (folder / DATABASE_FILE).is_file()


def open_stores(folder: Path) -> Stores:
    """Open (and, the first time, create) the stores of a data folder. Readable by its owner only."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if folder.stat().st_mode & 0o077:
        # One that was there already, or came with a wider mask: it holds people's data and the key of the sessions.
        with contextlib.suppress(PermissionError):
            folder.chmod(0o700)
    database = Database(folder / DATABASE_FILE)
    database.migrate()
    return Stores(
        folder=folder, database=database, blobs=BlobFolder(folder / "blobs"), accounts=AccountStore(),
        join_keys=JoinKeyStore(), invitations=InvitationStore(), linkings=LinkingStore(), tokens=TokenStore(),
        proofs=ProofStore(), letters=LetterStore(), hosts=HostStore(), drafts=DraftStore(), projects=ProjectStore(),
        partial_uploads=PartialUploadStore(folder / "partial"),
        rounds=RoundStore(), checkpoints=CheckpointStore(), work=WorkStore(), opinions=OpinionStore(),
        references=ReferenceStore(database),
        leadership=LeadershipStore(), facts=FactStore(),
        overview=OverviewStore(database), operating=OperatingStore(database), actions=ActionStore(),
        ledger=LedgerStore(database), checks=CheckStore(database),
        records=RecordStore(database), boards=CreditBoardStore(database), teams=TeamStore(),
    )  # fmt: skip
