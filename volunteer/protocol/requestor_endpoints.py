"""The endpoints of the requestor's API, as data: one row each, for the server's routes, the client and the document."""

from dataclasses import dataclass

import msgspec

from volunteer.protocol import machine_messages as machines
from volunteer.protocol import requestor_messages as m
from volunteer.protocol.endpoints import Endpoint
from volunteer.protocol.refusals import RefusalCode

BINARY = "application/octet-stream"
JSON = "application/json"


@dataclass(frozen=True)
class Header:
    """A request's header; `pattern` as in JSON Schema."""

    name: str
    about: str
    pattern: str = ""
    needed: bool = True


@dataclass(frozen=True, kw_only=True)
class RequestorEndpoint(Endpoint):
    """`scope`: what the access token must permit, "" where none is needed. `query`: the parameters, as a message.

    `sends`: media types of answers that are no message; `body`: that of a request that is none. `polled`: has an ETag
    and answers 304 to who has it already. `tells`: headers of a success; `also`: more statuses of malformed requests.
    """

    group: str
    scope: str = "read"
    query: type[msgspec.Struct] | None = None
    success: int = 200
    sends: tuple[str, ...] = ()
    polled: bool = False
    body: str = ""
    headers: tuple[Header, ...] = ()
    tells: tuple[str, ...] = ()
    also: tuple[int, ...] = ()


_C = RefusalCode
_BODY = (_C.malformed_request, _C.too_slow)
_ONE = (_C.no_such_thing,)


def _endpoint(
    name: str, line: str, summary: str, gives: type[msgspec.Struct] | None, refusals: tuple[RefusalCode, ...] = (),
    takes: type[msgspec.Struct] | None = None, **more: object,
) -> RequestorEndpoint:  # fmt: skip
    method, path = line.split(" ")
    if method != "GET":
        more = {"scope": "write", **more}
    needed = more.get("scope", "read") != ""
    return RequestorEndpoint(
        name, method, path, summary, takes, (gives,) if gives else (), refusals, needs_token=needed,
        **more,  # type: ignore[arg-type]
    )  # fmt: skip


_GRID = (
    _endpoint("grid", "GET /grid", "The grid's live numbers.", m.GridNumbers, group="Grid", scope="", polled=True),
    _endpoint("leaderboard", "GET /leaderboard", "Who has given how much.", m.Leaderboard, group="Grid", scope="",
              polled=True),
    _endpoint("account", "GET /account", "Whose access token this is.", m.AccountInfo, group="Account"),
)

_DRAFTS = (
    _endpoint("drafts", "GET /drafts", "Your drafts that have not become projects.", m.Drafts, group="Drafts"),
    _endpoint("start_draft", "POST /drafts", "Begin a new project: its form, and files that were uploaded. It is then "
              "checked.", m.Draft, (*_BODY, _C.not_acceptable), m.NewDraft, group="Drafts", success=201),
    _endpoint("draft", "GET /drafts/{draft}", "A draft, with every mistake that the checks have found.", m.Draft, _ONE,
              group="Drafts", polled=True),
    _endpoint("change_draft", "PATCH /drafts/{draft}", "Change texts or files; what is not named stays.", m.Draft,
              (*_BODY, *_ONE, _C.not_acceptable, _C.not_now), m.DraftChange, group="Drafts"),
    _endpoint("outlook", "GET /drafts/{draft}/outlook", "What the training of a draft that is ready would take.",
              m.Outlook, (*_ONE, _C.not_now), group="Drafts"),
    _endpoint("use_suggested", "POST /drafts/{draft}/suggested", "Let the grid choose batch size, K and the like.",
              m.Draft, (*_ONE, _C.not_now, _C.not_acceptable), group="Drafts"),
    _endpoint("discard_draft", "DELETE /drafts/{draft}", "Delete a draft and its files.", None, (*_ONE, _C.not_now),
              group="Drafts", success=204),
    _endpoint("submit_draft", "POST /drafts/{draft}/start", "Start the training of a draft that is ready.", m.Project,
              (*_ONE, _C.not_now), group="Drafts", success=201),
)  # fmt: skip

