"""The one place that builds concrete things: one function for each kind of process."""

import contextlib
import datetime as dt
import logging
import os
import platform
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from server.config import BadSettings, Settings, shown
from server.domain.accounts import Accounts
from server.domain.action_log import ActionLog
from server.domain.addresses import Addresses
from server.domain.appeals import Appeals
from server.domain.approvals import Approvals
from server.domain.assimilator import Assimilator
from server.domain.audit import Audit
from server.domain.auditor import Auditor
from server.domain.blob_collector import BlobCollector
from server.domain.cloning import Cloning
from server.domain.code_collector import CodeCollector
from server.domain.devices import Devices
from server.domain.dispatch import Dispatch
from server.domain.draft_checker import DraftChecker
from server.domain.draft_collector import DraftCollector
from server.domain.drafts import Drafts
from server.domain.evaluator import Evaluator
from server.domain.grid import NOTE_EVERY_SECONDS, Downtime, Grid
from server.domain.hashing import Hashing
from server.domain.host_blobs import HostBlobs
from server.domain.host_records import HostRecords
from server.domain.hosts import Hosts
from server.domain.invitations import Invitations
from server.domain.join_keys import JoinKeys
from server.domain.leader import Leader
from server.domain.leaving import Leaving, LeavingFinisher
from server.domain.letters import Letters
from server.domain.notices import Notices
from server.domain.operating import Operating
from server.domain.passwords import Passwords, ResetLetters
from server.domain.plans import Plans
from server.domain.ports import Post, Ring
from server.domain.postman import Postman
from server.domain.preparer import Preparer
from server.domain.project_views import ProjectViews
from server.domain.projects import Projects
from server.domain.public_status import PublicStatus
from server.domain.quarantine import Quarantine
from server.domain.releases import Releases
from server.domain.replay import Replay
from server.domain.reports import Reports
from server.domain.results import Results
from server.domain.round_pages import RoundPages
from server.domain.seeking import Seeking
from server.domain.standings import Leaderboards
from server.domain.statistics import StatisticsExport
from server.domain.teams import Teams
from server.domain.tokens import Tokens
from server.domain.transitioner import Transitioner
from server.domain.upload_collector import UploadCollector
from server.domain.uploads import Uploads
from server.domain.validator import Validator
from server.intake.intake import ChildIntake
from server.learning.exporter import ChildExporter
from server.learning.learner import ChildLearner
from server.post.mailing import Mailer, MailServer
from server.rules.admission import Admission
from server.rules.letters import MAIL, RESET, WEBHOOK
from server.rules.numeric_class import numeric_class
from server.rules.quotas import UploadBounds
from server.rules.validation_policy import ValidationPolicy
from server.storage.bell import Bell
from server.storage.folder_lock import only_grid
from server.storage.releases import ReleaseFolder
from server.storage.statistics import StatisticsFolder
from server.storage.stores import Stores, is_grid, open_stores
from server.tls import Certificate
from volunteer.children.limits import Limits
from volunteer.protocol.messages import Machine
from volunteer.protocol.version import NUMERICS, PROTOCOL, SOFTWARE

if TYPE_CHECKING:
    from flask import Flask

    from server.scheduler import Scheduler
    from server.web.people import People


_PULSE_SECONDS = 10.0


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def own_class() -> str:
    """How this machine computes, in the words of `rules/numeric_class.py`: as a volunteer's program would say it."""
    processor = f"{platform.machine()} {platform.processor()}".strip()
    return numeric_class(Machine(platform.system() or "unknown", processor, 1, 0, SOFTWARE, PROTOCOL, NUMERICS))


def configure_logging(name: str) -> None:
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format=f"%(asctime)s {name} %(levelname)s %(name)s: %(message)s"
    )


def keep_private() -> None:
    """What this process and its children write is for nobody else on this machine."""
    os.umask(0o077)


@contextlib.contextmanager
def data_folder(settings: Settings) -> Iterator[None]:
    """The data folder, made where there was none, its database up to date, and no other grid on it meanwhile.

    Raises BadSettings.
    """
    with contextlib.ExitStack() as held:
        try:
            settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
            held.enter_context(only_grid(settings.data))
            open_stores(settings.data).database.close()
        except OSError as error:
            raise BadSettings(f"data: {settings.data} cannot be a data folder: {error.strerror}") from None
        yield


def require_grid(settings: Settings) -> None:
    """Raises BadSettings where no grid has been: who asks about one does not want another, empty one."""
    if not is_grid(settings.data):
        raise BadSettings(f"data: there is no grid in {settings.data}. Say where its data is: --data DIR")


