"""How a process of this program is started, from a source tree and from a bundle."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from volunteer.children.programs import BUNDLED, command

ENTRY = Path(__file__).parents[4] / "packaging" / "entry.py"


@pytest.fixture
def entry() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bundle_entry", ENTRY)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_source_tree_starts_python_in_isolation() -> None:
    assert command("server.intake.child", "a") == [sys.executable, "-I", "-m", "server.intake.child", "a"]


def test_a_bundle_starts_itself_and_only_its_own_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert command("volunteer.cli", "tray") == [sys.executable, "--module", "volunteer.cli", "tray"]
    with pytest.raises(ValueError, match="none of the modules"):
        command("pdb")


@pytest.mark.parametrize("module", BUNDLED)
def test_every_bundled_module_has_a_main(module: str) -> None:
    code = f"import {module} as one; assert callable(one.main)"
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr


def test_the_bundles_entry_runs_the_command_line(
    entry: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (["--version"], ["--module", "volunteer.cli", "--version"]):
        monkeypatch.setattr(sys, "argv", ["daig-volunteer", *arguments])
        with pytest.raises(SystemExit) as ended:
            entry.main()
        assert ended.value.code == 0
        assert capsys.readouterr().out.startswith("daig-volunteer ")


@pytest.mark.parametrize("arguments", [["--module", "pdb"], ["--module"]])
def test_the_bundles_entry_runs_no_other_module(
    arguments: list[str], entry: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["daig-volunteer", *arguments])
    assert entry.main() == 2
    assert "no module" in capsys.readouterr().err
