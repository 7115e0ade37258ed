"""A person with a panel: links by the first window, starts, looks, pauses, goes on and quits by the icon's menu."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cast import Cast
from tests.support.desktop import Desktop, require_gtk
from tests.support.desktop_day import spend_a_day
from tests.support.panels import start_xfce
from tests.support.volunteer import FROM_SOURCE

pytestmark = pytest.mark.long


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[Desktop]:
    require_gtk()
    with Desktop(tmp_path / "desktop", size="1100x800") as running:
        start_xfce(running)
        yield running


def test_a_person_links_starts_pauses_resumes_and_quits(cast: Cast, desktop: Desktop) -> None:
    spend_a_day(cast, desktop, FROM_SOURCE, "whole")