def web_app(settings: Settings, certificate: Certificate | None = None) -> "Flask":
    """The web process: pages and API. No TensorFlow, no h5py. `certificate`: of a grid that speaks https itself."""
    from server.web.app import create_app
    from server.web.services import Services, WebSettings

    stores = open_stores(settings.data)
    plans = Plans(stores.blobs)
    bell = _bell(settings)
    bounds = _upload_bounds(settings)
    grid = Grid(stores)
    threading.Thread(target=_note_web, args=(grid,), daemon=True).start()
    hashing, hosts = Hashing(), Hosts(stores, settings.name, releases(settings).newest, admission(settings))
    accounts = Accounts(stores, hashing, admission=admission(settings))
    projects = Projects(stores, bell.ring)
    drafts = Drafts(stores, bell.ring, bounds)
    results = Results(stores, plans, intake(settings), exporter(settings), settings.least_free_bytes)
    return create_app(
        Services(
            accounts=accounts, join_keys=JoinKeys(stores), tokens=Tokens(stores), hosts=hosts,
            devices=Devices(stores, settings.name, admission(settings)),
            people=people(settings, stores, hashing, accounts, projects, hosts, bell.ring),
            drafts=drafts, projects=projects, cloning=Cloning(stores, drafts, results), results=results,
            uploads=Uploads(stores, bounds, settings.max_upload_bytes),
            project_views=ProjectViews(stores), round_pages=RoundPages(stores),
            grid=grid, dispatch=Dispatch(stores, plans, validation_policy(settings)),
            reports=Reports(stores, plans, bell.ring, validation_policy(settings)), blobs=HostBlobs(stores, plans),
            releases=releases(settings), incoming_gradients=stores.blobs.incoming, wake=lambda: bell.ring("rounds"),
            settings=WebSettings(
                secret_key=_secret(stores), max_upload_bytes=settings.max_upload_bytes, proxies=settings.proxies,
                https=settings.https or certificate is not None, public_url=settings.public_url,
                fingerprint=certificate.fingerprint if certificate else "",
                trust_after=settings.trust_after if settings.quorum > 1 else 0,
            ),
        )
    )  # fmt: skip


def people(
    settings: Settings, stores: Stores, hashing: Hashing, accounts: Accounts, projects: Projects, hosts: Hosts,
    ring: Ring,
) -> "People":  # fmt: skip
    """What the web process does for people beside their projects."""
    from server.web.people import People

    letters = Letters(stores, settings.sends_mail, settings.name)
    notices = Notices(stores, letters, settings.public_url)
    quarantine = Quarantine(stores, Plans(stores.blobs), notices)
    passwords = Passwords(stores, accounts, hashing, letters, ring)
    return People(
        passwords=passwords, addresses=Addresses(stores, letters, ring, settings.public_url, settings.name),
        leaving=Leaving(stores, passwords, projects, hosts), leaderboards=Leaderboards(stores),
        teams=Teams(stores), statistics=_statistics(stores),
        status=PublicStatus(stores, utc_now()), operating=Operating(stores, ring, shown(settings)),
        invitations=Invitations(stores), approvals=Approvals(stores, notices, ring),
        records=HostRecords(stores, quarantine, notices, ring, validation_policy(settings)),
        appeals=Appeals(stores, notices), log=ActionLog(stores), sends_mail=settings.sends_mail,
    )  # fmt: skip


def releases(settings: Settings) -> Releases:
    """Of the volunteer's program; needs no database."""
    return Releases(ReleaseFolder(settings.data / "releases"))


def postman(settings: Settings, stores: Stores) -> Postman:
    """The pass that sends letters: webhooks always, mail where a mail server is configured."""
    from server.post.webhooks import WebhookPoster

    posts: dict[str, Post] = {WEBHOOK: WebhookPoster(settings.webhooks_to_private)}
    if settings.sends_mail:
        server = MailServer(
            settings.smtp_host, settings.smtp_port, settings.smtp_from, settings.name, settings.smtp_user,
            settings.smtp_password, settings.smtp_security,
        )  # fmt: skip
        posts |= {MAIL: Mailer(server), RESET: Mailer(server)}
    resets = ResetLetters(stores, settings.public_url, settings.name)
    return Postman(stores, posts, {RESET: resets.compose})


def _note_web(grid: Grid) -> None:
    while True:
        try:
            grid.note_web(utc_now())
        except Exception:
            logging.getLogger(__name__).exception("the web process could not note that it is there")
        time.sleep(NOTE_EVERY_SECONDS)


