"""A grid in real processes, with its two people, for the tests of this folder and its neighbours."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cast import Cast


@pytest.fixture
def cast(tmp_path: Path) -> Iterator[Cast]:
    with Cast(tmp_path) as everyone:
        yield everyone
