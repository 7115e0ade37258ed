"""The network is cut in the middle of an upload, at one end and at both: it goes on where it stopped."""

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.broken_line import BrokenLine
from tests.support.domain_grid import DomainGrid
from tests.support.grid import wait_for
from tests.support.web_process import MACHINE, WebProcess, health
from volunteer.agent.delivering import deliver
from volunteer.agent.tools import Tools
from volunteer.client.grid import GridClient
from volunteer.protocol.messages import Lease, Verdict, WorkRequest
from volunteer.spool.blobs import BlobCache
from volunteer.spool.gradients import GradientSpool

pytestmark = pytest.mark.faults
PARAMETERS = 300_000


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebProcess]:
    web = WebProcess(tmp_path)
    try:
        wait_for(lambda: health(web, 5) < 5, 60)
        yield web
    finally:
        web.close()


@pytest.fixture
def grid(web: WebProcess) -> DomainGrid:
    """The scheduler's part, in this process, on the same data: a project whose gradients have more than a megabyte."""
    grid = DomainGrid(web.data)
    grid.now = dt.datetime.now(dt.UTC)
    draft = grid.drafts.start(1, grid.form(), grid.files(PARAMETERS, 40), grid.now)
    grid.checker.run_pass(grid.now)
    grid.drafts.submit(1, draft, grid.now)
    grid.preparer.run_pass(grid.now)
    return grid


def _honest(grid: DomainGrid, lease: Lease) -> bytes:
    blob = grid.honest(lease)
    noise = np.random.default_rng(1).normal(size=PARAMETERS).astype(np.float32)
    return dataclasses.replace(blob, gradient=noise).encode()


def test_a_gradient_goes_on_where_the_line_broke(web: WebProcess, grid: DomainGrid, tmp_path: Path) -> None:
    """The second time the server hears nothing of it, and waits on; it is not waited for."""
    trainer: Any = None
    with BrokenLine(web.address, [600_000, 1_000_000]) as line:
        client = GridClient(line.address)
        client.use_token(web.token)
        spool = GradientSpool(tmp_path / "gradients", workshop=tmp_path / "work")
        tools = Tools(client, trainer, BlobCache(tmp_path / "cache", 2**20), spool)
        lease = client.work(WorkRequest(MACHINE))
        assert isinstance(lease, Lease)
        data = _honest(grid, lease)
        sha256 = hashlib.sha256(data).hexdigest()
        (spool.workshop / "one").write_bytes(data)
        entry = spool.add(lease.result, spool.workshop / "one", sha256)
        reply = deliver(tools, entry, len(lease.mini_batches))
        assert reply is not None
        assert reply.verdict is Verdict.pending
        assert line.happened == 2
        assert len(data) < line.sent < len(data) + 500_000, "it was sent once, but for what was on the line"
        assert spool.all() == []
        client.close()
    result = grid.stores.work.result(int(lease.result))
    assert result is not None
    assert (result.digest, result.delivered) == (sha256, len(lease.mini_batches))
    assert grid.stores.blobs.path(sha256).read_bytes() == data
    assert list(grid.stores.blobs.incoming.iterdir()) == []
