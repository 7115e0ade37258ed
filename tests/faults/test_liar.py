"""The liar: a host that speaks the protocol by hand and cheats. Each lie has its own refusal, and changes nothing."""

import dataclasses
import json
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import requests

from tests.support.by_hand import HostByHand
from tests.support.cast import Cast
from tests.support.digits import small_cnn
from tests.support.grid import wait_for
from tests.support.ledger import Ledger
from volunteer.protocol.gradients import GradientBlob
from volunteer.protocol.tensors import save

pytestmark = [pytest.mark.faults]
FORM = {"epochs": "1", "k": "8", "batch_size": "16", "report_deadline": "60"}
# These tell the time, or who was seen when.
CLOCKS = ("leadership", "grid_fact", "host")


class Stage:
    """A running project; the liar and another host have a lease each, and nobody else is there yet."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.ledger = Ledger(cast.grid.data)
        self.key, self.spare_key = cast.lender.join_key(uses=2), cast.lender.join_key(uses=1)
        self.project = cast.digits_project(small_cnn(batch_norm=True), FORM)
        self.liar = HostByHand(cast.grid.address, self.key, "liar")
        self.other = HostByHand(cast.grid.address, self.key, "other")
        self.lease = self.liar.lease(60)
        self.others_lease = self.other.lease()
        self.honest = self.liar.gradient(self.lease)

    def show_life(self) -> None:
        for host, lease in ((self.liar, self.lease), (self.other, self.others_lease)):
            assert host.beat(lease["result"]).json()["go_on"]

    def require_refused(self, answer: requests.Response, status: int, code: str) -> None:
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        assert answer.json()["sentence"]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Cast(tmp_path_factory.mktemp("liar")) as everyone:
        yield Stage(everyone)


@pytest.fixture
def nothing_changes(stage: Stage) -> Iterator[None]:
    """Around a lie: every row and every blob is as before."""
    stage.show_life()
    blobs = stage.cast.grid.data / "blobs"
    before, files = stage.ledger.dump(*CLOCKS), _files(blobs)
    yield
    assert stage.ledger.dump(*CLOCKS) == before
    assert _files(blobs) == files


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def _overlapping(blob: bytes) -> bytes:
    """The same header, but every tensor begins at the file's first byte."""
    (length,) = struct.unpack("<Q", blob[:8])
    header = json.loads(blob[8 : 8 + length])
    for name, one in header.items():
        if name != "__metadata__":
            one["data_offsets"] = [0, one["data_offsets"][1] - one["data_offsets"][0]]
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + blob[8 + length :]


def _uploads(blob: GradientBlob) -> dict[str, tuple[bytes, dict[str, str | None], int, str]]:
    """Name -> body, headers, expected status and code."""

    def changed(**fields: Any) -> bytes:
        return dataclasses.replace(blob, **fields).encode()

    honest = blob.encode()
    counts = {"mini_batches": str(blob.mini_batches), "examples": str(blob.examples), "seconds": "1"}
    vectors = {"gradient": blob.gradient, "moving": blob.moving, "sums": blob.sums}
    malformed = {
        "noise": b"\x07" * 1000,
        "nothing at all": b"",
        "a header longer than the file": struct.pack("<Q", 2**40) + b"{}",
        "a header that is no JSON": struct.pack("<Q", 8) + b"not json",
        "tensors that overlap": _overlapping(honest),
        "cut off": honest[:-1],
        "a byte too many": honest + b"\0",
        "a gradient too short": changed(gradient=blob.gradient[:-1]),
        "a gradient too long": changed(gradient=np.append(blob.gradient, np.float32(0))),
        "a gradient in two dimensions": save({**vectors, "gradient": blob.gradient.reshape(1, -1)}, counts),
        "a gradient in float64": save({**vectors, "gradient": blob.gradient.astype(np.float64)[:64]}, counts),
        "a tensor too many": save({**vectors, "extra": np.zeros(3, np.float32)}, counts),
        "a tensor too few": save({"gradient": blob.gradient, "sums": blob.sums}, counts),
        "more mini-batches than leased": changed(mini_batches=blob.mini_batches + 1),
        "no mini-batch": changed(mini_batches=0),
        "other counts of examples": changed(examples=blob.examples + 1),
        "a heavier weight for its gradient": changed(examples=10**6),
        "seconds below zero": changed(seconds=-1.0),
        "seconds that are no number": changed(seconds=float("nan")),
        "no counts": save(vectors, {}),
        "counts that are words": save(vectors, {**counts, "examples": "many"}),
    }  # fmt: skip
    cases: dict[str, tuple[bytes, dict[str, str | None], int, str]] = {
        name: (body, {}, 422, "malformed_gradient") for name, body in malformed.items()
    }
    digest = f"sha-256=:{'A' * 43}=:"
    cases["another digest"] = (honest, {"Content_Digest": digest}, 422, "digest_mismatch")
    cases["no digest"] = (honest, {"Content_Digest": None}, 400, "malformed_request")
    cases["a weak digest"] = (honest, {"Content_Digest": "md5=:Q2hlY2sgSW50ZWdyaXR5IQ==:"}, 400, "malformed_request")
    cases["too large"] = (honest + b"\0" * 2**17, {}, 413, "too_large")
    return cases


def test_uploads_that_are_no_gradient_of_the_unit_are_refused_each_by_its_code(
    stage: Stage, nothing_changes: None
) -> None:
    for name, (body, headers, status, code) in _uploads(stage.honest).items():
        answer = stage.liar.upload(stage.lease["result"], body, **headers)
        assert (answer.status_code, answer.json().get("code")) == (status, code), f"{name}: {answer.text}"


