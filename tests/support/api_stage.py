"""A grid without processes behind the real API, with everything that one person has and another must not see."""

import functools
import re
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
from argon2 import PasswordHasher
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from server.domain import hashing
from server.domain.invitations import Invitations
from server.domain.releases import Releases
from server.domain.teams import Teams
from server.rules.incoming import NewUpload
from server.rules.scopes import SCOPES
from server.storage.releases import ReleaseFolder
from server.web.app import create_app
from tests.support.domain_grid import DomainGrid
from tests.support.releases import DEB, NOW, Signer
from tests.support.web_services import services_over
from volunteer.protocol.account_endpoints import ACCOUNT_ENDPOINTS
from volunteer.protocol.credit_endpoints import CREDIT_ENDPOINTS
from volunteer.protocol.endpoints import PREFIX
from volunteer.protocol.messages import AttachRequest
from volunteer.protocol.requestor_endpoints import REQUESTOR_ENDPOINTS

ENDPOINTS = {endpoint.name: endpoint for endpoint in (*REQUESTOR_ENDPOINTS, *CREDIT_ENDPOINTS, *ACCOUNT_ENDPOINTS)}


class Script:
    """Somebody's program: an access token, or none."""

    def __init__(self, client: FlaskClient, token: str = "") -> None:
        self.token = token
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def call(self, name: str, json: Any = None, query: Any = None, headers: Any = None, **parts: int) -> TestResponse:
        endpoint = ENDPOINTS[name]
        body = {} if json is None and endpoint.takes is not None else json
        return self._client.open(
            PREFIX + endpoint.path.format(**parts), method=endpoint.method, json=body, query_string=query,
            headers={**self._headers, **(headers or {})},
        )  # fmt: skip

    def read(self, name: str, **kwargs: Any) -> Any:
        """The message of a success, as its type."""
        answer = self.call(name, **kwargs)
        endpoint = ENDPOINTS[name]
        assert answer.status_code == endpoint.success, answer.text
        return msgspec.json.decode(answer.data, type=endpoint.gives[0])


class ApiStage:
    """A grid with a running project, a draft, a join key and a host of the owner's, and a stranger."""

    def __init__(self, folder: Path, name: str = "digits") -> None:
        self.grid = DomainGrid(folder)
        quick = functools.partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
        with mock.patch.object(hashing, "PasswordHasher", quick):
            services = services_over(self.grid.stores, self.grid.intake, self.grid.exporter)
        self.uploads = services.uploads
        self.app = create_app(services)
        self.client = self.app.test_client()
        self.owner_id, self.stranger_id = self.grid.person("owner"), self.grid.person("stranger")
        self.project = self.grid.project(self.owner_id, name=name)
        self.draft = self.grid.drafts.start(
            self.owner_id, self.grid.form(name=name), self.grid.files(10, 40), self.grid.now
        )
        self.host = self.grid.host(self.owner_id, "steady")
        self.lease = self.host.lease()
        self.upload = self.put(self.owner_id, b"12345678", "x.npy", whole=False)
        self.grid.join_keys.create(self.owner_id, "more", 3, 24 * 366, self.grid.now)
        self.key = self.grid.join_keys.list_for(self.owner_id, self.grid.now)[0].id
        Invitations(self.grid.stores).create(self.owner_id, name, 3, 300, self.grid.now)
        self.invitation = 1
        teams = Teams(self.grid.stores)
        self.team = teams.create(self.owner_id, "Reds", "", self.grid.now).id
        self.member = self.grid.person("member")
        teams.join(self.member, self.team, self.grid.now)
        self.owner = self.script(self.owner_id, "write")
        self.reader = self.script(self.owner_id, "read")
        self.stranger = self.script(self.stranger_id, *SCOPES)
        self.nobody = Script(self.client)
        data = self.grid.stores.folder
        Releases(ReleaseFolder(data / "releases")).publish(Signer(data).folder("9.9.9"), NOW)

    def close(self) -> None:
        self.grid.stores.database.close()

    def give_password(self, account: int, password: str) -> None:
        hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(password)
        with self.grid.stores.database.write():
            self.grid.stores.accounts.set_password(account, hashed)

    def put(self, account: int, data: bytes, filename: str, whole: bool = True) -> str:
        """An upload of that account; its name. Without `whole` the last byte is missing."""
        name = self.uploads.create(account, NewUpload(filename, len(data), "", ""), self.grid.now).name
        self.uploads.append(account, name, 0, [data if whole else data[:-1]], None, self.grid.now)
        return name

    def host_token(self, account: int) -> str:
        """Of a machine that joined just now."""
        key = self.grid.join_keys.create(account, "one more", 1, 1, self.grid.now)
        return self.grid.hosts.attach(AttachRequest(key, "one more", self.host.machine), self.grid.now).token

    def script(self, account: int, *scopes: str) -> Script:
        return Script(self.client, self.grid.tokens.create(account, "a script", scopes, None, self.grid.now))

    def parts(self, path: str) -> dict[str, Any]:
        """The owner's own things, for each part of an endpoint's path."""
        things = {
            "project": self.project, "draft": self.draft, "key": self.key, "host": self.host.id,
            "upload": self.upload, "result": self.lease.result, "sha256": self.lease.weights.sha256,
            "token": self.grid.tokens.list_for(self.owner_id, self.grid.now)[0].id, "account": self.owner_id,
            "letter": 1, "invitation": self.invitation, "team": self.team,
            "member": self.member, "file": DEB.format("9.9.9"),
        }  # fmt: skip
        return {name: things[name] for name in re.findall(r"{(\w+)}", path)}

    def train(self, rounds: int) -> None:
        """Close so many rounds; the lease that the host has is delivered first."""
        lease, until = self.lease, self.grid.row(self.project).round + rounds
        while self.grid.row(self.project).round < until:
            self.grid.wait(1)
            self.host.deliver(lease)
            self.grid.rounds()
            lease = self.host.lease()
