"""Who and what there is on the grid whose pages are shown: people, machines, drafts and projects in every state."""

import base64
import datetime as dt
import io
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from server.domain.appeals import Appeals
from server.domain.devices import Devices
from server.domain.host_records import HostRecords
from server.domain.invitations import Invitations
from server.domain.letters import Letters
from server.domain.preparer import Preparer
from server.domain.quarantine import Quarantine
from server.domain.releases import Releases, make_key, sign_folder
from server.domain.statistics import StatisticsExport
from server.domain.teams import Teams
from server.rules.admission import Admission
from server.rules.incoming import IncomingFile
from server.rules.states import AuditState
from server.rules.validation_policy import ValidationPolicy
from server.storage.releases import ReleaseFolder
from server.storage.statistics import StatisticsFolder
from server.storage.tables import Draft, Host, Unit
from tests.browser.pages import Shown
from tests.support.domain_grid import Cast
from tests.support.person import Person
from tests.support.still_grid import StillGrid
from volunteer.protocol.messages import DeviceRequest, GiveBack, GiveBackReason, Machine
from volunteer.protocol.version import NUMERICS, PROTOCOL, SOFTWARE

NAMES = {
    "finished": "Bird songs", "paused": "Leaf shapes", "attention": "Exchange rates", "cancelled": "First attempt",
    "awaiting": "Cloud types", "waiting": "Rain tomorrow", "running": "Handwritten digits", "preparing": "Street signs",
}  # fmt: skip


@dataclass
class Stage:
    """What paths are made of: `numbers` of projects, drafts and machines by their state, `codes` of those that wait."""

    grid: StillGrid
    owner: Person
    stranger: Person
    operator: Person
    newcomer: Person
    numbers: dict[str, int] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)

    def path(self, shown: Shown) -> str:
        return shown.path.format(**self.numbers, **self.codes)

    def person(self, who: str) -> Person | None:
        return None if who == "nobody" else getattr(self, who)


def build(grid: StillGrid) -> Stage:
    people = {name: grid.person(name) for name in ("operator", "owner", "stranger", "newcomer")}
    stage = Stage(grid, **people)
    _team(stage)
    cast = _projects(stage)
    _people(stage)
    _release(grid.domain.stores.folder)
    domain, owner = grid.domain, grid.id_of(stage.owner)
    domain.join_keys.create(owner, "the machines in the cellar", 4, 24, domain.now)
    grid.catch_up(3)
    grid.train(stage.numbers["running"], rounds=31, cast=cast, seconds=1)
    for host in cast:
        host.lease()
    _project(stage, "waiting")
    _awaiting(stage)
    _office(stage)
    # Last: whatever comes later would check and prepare these.
    draft = domain.drafts.start(owner, domain.form(name=NAMES["preparing"]), domain.files(9, 90), domain.now)
    domain.checker.run_pass(domain.now)
    stage.numbers["preparing"] = domain.drafts.submit(owner, draft, domain.now)
    _drafts(stage)
    statistics = StatisticsFolder(domain.stores.folder / "stats")
    StatisticsExport(domain.stores, statistics, "a still grid").run_pass(domain.now)
    return stage


def _team(stage: Stage) -> None:
    """The owner's, with a member who does not want to be named."""
    teams, now = Teams(stage.grid.domain.stores), stage.grid.domain.now
    description = "Machines of the physics department, when nobody sits at them.\n\nAll from the house may join."
    stage.numbers["team"] = teams.create(stage.grid.id_of(stage.owner), "Night shift", description, now).id
    teams.join(stage.grid.id_of(stage.stranger), stage.numbers["team"], now)


