"""The exporter's process: started for the first file, nice, ended when nobody wants another."""

import os
import time
from pathlib import Path
from typing import Any

from server.learning.exporter import ChildExporter
from server.rules.results import ExportRequest, ModelKind
from volunteer.children.limits import Limits


def test_the_process_comes_with_the_first_file_and_goes_when_it_is_idle(project: Any, tmp_path: Path) -> None:
    exporter = ChildExporter(tmp_path / "exporter", Limits(data=4 * 2**30), threads=1, idle_seconds=1.0)
    assert exporter.pid is None
    out = tmp_path / "trained.weights.h5"
    request = {name: str(project.folder / name) for name in ("plan", "frozen", "weights")}
    try:
        exporter.export(ExportRequest(**request, optimizer=None, kind=ModelKind.weights, out=str(out)))
        assert out.stat().st_size > 0
        pid = exporter.pid
        assert pid is not None
        assert os.getpriority(os.PRIO_PROCESS, pid) == min(19, os.nice(0) + 10)
        until = time.monotonic() + 30
        while exporter.pid is not None and time.monotonic() < until:
            time.sleep(0.1)
        assert exporter.pid is None
    finally:
        exporter.close()