def test_an_upload_without_a_length_is_refused(stage: Stage, nothing_changes: None) -> None:
    parts = iter([stage.honest.encode()])
    stage.require_refused(stage.liar.upload(stage.lease["result"], parts), 411, "length_required")


def test_results_of_others_cannot_be_touched(stage: Stage, nothing_changes: None) -> None:
    body, theirs = stage.honest.encode(), stage.others_lease["result"]
    for answer in (stage.liar.upload(theirs, body), stage.liar.beat(theirs), stage.liar.give_back(theirs)):
        stage.require_refused(answer, 403, "not_your_result")


@pytest.mark.parametrize("result", ["0", "999999", "-1", "one", "1e3", "9" * 40, "%00", "1;DROP TABLE result"])
def test_results_that_do_not_exist_are_refused(stage: Stage, result: str) -> None:
    body = stage.honest.encode()
    for answer in (stage.liar.upload(result, body), stage.liar.beat(result), stage.liar.give_back(result)):
        stage.require_refused(answer, 404, "no_such_result")


def test_blobs_that_no_lease_names_are_not_given(stage: Stage, nothing_changes: None) -> None:
    """Neither those that exist - the person's own file, a validation shard - nor those that do not."""
    project = stage.ledger.rows("SELECT source_sha256 FROM project")[0][0]
    validation = stage.ledger.rows("SELECT sha256 FROM shard WHERE validation")[0][0]
    for name in (project, validation, "0" * 64, "../grid.db", "..%2f..%2fgrid.db", "A" * 64):
        answer = stage.liar.blob(name)
        assert answer.status_code == 404, name
    stage.require_refused(stage.liar.blob(project), 404, "no_such_blob")
    named = stage.lease["weights"]["sha256"]
    assert stage.liar.blob(named).ok
    answer = requests.get(f"{stage.liar.api}/blobs/{named}", timeout=30)
    stage.require_refused(answer, 401, "unknown_token")


def test_strangers_to_the_grid_are_turned_away(stage: Stage, nothing_changes: None) -> None:
    key = stage.spare_key
    refused = [
        ({"join_key": stage.key}, 403, "join_key_invalid"),
        ({"join_key": "daigjoin_guessed_at_random"}, 403, "join_key_invalid"),
        ({"join_key": key, "machine": {**stage.liar.machine, "numerics": 1, "protocol": 0}}, 400, "malformed_request"),
        ({"join_key": key, "machine": {**stage.liar.machine, "memory": -1}}, 400, "malformed_request"),
        ({"join_key": 7}, 400, "malformed_request"),
    ]
    before = stage.ledger.one("SELECT COUNT(*) FROM host")
    for fields, status, code in refused:
        message = {"join_key": key, "name": "x", "machine": stage.liar.machine, **fields}
        stage.require_refused(stage.liar.post("/hosts", message), status, code)
    for body in (b"", b"{", b"[]", b"\xff\xfe", b'{"machine": null}', b"[" * 100_000):
        stage.require_refused(stage.liar.post("/work", body), 400, "malformed_request")
    assert stage.ledger.one("SELECT COUNT(*) FROM host") == before


class _Drip(threading.Thread):
    """An upload that begins and then says nothing more; what the server answers, if it does."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(daemon=True)
        self._where = urlsplit(stage.liar.api)
        self._head = (
            f"PUT {self._where.path}/results/{stage.lease['result']}/gradient HTTP/1.1\r\nHost: grid\r\n"
            f"Authorization: Bearer {stage.liar.token}\r\nContent-Length: {len(stage.honest.encode())}\r\n"
            f"Content-Digest: sha-256=:{'A' * 43}=:\r\n\r\n"
        ).encode()
        self.answer = b""

    def run(self) -> None:
        with socket.create_connection((self._where.hostname, self._where.port), timeout=60) as wire:
            wire.sendall(self._head + b"\0" * 100)
            while part := wire.recv(4096):
                self.answer += part
                if b"}" in part:
                    break


def test_the_liar_gets_nowhere_and_steady_hosts_finish_the_project(stage: Stage) -> None:
    cast, liar = stage.cast, stage.liar
    drips = [_Drip(stage) for _ in range(10)]
    for drip in drips:
        drip.start()
    given = stage.other.give_back(stage.others_lease["result"])
    assert given.ok
    answer = stage.other.upload(stage.others_lease["result"], stage.honest.encode())
    stage.require_refused(answer, 409, "result_ended")
    lease = stage.other.lease()
    nan = stage.other.gradient(lease, lambda size: np.full(size, np.nan))
    assert stage.other.upload(lease["result"], nan.encode()).json()["verdict"] == "pending"
    wait_for(lambda: stage.ledger.one("SELECT COUNT(*) FROM result WHERE state = 'not_finite'") == 1, 20)
    assert stage.other.upload(lease["result"], nan.encode()).json()["verdict"] == "invalid"
    cast.host("steady")
    cast.host("steady too")
    cast.finished(stage.project, 120)
    stage.require_refused(liar.upload(stage.lease["result"], stage.honest.encode()), 409, "stale_result")
    assert not liar.beat(stage.lease["result"]).json()["go_on"]
    for drip in drips:
        drip.join(70)
        assert b" 408 " in drip.answer.split(b"\r\n")[0], drip.answer
        assert b"too_slow" in drip.answer
    cast.audit()
    stage.ledger.require_each_mini_batch_once_an_epoch(stage.project, 1)
    # Numbers that are not finite are nobody's fault: the page says so too.
    stage.ledger.require_nobody_blamed()
    names = "SELECT DISTINCT host.name FROM result JOIN host ON host.id = result.host_id WHERE result.state = 'valid'"
    assert {name for (name,) in stage.ledger.rows(names)} <= {"steady", "steady too"}
