"""A stand-in grid that speaks real HTTP and misbehaves on request, so that the client's answers to that can be seen."""

import contextlib
import dataclasses
import hashlib
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from volunteer.plan.architecture import canonicalise
from volunteer.plan.order import mini_batch_rows
from volunteer.plan.project_plan import ProjectPlan, Role, VariableSpec
from volunteer.plan.shapes import Cost, InputSpec
from volunteer.plan.shards import ShardLayout
from volunteer.protocol.digests import read_content_digest
from volunteer.protocol.endpoints import ENDPOINTS, PREFIX
from volunteer.protocol.messages import (
    Acknowledged,
    Attached,
    Beginning,
    DeviceCode,
    HeartbeatReply,
    HostNumbers,
    NoWork,
    ReportReply,
    Verdict,
    encode,
)
from volunteer.protocol.refusals import RefusalCode, refusal, status_of
from volunteer.protocol.tensors import save
from volunteer.trainer.job import Job


class StandInGrid:
    """`faults` holds, by endpoint name, what the next requests get instead of an answer:

    a RefusalCode, "cut" (half an answer), "silence" (the connection closes), "bad bytes", "junk", or
    (status, headers, body).
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.faults: dict[str, list] = {}
        self.blobs: dict[str, bytes] = {}
        self.answers: dict[str, object] = {
            "attach": Attached("7", "the-secret-token", "test grid"),
            "device": DeviceCode("the-device-code", "BCDF-GHJK", "http://g/device", "http://g/device?code=B", 900, 5),
            "device_token": Attached("7", "the-secret-token", "test grid"),
            "numbers": HostNumbers("steady", "owner", 3, 12, 12),
            "detach_self": Acknowledged(),
            "work": NoWork(0.0, "nothing to do"),
            "heartbeat": HeartbeatReply(True, 60.0),
            "report": ReportReply(Verdict.valid),
            "give_back": Acknowledged(),
            "beginning": Beginning(),
        }
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.connections = 0
        grid = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                grid.connections += 1
                super().setup()

            def log_message(self, *_arguments: object) -> None:
                pass

            def handle_one_request(self) -> None:
                with contextlib.suppress(ConnectionError):
                    super().handle_one_request()

            def do_POST(self) -> None:
                grid.serve(self)

            do_GET = do_PUT = do_DELETE = do_POST

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None
        self.port = self._server.server_port
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add_blob(self, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        self.blobs[name] = data
        return name

    def requests(self, endpoint: str) -> list[tuple[str, dict[str, str], bytes]]:
        return [(path, headers, body) for name, path, headers, body in self.seen if name == endpoint]

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        name = self._endpoint(handler.command, handler.path)
        self.seen.append((name, handler.path, dict(handler.headers), body))
        fault = self.faults[name].pop(0) if self.faults.get(name) else None
        if isinstance(fault, RefusalCode):
            return self._send(handler, status_of(fault), encode(refusal(fault)))
        if isinstance(fault, tuple):
            return self._send(handler, fault[0], fault[2], fault[1])
        if fault == "silence":
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
            return None
        if name == "blob":
            return self._send_blob(handler, fault)
        if name == "report" and "Content-Range" not in handler.headers:
            said = read_content_digest(handler.headers["Content-Digest"])
            if said != hashlib.sha256(body).hexdigest():
                code = RefusalCode.digest_mismatch
                return self._send(handler, status_of(code), encode(refusal(code)))
        answer = self.answers[name]
        if callable(answer):
            answer = answer(handler.path, body)
        if isinstance(answer, RefusalCode):
            return self._send(handler, status_of(answer), encode(refusal(answer)))
        raw = b"<html>captive portal</html>" if fault == "junk" else encode(answer)
        return self._send(handler, 200, raw, {}, fault == "cut")

    def _send_blob(self, handler: BaseHTTPRequestHandler, fault: object) -> None:
        name = handler.path.rsplit("/", 1)[1]
        if name not in self.blobs:
            code = RefusalCode.no_such_blob
            return self._send(handler, status_of(code), encode(refusal(code)))
        data, first, status, headers = self.blobs[name], 0, 200, {"ETag": f'"{name}"'}
        if fault == "bad bytes":
            data = b"\0" * len(data)
        if (wanted := handler.headers.get("Range")) and fault != "whole":
            first = int(wanted.removeprefix("bytes=").removesuffix("-"))
            status, headers["Content-Range"] = 206, f"bytes {first}-{len(data) - 1}/{len(data)}"
        return self._send(handler, status, data[first:], headers, fault == "cut")

    def _send(self, handler, status: int, body: bytes, headers=None, cut: bool = False) -> None:
        handler.send_response(status)
        for key, value in (headers or {}).items():
            handler.send_header(key, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if cut:
            handler.wfile.write(body[: len(body) // 2])
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
        else:
            handler.wfile.write(body)

    @staticmethod
    def _endpoint(method: str, path: str) -> str:
        """The protocol's own name for it."""
        for endpoint in ENDPOINTS:
            if endpoint.method == method and re.fullmatch(re.sub(r"{\w+}", "[^/]+", PREFIX + endpoint.path), path):
                return endpoint.name
        raise KeyError(f"{method} {path}")