_PROJECTS = (
    _endpoint("projects", "GET /projects", "Your projects, the newest first.", m.Projects, group="Projects",
              polled=True),
    _endpoint("project", "GET /projects/{project}", "A project at this instant.", m.Project, _ONE, group="Projects",
              polled=True),
    _endpoint("rounds", "GET /projects/{project}/rounds", "Closed rounds, oldest first.", m.Rounds,
              (*_ONE, _C.malformed_request), group="Projects", query=m.RoundsQuery, polled=True),
    _endpoint("events", "GET /projects/{project}/events", "What has happened, newest first.", m.Events, _ONE,
              group="Projects", polled=True),
    _endpoint("pause_project", "POST /projects/{project}/pause", "Hand nothing out any more.", m.Project,
              (*_ONE, _C.not_now), group="Projects"),
    _endpoint("resume_project", "POST /projects/{project}/resume", "Go on, after a pause or when attention was needed.",
              m.Project, (*_ONE, _C.not_now), group="Projects"),
    _endpoint("compare_one_kind", "POST /projects/{project}/one-kind",
              "Let only machines of one kind check each other.",
              m.Project, (*_ONE, _C.not_now), group="Projects"),
    _endpoint("compare_all_kinds", "DELETE /projects/{project}/one-kind",
              "Let machines of all kinds check each other.",
              m.Project, (*_ONE, _C.not_now), group="Projects"),
    _endpoint("cancel_project", "POST /projects/{project}/cancel", "End it for good; its weights stay.", m.Project,
              (*_ONE, _C.not_now), group="Projects"),
    _endpoint("clone_project", "POST /projects/{project}/clone", "A draft like this project, to be changed first.",
              m.Draft, (*_BODY, *_ONE, _C.not_now, _C.not_acceptable), m.CloneRequest, group="Projects", success=201),
    _endpoint("delete_project", "DELETE /projects/{project}", "Delete it with its data and its model.", None, _ONE,
              group="Projects", success=204),
)  # fmt: skip

_RESULTS = (
    _endpoint("model", "GET /projects/{project}/model", "The model as trained so far, or as it was best.", None,
              (*_ONE, _C.malformed_request, _C.not_now, _C.not_acceptable), group="Results", query=m.ModelQuery,
              sends=(BINARY,)),
    _endpoint("history", "GET /projects/{project}/history", "What was measured, round by round, in one file.",
              m.HistoryRows, (*_ONE, _C.malformed_request), group="Results", query=m.HistoryQuery, sends=("text/csv",)),
    _endpoint("tensorboard", "GET /projects/{project}/tensorboard", "The history as TensorBoard's event files, zipped.",
              None, (*_ONE, _C.not_now), group="Results", sends=(BINARY,)),
    _endpoint("recipe", "GET /projects/{project}/recipe", "All that a replay of the training needs to know.", None,
              (*_ONE, _C.not_now), group="Results", sends=(JSON,)),
    _endpoint("preprocessing", "GET /projects/{project}/preprocessing", "What was done to the data before training; "
              "empty where nothing was.", None, _ONE, group="Results", sends=(JSON,)),
)  # fmt: skip

_MACHINES = (
    _endpoint("join_keys", "GET /join-keys", "Keys that can still be used.", machines.JoinKeys, group="Machines"),
    _endpoint("create_join_key", "POST /join-keys", "A new key, by which machines become hosts of this account.",
              machines.JoinKeySecret, (*_BODY, _C.not_acceptable), machines.NewJoinKey, group="Machines", success=201),
    _endpoint("revoke_join_key", "DELETE /join-keys/{key}", "Revoke a key; machines that joined by it stay.", None,
              _ONE, group="Machines", success=204),
    _endpoint("hosts", "GET /hosts", "This account's machines and what they do.", machines.HostLines, group="Machines"),
    _endpoint("rename_host", "PATCH /hosts/{host}", "Give a machine another name.", machines.HostLine,
              (*_BODY, *_ONE, _C.not_acceptable), machines.HostChange, group="Machines"),
    _endpoint("appeal", "POST /hosts/{host}/appeal", "Say why a machine in quarantine should get work again.",
              machines.HostLine, (*_BODY, *_ONE, _C.not_acceptable, _C.not_now), machines.Appeal, group="Machines"),
    _endpoint("detach_host", "DELETE /hosts/{host}", "Detach a machine; what it has computed stays.", None, _ONE,
              group="Machines", success=204),
)  # fmt: skip

REQUESTOR_ENDPOINTS = (*_GRID, *_DRAFTS, *_PROJECTS, *_RESULTS, *_MACHINES)
BY_NAME = {endpoint.name: endpoint for endpoint in REQUESTOR_ENDPOINTS}
