"""A person in front of the web pages: signs up, uploads by the real form, watches, downloads."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests
from bs4 import BeautifulSoup

from tests.support.grid import wait_for

PASSWORD = "a quiet afternoon"
FORM = {
    "name": "digits",
    "batch_size": "32",
    "epochs": "2",
    "k": "4",
    "shard_examples": "256",
    "report_deadline": "120",
    "validation_fraction": "0.1",
    "seed": "1",
    "consent": "1",
}


class Person:
    def __init__(self, address: str, name: str, verify: str | bool = True) -> None:
        """`verify`: as `requests` takes it."""
        self.address = address
        self.name = name
        self.session = requests.Session()
        # A bundle of authorities in the environment would go before what is said here.
        self.session.trust_env = False
        self.session.verify = verify
        # As a browser says it; over https the CSRF check wants to see it.
        self.session.headers["Referer"] = f"{address}/"

    def sign_up(self) -> "Person":
        answer = self.submit("/sign-up", {"name": self.name, "password": PASSWORD})
        assert answer.ok, answer.text
        return self

    def log_in(self) -> "Person":
        answer = self.submit("/log-in", {"name": self.name, "password": PASSWORD})
        assert answer.ok, answer.text
        return self

    def join_key(self, uses: int = 10, hours: int = 2) -> str:
        answer = self.submit(
            "/computers/join-keys", {"label": "test", "uses": str(uses), "hours": str(hours)}, page="/computers"
        )
        found = re.search(r"daigjoin_[\w-]+", answer.text)
        assert found, answer.text
        return found.group()

    def draft(self, files: Mapping[str, Path], form: Mapping[str, str] | None = None) -> int:
        """Upload by the form; the draft's number."""
        opened = {field: (path.name, path.read_bytes()) for field, path in files.items()}
        answer = self.submit("/drafts", {**FORM, **(form or {})}, page="/drafts/new", files=opened)
        found = re.search(r"/drafts/(\d+)", answer.url)
        assert found, f"{answer.status_code} {answer.url}\n{answer.text[:3000]}"
        return int(found.group(1))

    def correct(
        self, draft_id: int, files: Mapping[str, Path] | None = None, form: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Send the draft's form again, with only these files chosen anew; the draft when it is checked."""
        opened = {field: (path.name, path.read_bytes()) for field, path in (files or {}).items()}
        page = f"/drafts/{draft_id}"
        # Without a file this is still the multipart form that the page has.
        answer = self.submit(page, {**FORM, **(form or {})}, page=page, files=opened or {"model": ("", b"")})
        assert answer.ok, answer.text[:3000]
        return self.checked(draft_id)

    def checked(self, draft_id: int, seconds: float = 120) -> dict[str, Any]:
        """The draft when it is checked, as the page's own JSON."""
        return wait_for(  # type: ignore[no-any-return]
            lambda: (d := self.json(f"/drafts/{draft_id}.json"))["state"] != "checking" and d, seconds
        )

    def project(self, files: Mapping[str, Path], form: Mapping[str, str] | None = None) -> int:
        """Upload, wait for the checks, start; the project's number."""
        draft_id = self.draft(files, form)
        draft = self.checked(draft_id)
        assert draft["state"] == "ready", draft["problems"]
        answer = self.submit(f"/drafts/{draft_id}/start", {}, page=f"/drafts/{draft_id}")
        found = re.search(r"/projects/(\d+)", answer.url)
        assert found, answer.text[:3000]
        return int(found.group(1))

    def view(self, project_id: int) -> dict[str, Any]:
        return self.json(f"/projects/{project_id}.json")

    def act(self, project_id: int, verb: str) -> requests.Response:
        page = f"/projects/{project_id}" + (f"/{verb}" if verb in ("cancel", "delete") else "")
        return self.submit(f"/projects/{project_id}/{verb}", {}, page=page)

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.address + path, timeout=60)

    def wait_until(self, project_id: int, state: str, seconds: float, explain=lambda: "") -> dict[str, Any]:  # type: ignore[no-untyped-def]
        def reached() -> Any:
            view = self.view(project_id)
            return view if view["state"] == state else None

        return wait_for(  # type: ignore[no-any-return]
            reached, seconds, lambda: f"{self.view(project_id)['status']}\n{explain()}", every=0.3
        )

    def download(self, project_id: int, to: Path, which: str = "") -> Path:
        """`which`: a query for other weights or another format."""
        answer = self.session.get(f"{self.address}/projects/{project_id}/model{which}", timeout=120)
        assert answer.ok, answer.text
        found = re.search(r'filename="?([^";]+)', answer.headers["Content-Disposition"])
        assert found
        path = to / found.group(1)
        path.write_bytes(answer.content)
        return path

    def json(self, path: str) -> dict[str, Any]:
        answer = self.session.get(self.address + path, timeout=30)
        assert answer.ok, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()  # type: ignore[no-any-return]

    def submit(
        self, path: str, fields: Mapping[str, str], page: str | None = None, files: Mapping[str, Any] | None = None
    ) -> requests.Response:
        """Send a form with the CSRF token that its page carries."""
        shown = self.session.get(self.address + (page or path), timeout=30)
        token = BeautifulSoup(shown.text, "html.parser").find("input", {"name": "csrf_token"})
        assert token is not None, f"{page or path}: {shown.status_code} {shown.text[:1000]}"
        data = {**fields, "csrf_token": str(token["value"])}
        return self.session.post(self.address + path, data=data, files=files, timeout=120)
