"""Every page that people see. A page that is added to the grid is added here, in one line."""

from dataclasses import dataclass

PROJECTS = ("running", "waiting", "paused", "attention", "finished", "cancelled", "preparing")
OPERATORS = (
    "", "/accounts", "/hosts", "/audits", "/projects", "/invitations", "/letters", "/actions", "/settings",
)  # fmt: skip
DRAFTS = ("checking", "mistaken", "ready")


@dataclass(frozen=True)
class Shown:
    """`path` may name a number of the stage in braces; `who` is one of its people, or nobody."""

    name: str
    path: str
    who: str = "nobody"
    status: int = 200


PAGES = (
    Shown("landing", "/"),
    Shown("sign-up", "/sign-up"),
    Shown("log-in", "/log-in"),
    Shown("forgot-password", "/forgot"),
    Shown("download", "/download"),
    Shown("leaderboard", "/leaderboard"),
    Shown("leaderboard-of-machines", "/leaderboard/machines"),
    Shown("leaderboard-of-teams", "/leaderboard/teams"),
    Shown("statistics", "/stats/"),
    Shown("status", "/status"),
    Shown("api-docs", "/api/docs"),
    Shown("not-found", "/nowhere", status=404),
    Shown("reset-with-an-old-link", "/reset/nothing-that-was-ever-sent", status=404),
    Shown("landing-logged-in", "/", "owner"),
    Shown("projects", "/projects", "owner"),
    Shown("projects-of-a-newcomer", "/projects", "newcomer"),
    Shown("new-project", "/drafts/new", "owner"),
    *(Shown(f"draft-{state}", f"/drafts/{{{state}}}", "owner") for state in DRAFTS),
    *(Shown(f"project-{state}", f"/projects/{{{state}}}", "owner") for state in PROJECTS),
    Shown("project-awaiting-approval", "/projects/{awaiting}", "stranger"),
    Shown("project-of-another", "/projects/{running}", "stranger", 404),
    Shown("confirm-cancel", "/projects/{running}/cancel", "owner"),
    Shown("confirm-delete", "/projects/{running}/delete", "owner"),
    Shown("computers", "/computers", "owner"),
    Shown("computers-of-a-newcomer", "/computers", "newcomer"),
    Shown("device", "/device", "owner"),
    Shown("device-with-a-code", "/device?code={device}", "owner"),
    Shown("device-with-an-old-code", "/device?code=BCDF-GHJK", "newcomer", 404),
    Shown("leaderboard-to-an-owner", "/leaderboard", "owner"),
    Shown("new-team", "/teams/new", "owner"),
    Shown("team", "/teams/{team}"),
    Shown("team-to-its-founder", "/teams/{team}", "owner"),
    Shown("team-that-is-not-there", "/teams/999", "owner", 404),
    Shown("status-to-an-owner", "/status", "owner"),
    Shown("account", "/account", "owner"),
    Shown("delete-account", "/account/delete", "owner"),
    *(Shown(f"operator{path.replace('/', '-')}", f"/operator{path}", "operator") for path in OPERATORS),
    Shown("operator-machine-in-quarantine", "/operator/hosts/{quarantined}", "operator"),
    Shown("operator-machine", "/operator/hosts/{machine}", "operator"),
    Shown("operator-appeals", "/operator/hosts?which=appealed", "operator"),
    Shown("operator-doubted", "/operator/hosts?which=doubted", "operator"),
    Shown("operator-machines-second-page", "/operator/hosts?page=2", "operator"),
    Shown("operator-to-a-stranger", "/operator", "stranger", 404),
    Shown("account-of-a-newcomer", "/account", "newcomer"),
)
