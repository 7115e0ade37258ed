"""Two workers share the tests; those that start whole grids stay together in one, so that no two grids fight."""

from typing import Any

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

WHOLE_GRIDS = (
    "tests/faults/", "tests/end_to_end/", "tests/browser/", "tests/integration/test_letters_arrive.py",
    "tests/integration/test_right_to_the_number.py", "tests/integration/test_weighted_and_scheduled.py",
)  # fmt: skip


class GridsApart(LoadScopeScheduling):
    """A worker takes the whole grids first, all of them, one after the other; the rest is shared file by file."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return "whole grids" if file.startswith(WHOLE_GRIDS) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> GridsApart:
    # In the order of the collection: by itself xdist would begin with the file that has the most tests.
    config.option.loadscopereorder = False
    return GridsApart(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They take longest, so they begin."""
    items.sort(key=lambda item: not item.nodeid.startswith(WHOLE_GRIDS))
