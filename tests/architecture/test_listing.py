"""The listing is the architecture: top level, sizes, docstrings."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOP = {
    "server", "volunteer", "packaging", "requestor", "tests", "setup.cfg", "pyproject.toml", "constraints.txt",
    "ruff.toml", "README.md", "CHANGELOG.md", "LICENSE", "Makefile", ".ci", ".gitignore",
}  # fmt: skip
MOST_LINES, MEDIAN_LINES, MOST_OF_A_FUNCTION, MOST_PARAMETERS = 400, 120, 60, 8


def _modules(*houses: str) -> list[Path]:
    return sorted(path for house in houses for path in (ROOT / house).rglob("*.py"))


def _lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_the_top_level_holds_what_the_design_lists() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode != 0:
        pytest.skip("this is no checkout: there may be anything beside it")
    assert {line.split("/")[0] for line in tracked.stdout.splitlines()} <= TOP


def test_nothing_shadows_the_package_named_packaging() -> None:
    assert not (ROOT / "packaging" / "__init__.py").exists()
    assert not (ROOT / "tests" / "packaging").exists()


def test_no_module_is_longer_than_400_lines_and_half_are_shorter_than_120() -> None:
    everything = _modules("server", "volunteer", "requestor", "tests")
    assert [str(path) for path in everything if _lines(path) > MOST_LINES] == []
    lengths = sorted(_lines(path) for path in _modules("server", "volunteer", "requestor"))
    assert lengths[len(lengths) // 2] <= MEDIAN_LINES


def test_no_function_is_longer_than_60_lines() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {one.name}"
        for path in _modules("server", "volunteer", "requestor", "tests")
        for one in _functions(path)
        if (one.end_lineno or 0) - one.lineno + 1 > MOST_OF_A_FUNCTION
    ]
    assert long == []


def test_no_constructor_has_more_than_8_parameters() -> None:
    wide = [
        f"{path.relative_to(ROOT)}"
        for path in _modules("server", "volunteer", "requestor")
        for one in _functions(path)
        if one.name == "__init__" and len(one.args.args) - 1 + len(one.args.kwonlyargs) > MOST_PARAMETERS
    ]
    assert wide == []


def test_every_room_and_module_says_in_one_to_five_lines_what_it_is_for() -> None:
    for path in _modules("server", "volunteer", "requestor"):
        if "migrations" in path.parts:
            continue
        text = ast.get_docstring(ast.parse(path.read_text("utf-8")))
        assert text, f"{path.relative_to(ROOT)} has no docstring"
        assert len(text.splitlines()) <= 8, f"{path.relative_to(ROOT)} says too much"


def test_nothing_was_left_for_later() -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "X" * 3)
    found = [
        f"{path.relative_to(ROOT)}: {mark}"
        for path in _modules("server", "volunteer", "requestor", "tests")
        for mark in marks
        if mark in path.read_text("utf-8")
    ]
    assert found == []