def _people(stage: Stage) -> None:
    """The owner lends two machines as well, has an address and a webhook that does not answer, and a token."""
    grid, domain, owner = stage.grid, stage.grid.domain, stage.grid.id_of(stage.owner)
    hosts = [domain.host(owner, name) for name in ("attic", "the old laptop")]
    with domain.stores.database.write():
        domain.stores.accounts.change(
            owner, email="owner@example.org", email_verified_at=domain.now, webhook_secret="5ec2e7" * 10,
            webhook_url="https://hooks.example.org/daig",
        )  # fmt: skip
        Letters(domain.stores, True).write(owner, "Bird songs is finished", "It is done.", domain.now)
        for letter in domain.stores.letters.due(["webhook"], domain.now, 1):
            domain.stores.letters.claim(letter, domain.now + dt.timedelta(hours=2))
            domain.stores.letters.failed(letter.id, "The webhook answered 503.")
        domain.stores.accounts.change(grid.id_of(stage.stranger), blocked_at=None, is_listed=False)
    domain.tokens.create(owner, "my notebook", ["read"], 90, domain.now)
    domain.tokens.create(owner, "the nightly script", ["read", "write"], None, domain.now)
    hosts[1].machine = msgspec.structs.replace(hosts[1].machine, software="daig-volunteer 0.0.9")
    for host, reason in zip(hosts, (GiveBackReason.out_of_memory, GiveBackReason.failed), strict=True):
        lease = host.lease()
        detail = "the child ended by signal 9"
        domain.reports.give_back(host.row, lease.result, GiveBack(reason, detail), domain.now)
    machine = Machine("Linux 6.1.0-18-amd64", "x86_64", 8, 8 * 10**9, f"daig-volunteer {SOFTWARE}", PROTOCOL, NUMERICS)
    stage.codes["device"] = Devices(domain.stores, "").ask(
        DeviceRequest("the kitchen computer", machine), "192.0.2.7", dt.datetime.now(dt.UTC)
    ).user_code


def _awaiting(stage: Stage) -> None:
    """A new requestor's first project, where those want an operator's yes."""
    domain, stranger = stage.grid.domain, stage.grid.id_of(stage.stranger)
    draft = domain.drafts.start(stranger, domain.form(name=NAMES["awaiting"]), domain.files(9, 90), domain.now)
    domain.checker.run_pass(domain.now)
    stage.numbers["awaiting"] = domain.drafts.submit(stranger, draft, domain.now)
    admission = Admission(approve_new_requestors=True)
    Preparer(domain.stores, domain.intake, domain.notices, admission).run_pass(domain.now)


def _office(stage: Stage) -> None:
    """What an operator has done and has to do: an invitation, a machine in quarantine whose owner appeals, audits."""
    domain, operator, owner = stage.grid.domain, stage.grid.id_of(stage.operator), stage.grid.id_of(stage.owner)
    Invitations(domain.stores).create(operator, "the biology class", 24, 14, domain.now)
    notices, policy = domain.notices, ValidationPolicy(quorum=2)
    quarantine = Quarantine(domain.stores, domain.plans, notices)
    records = HostRecords(domain.stores, quarantine, notices, domain.rings.append, policy)
    laptop = Host.get(Host.name == "the old laptop").id
    records.quarantine(operator, laptop, "Its gradients of Bird songs were all zeros.", domain.now)
    Appeals(domain.stores, notices).appeal(owner, laptop, "Its memory was faulty and is replaced.", domain.now)
    busy = Host.get(Host.name != "the old laptop").id
    Host.update(trust=31, confirmed=58, disagreed=1, refuted=1).where(Host.id == busy).execute()
    stage.numbers |= {"quarantined": laptop, "machine": busy}
    units = list(Unit.select().order_by(Unit.id).limit(3))
    verdicts = (AuditState.refuted, AuditState.agreed, AuditState.impossible)
    for unit, verdict in zip(units, verdicts, strict=True):
        Unit.update(audit=verdict).where(Unit.id == unit.id).execute()


def _release(data: Path) -> None:
    """Installers of every kind; as files they are empty enough."""
    folder = data / "signed"
    folder.mkdir()
    for name in ("_amd64.deb", "-linux-x86_64.tar.gz", "-windows-x86_64.exe", "-macos-arm64.dmg"):
        (folder / f"daig-volunteer{'_' if name[0] == '_' else '-'}{SOFTWARE}{name}").write_bytes(name.encode() * 9999)
    make_key(data / "release-key")
    signed_at = dt.datetime(2026, 11, 20, 9, 30, tzinfo=dt.UTC)
    sign_folder(folder, data / "release-key", signed_at)
    Releases(ReleaseFolder(data / "releases")).publish(folder, signed_at)