@pytest.fixture
def stand_in() -> Iterator[StandInGrid]:
    grid = StandInGrid()
    yield grid
    grid.close()


@dataclasses.dataclass(frozen=True)
class TinyProject:
    """A softmax regression from 20 numbers to 3 classes: small enough to be checked with numpy alone."""

    plan: ProjectPlan
    x: NDArray[np.float32]
    y: NDArray[np.int64]
    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]

    def wide(self, times: int) -> "TinyProject":
        """The same mathematics with `times` copies of the input in the way: slow, and hungry for memory."""
        plan = msgspec.structs.replace(self.plan, architecture=architecture(times))
        return dataclasses.replace(self, plan=plan)

    def blobs(self) -> dict[str, bytes]:
        """The plan, the weights, the frozen weights and the shards, by name."""
        layout = self.plan.layout
        flat = np.concatenate([self.kernel.ravel(), self.bias])
        blobs = {
            "plan": self.plan.encode(),
            "weights": save({"trainable": flat, "moving": np.zeros(0, np.float32)}),
        }
        for shard in range(layout.shards):
            rows = slice(shard * layout.shard_examples, shard * layout.shard_examples + layout.rows(shard))
            blobs[f"shard {shard}"] = save({"x/input": self.x[rows], "y": self.y[rows]})
        return blobs

    def gradient(self, epoch: int, numbers: list[int]) -> NDArray[np.float64]:
        """The sum of n_i g_i over these mini-batches, by the textbook: X^T (softmax - one hot)."""
        layout, total = self.plan.layout, np.zeros(63)
        for number in numbers:
            first = layout.locate(number).shard * layout.shard_examples
            rows = first + mini_batch_rows(self.plan.seed, epoch, layout, number)
            logits = self.x[rows].astype(np.float64) @ self.kernel + self.bias
            odds = np.exp(logits - logits.max(axis=1, keepdims=True))
            error = odds / odds.sum(axis=1, keepdims=True) - np.eye(3)[self.y[rows]]
            total += np.concatenate([(self.x[rows].T.astype(np.float64) @ error).ravel(), error.sum(axis=0)])
        return total


def architecture(times: int = 0) -> dict:
    """Twenty numbers to three classes; averaging over `times` equal copies changes nothing."""
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 20], "name": "input"}},
        {"class_name": "RepeatVector", "config": {"name": "wide", "n": times}},
        {"class_name": "GlobalAveragePooling1D", "config": {"name": "narrow"}},
        {"class_name": "Dense", "config": {"name": "dense", "units": 3, "activation": "softmax"}},
    ]
    if not times:
        del layers[1:3]
    return canonicalise({"class_name": "Sequential", "config": {"name": "tiny", "layers": layers}})


@pytest.fixture(scope="session")
def tiny_project() -> TinyProject:
    rng = np.random.default_rng(5)
    layout = ShardLayout(examples=200, batch_size=8, shard_examples=64)
    plan = ProjectPlan(
        architecture=architecture(),
        loss={"class_name": "SparseCategoricalCrossentropy", "config": {"from_logits": False}},
        metrics=[],
        optimizer={"class_name": "SGD", "config": {"learning_rate": 1.0}},
        seed=3,
        layout=layout,
        inputs=[InputSpec("input", (20,), "float32")],
        variables=[
            VariableSpec("dense/kernel", (20, 3), Role.trainable),
            VariableSpec("dense/bias", (3,), Role.trainable),
        ],
        cost=Cost(63, 92, 60),
    )
    return TinyProject(
        plan=plan,
        x=rng.standard_normal((200, 20)).astype(np.float32),
        y=rng.integers(0, 3, 200),
        kernel=rng.standard_normal((20, 3)).astype(np.float32),
        bias=rng.standard_normal(3).astype(np.float32),
    )


@pytest.fixture
def write_job(tiny_project: TinyProject) -> Callable[..., Job]:
    """write_job(where the files go, where the gradient goes, mini-batches, ...): a unit of the tiny project."""

    def write(folder: Path, out: Path, mini_batches: list[int], **changes) -> Job:
        paths = {}
        for name, data in tiny_project.blobs().items():
            paths[name] = folder / name
            paths[name].write_bytes(data)
        fields = {
            "label": "round 1",
            "plan": paths["plan"],
            "plan_sha256": tiny_project.plan.sha256,
            "weights": paths["weights"],
            "frozen": None,
            "shards": {n: paths[f"shard {n}"] for n in range(tiny_project.plan.layout.shards)},
            "epoch": 1,
            "mini_batches": mini_batches,
            "out": out / "out.gradient",
        }
        return Job(**{**fields, **changes})

    return write
