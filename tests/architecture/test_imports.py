"""Imports go one way, without cycles; TensorFlow comes with nothing but learner and trainer."""

import json
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("tensorflow", "keras", "numba", "h5py", "pyarrow", "PIL", "flask", "gunicorn", "peewee", "apscheduler",
         "requests", "pystray", "gi", "tkinter")  # fmt: skip

# What each kind of process imports before its first task, and which of the heavy packages may come with that.
PROCESSES = {
    "server.cli": ("server.cli", {"peewee"}),
    "web": ("server.cli, server.web.app, server.web.serving", {"peewee", "flask", "gunicorn"}),
    "scheduler": ("server.cli, server.scheduler", {"peewee", "apscheduler"}),
    "intake's child": ("server.intake.child", {"h5py"}),
    "volunteer.cli": ("volunteer.cli", {"requests"}),
    "the volunteer's app": ("volunteer.cli, volunteer.bootstrap, volunteer.sensors.linux", {"requests"}),
    "trainer's child, before its first job": ("volunteer.trainer.child, volunteer.trainer.worker", set()),
    "the requestor's client": ("requestor.cli", {"requests"}),
    "protocol": ("volunteer.protocol.messages, volunteer.protocol.openapi, volunteer.protocol.gradients", set()),
    "plan": ("volunteer.plan.project_plan, volunteer.plan.objectives", set()),
}


def test_the_import_contracts_are_kept() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()", "--no-cache"]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_there_is_no_import_cycle() -> None:
    graph = grimp.build_graph("server", "volunteer", "requestor", exclude_type_checking_imports=True, cache_dir=None)
    imports = {name: set(graph.find_modules_directly_imported_by(name)) for name in graph.modules}
    # Take away, again and again, what imports nothing that is still there: a cycle remains.
    while free := {name for name, others in imports.items() if not others & imports.keys()}:
        imports = {name: others for name, others in imports.items() if name not in free}
    assert imports == {}


@pytest.mark.parametrize("process", list(PROCESSES))
def test_a_process_imports_only_the_frameworks_of_its_own_rooms(process: str) -> None:
    modules, allowed = PROCESSES[process]
    code = f"import json, sys; import {modules}; print(json.dumps([n for n in {HEAVY!r} if n in sys.modules]))"
    outcome = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert set(json.loads(outcome.stdout)) <= allowed