def _project(stage: Stage, key: str, **texts: object) -> int:
    number = stage.grid.domain.project(stage.grid.id_of(stage.owner), 480, **{
        "name": NAMES[key], "batch_size": 16, "epochs": 6, "k": 3, "shard_examples": 64, "validation_fraction": 0.1,
        **texts,
    })  # fmt: skip
    stage.numbers[key] = number
    return number


def _projects(stage: Stage) -> list[Cast]:
    """The hosts that work on the running one."""
    domain, owner = stage.grid.domain, stage.grid.id_of(stage.owner)

    stage.grid.train(_project(stage, "finished", epochs=1), rounds=100)
    stage.grid.train(_project(stage, "paused"), rounds=10)
    domain.projects.pause(owner, stage.numbers["paused"], domain.now)
    stage.grid.train(_project(stage, "cancelled"), rounds=4)
    domain.projects.cancel(owner, stage.numbers["cancelled"], domain.now)
    domain.learner.not_finite_once_above = 0.0
    stage.grid.train(_project(stage, "attention"), rounds=1)
    domain.learner.not_finite_once_above = float("inf")
    stage.grid.catch_up(200)
    cast = stage.grid.train(_project(stage, "running"), rounds=30, hosts=3, lender=owner)
    return cast


def _preview_of_pictures() -> dict[str, object]:
    """As the intake writes it of a zip of images."""
    kinds = ("death cap", "chanterelle", "fly agaric", "porcini")
    thumbnails = []
    for number in range(12):
        shades = np.add.outer(np.arange(28) * (number % 4 + 1), np.arange(28) * (number % 3 + 2)) % 256
        out = io.BytesIO()
        Image.fromarray(shades.astype(np.uint8)).save(out, "PNG")
        thumbnails.append("data:image/png;base64," + base64.b64encode(out.getvalue()).decode())
    classes = [{"name": name, "count": count} for name, count in zip(kinds, (160, 140, 110, 70), strict=True)]
    return {"data": {
        "kind": "images", "rows": 480, "arrays": [{"name": "data", "dtype": "uint8", "shape": [480, 28, 28, 1]}],
        "columns": [], "head": [], "thumbnails": thumbnails, "classes": classes, "range": [0, 255],
    }}  # fmt: skip


def _preview_of_a_table() -> dict[str, object]:
    """As the intake writes it of a CSV."""
    names = ("bill length", "bill depth", "flipper length", "body mass", "species")
    head = [["39.1", "18.7", "181", "3750", "Adelie"], ["46.5", "17.9", "192", "3500", "Chinstrap"]] * 4
    columns = [{"name": name, "type": "number", "distinct": None} for name in names[:-1]]
    columns.append({"name": names[-1], "type": "text", "distinct": 3})
    return {"data": {
        "kind": "csv", "rows": 480, "arrays": [], "columns": columns, "head": head, "thumbnails": [],
        "classes": [{"name": "Adelie", "count": 212}, {"name": "Chinstrap", "count": 98}], "range": None,
    }}  # fmt: skip


def _drafts(stage: Stage) -> None:
    domain, owner = stage.grid.domain, stage.grid.id_of(stage.owner)

    def draft(key: str, files: list[IncomingFile], **texts: object) -> None:
        form = domain.form(**texts)
        stage.numbers[key] = domain.drafts.start(owner, form, files, domain.now)

    draft("ready", domain.files(12, 480), name="Mushrooms, second try")
    draft("mistaken", domain.files(12, 480, 473), name="", epochs=0, learning_rate="fast", consent="")
    domain.checker.run_pass(domain.now)
    for key, preview in (("ready", _preview_of_pictures()), ("mistaken", _preview_of_a_table())):
        Draft.update(preview=preview).where(Draft.id == stage.numbers[key]).execute()
    draft("checking", domain.files(12, 480), name="Clouds")
    states = {key: str(Draft.get_by_id(stage.numbers[key]).state) for key in ("ready", "mistaken", "checking")}
    assert states == {"ready": "ready", "mistaken": "needs_correction", "checking": "checking"}
