"""A host that speaks the protocol by hand, with plain `requests`: it may say what no honest program would say."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import requests

from tests.support.grid import wait_for
from volunteer.plan.project_plan import ProjectPlan, Role
from volunteer.protocol.digests import content_digest
from volunteer.protocol.gradients import GradientBlob

MACHINE = {
    "system": "Linux", "processor": "by hand", "threads": 1, "memory": 8 * 2**30, "software": "by hand", "protocol": 1,
    "numerics": 2,
}  # fmt: skip


class HostByHand:
    def __init__(self, address: str, join_key: str, name: str, machine: Mapping[str, Any] | None = None) -> None:
        self.api = f"{address}/api/v1"
        self.session = requests.Session()
        self.machine = {**MACHINE, **(machine or {})}
        answer = self.post("/hosts", {"join_key": join_key, "name": name, "machine": self.machine})
        assert answer.ok, answer.text
        self.id = answer.json()["host"]
        self.token = answer.json()["token"]
        self.session.headers["Authorization"] = f"Bearer {self.token}"

    def post(self, path: str, message: Any) -> requests.Response:
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        return self.session.post(self.api + path, data=data, timeout=60)

    def ask(self) -> dict[str, Any]:
        answer = self.post("/work", {"machine": self.machine})
        assert answer.ok, answer.text
        return answer.json()  # type: ignore[no-any-return]

    def lease(self, seconds: float = 30) -> dict[str, Any]:
        """Ask until there is work."""
        return wait_for(lambda: (reply := self.ask())["type"] == "lease" and reply, seconds)  # type: ignore[no-any-return]

    def blob(self, sha256: str) -> requests.Response:
        return self.session.get(f"{self.api}/blobs/{sha256}", timeout=60)

    def beat(self, result: str) -> requests.Response:
        return self.post(f"/results/{result}/heartbeat", {"done": 0})

    def give_back(self, result: str, reason: str = "quitting") -> requests.Response:
        return self.post(f"/results/{result}/give-back", {"reason": reason})

    def upload(self, result: str, body: Any, **headers: str | None) -> requests.Response:
        """`headers` by their names with underscores; None leaves one out."""
        data = body if isinstance(body, bytes) else b""
        names = {"Content-Digest": content_digest(hashlib.sha256(data).hexdigest())}
        names |= {name.replace("_", "-"): value for name, value in headers.items()}  # type: ignore[dict-item]
        sent = {name: value for name, value in names.items() if value is not None}
        return self.session.put(f"{self.api}/results/{result}/gradient", data=body, headers=sent, timeout=90)

    def gradient(self, lease: Mapping[str, Any], fill: Callable[[int], Any] = np.zeros) -> GradientBlob:
        """A blob of the right form for the whole lease, its numbers invented."""
        plan = ProjectPlan.decode(self.blob(lease["plan"]["sha256"]).content)
        sums = 1 + 2 * len(plan.metrics)
        return GradientBlob(
            np.asarray(fill(plan.size_of(Role.trainable)), np.float32), np.zeros(plan.size_of(Role.moving), np.float32),
            np.ones(sums), len(lease["mini_batches"]),
            sum(plan.layout.locate(number).count for number in lease["mini_batches"]), 0.5,
        )  # fmt: skip