def scheduler_pulse(settings: Settings) -> Callable[[], bool]:
    """Tells whether the scheduler has shown life within the last seconds; for the supervisor."""
    grid = Grid(open_stores(settings.data))

    def shows_life() -> bool:
        last = grid.scheduler_alive_at()
        return last is not None and abs((utc_now() - last).total_seconds()) < _PULSE_SECONDS

    return shows_life


def run_scheduler(settings: Settings, stop: threading.Event) -> None:
    """The scheduler process with its learner child, until `stop`."""
    stores = open_stores(settings.data)
    learner_ = learner(settings)
    try:
        learner_.start()
        # What nobody waits for must not hold the end up.
        threading.Thread(target=_end_audits, args=(stop, learner_), daemon=True).start()
        _scheduler(settings, stores, learner_).run(stop)
    finally:
        learner_.close()


def _end_audits(stop: threading.Event, learner_: ChildLearner) -> None:
    stop.wait()
    learner_.recompute_no_more()


def _scheduler(settings: Settings, stores: Stores, learner_: ChildLearner) -> "Scheduler":
    from server.scheduler import Row, Scheduler

    plans = Plans(stores.blobs)
    intake_ = intake(settings)
    bell = _bell(settings)
    notices = Notices(stores, Letters(stores, settings.sends_mail, settings.name), settings.public_url)
    projects = Projects(stores, bell.ring)
    leader = Leader(stores, f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}")
    policy = validation_policy(settings)
    table = (
        Row("rounds", 1.0, (Validator(stores, plans, notices, bell.ring, policy),)),
        Row("closings", 1.0, (Assimilator(stores, plans, learner_, notices, leader.guard, policy),)),
        Row("checks", 1.0, (Seeking(stores, policy, bell.ring),)),
        Row("audits", 1.0, (Auditor(stores, plans, learner_, policy, bell.ring, own_class()),)),
        Row("transitions", 1.0, (Downtime(stores), Transitioner(stores, notices, policy))),
        Row("drafts", 5.0, (DraftChecker(stores, intake_, learner_, _upload_bounds(settings)),)),
        Row("preparations", 5.0, (Preparer(stores, intake_, notices, admission(settings)),)),
        Row("evaluations", 2.0, (Evaluator(stores, learner_, notices),)),
        Row("letters", 5.0, (postman(settings, stores),)),
        Row("statistics", 300.0, (StatisticsExport(stores, _statistics(stores), settings.name),)),
        Row("blobs", 60.0, (
            BlobCollector(stores, policy), DraftCollector(stores), UploadCollector(stores), CodeCollector(stores),
            LeavingFinisher(stores, projects),
        )),
    )
    return Scheduler(table, leader, bell, utc_now)


def validation_policy(settings: Settings) -> ValidationPolicy:
    return ValidationPolicy(
        settings.quorum, settings.trust_after, settings.least_check, settings.audit_share, settings.unproven_share
    )


def admission(settings: Settings) -> Admission:
    return Admission(settings.join_rate, settings.invitation_only, settings.approve_new_requestors)


def _upload_bounds(settings: Settings) -> UploadBounds:
    return UploadBounds(settings.account_upload_bytes, settings.least_free_bytes)


def intake(settings: Settings) -> ChildIntake:
    return ChildIntake(settings.data / "children" / "intake", least_free_bytes=settings.least_free_bytes)


def exporter(settings: Settings) -> ChildExporter:
    """Of the web process: started when somebody wants a converted file, ended when nobody does."""
    return ChildExporter(
        settings.data / "children" / "exporter",
        Limits(data=settings.learner_memory_bytes),
        threads=settings.learner_threads or None,
    )


def learner(settings: Settings) -> ChildLearner:
    return ChildLearner(
        settings.data / "children" / "learner",
        Limits(data=settings.learner_memory_bytes),
        threads=settings.learner_threads or None,
    )


def audit(settings: Settings) -> Audit:
    stores = open_stores(settings.data)
    return Audit(stores, Plans(stores.blobs))


def replay(settings: Settings, learner_: ChildLearner, scratch: Path) -> Replay:
    stores = open_stores(settings.data)
    return Replay(stores, Plans(stores.blobs), learner_, scratch)


def _statistics(stores: Stores) -> StatisticsFolder:
    return StatisticsFolder(stores.folder / "stats")


def _bell(settings: Settings) -> Bell:
    return Bell(settings.data / "scheduler.port")


def _secret(stores: Stores) -> str:
    """The key that signs the pages' sessions: made once a grid."""
    with stores.database.write():
        secret = stores.facts.get("session_secret")
        if secret is None:
            secret = secrets.token_urlsafe(48)
            stores.facts.set("session_secret", secret)
    return secret
