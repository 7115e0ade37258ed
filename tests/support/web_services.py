"""All that the web room talks to, over one data folder: the domain's real objects, in this process."""

from typing import Any

from server.bootstrap import admission, people
from server.config import Settings
from server.domain.accounts import Accounts
from server.domain.cloning import Cloning
from server.domain.devices import Devices
from server.domain.dispatch import Dispatch
from server.domain.drafts import Drafts
from server.domain.grid import Grid
from server.domain.hashing import Hashing
from server.domain.host_blobs import HostBlobs
from server.domain.hosts import Hosts
from server.domain.join_keys import JoinKeys
from server.domain.plans import Plans
from server.domain.project_views import ProjectViews
from server.domain.projects import Projects
from server.domain.releases import Releases
from server.domain.reports import Reports
from server.domain.results import Results
from server.domain.round_pages import RoundPages
from server.domain.tokens import Tokens
from server.domain.uploads import Uploads
from server.storage.releases import ReleaseFolder
from server.storage.stores import Stores
from server.web.services import Services, WebSettings


def services_over(stores: Stores, intake: Any, exporter: Any, settings: Settings | None = None) -> Services:
    """`intake` and `exporter` stand in for what would need child processes."""

    def ring(duty: str) -> None:
        return None

    plans, settings = Plans(stores.blobs), settings or Settings()
    hashing, hosts = Hashing(), Hosts(stores, "a test grid", admission=admission(settings))
    accounts, projects = Accounts(stores, hashing, admission=admission(settings)), Projects(stores, ring)
    drafts, results = Drafts(stores, ring), Results(stores, plans, intake, exporter)
    return Services(
        accounts=accounts, join_keys=JoinKeys(stores), tokens=Tokens(stores), hosts=hosts,
        devices=Devices(stores, "a test grid", admission(settings)),
        people=people(settings, stores, hashing, accounts, projects, hosts, ring),
        drafts=drafts, projects=projects, cloning=Cloning(stores, drafts, results), results=results,
        uploads=Uploads(stores, most=3_000_000),
        project_views=ProjectViews(stores), round_pages=RoundPages(stores),
        grid=Grid(stores), dispatch=Dispatch(stores, plans),
        reports=Reports(stores, plans, ring), blobs=HostBlobs(stores, plans),
        releases=Releases(ReleaseFolder(stores.folder / "releases")),
        incoming_gradients=stores.blobs.incoming, settings=WebSettings("a test's secret key", 3_000_000),
        wake=lambda: None,
    )  # fmt: skip
