"""Two workers share the tests; those that start whole grids stay together in one, so that no two grids fight."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
WHOLE_GRIDS = ("faults", "end_to_end", "browser", "integration")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A group is run by one worker, in order: the whole grids first, for they take longest; then file by file."""
    items.sort(key=lambda item: _folder(item) not in WHOLE_GRIDS)
    for item in items:
        file = item.path.relative_to(TESTS).as_posix()
        item.add_marker(pytest.mark.xdist_group("whole grids" if _folder(item) in WHOLE_GRIDS else file))


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0]
