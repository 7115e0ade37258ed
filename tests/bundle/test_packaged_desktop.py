"""The packaged app on a desktop with a panel: the icon, the menu, pause, resume, quit; nothing of the source tree."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import built
from tests.support.cast import Cast
from tests.support.desktop import Desktop, require_gtk
from tests.support.desktop_day import spend_a_day
from tests.support.panels import start_xfce

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[Desktop]:
    require_gtk()
    with Desktop(tmp_path / "desktop", size="1100x800") as running:
        start_xfce(running)
        yield running


def test_a_person_links_starts_pauses_resumes_and_quits_the_packaged_app(tmp_path: Path, desktop: Desktop) -> None:
    program = built.bundle()
    with Cast(tmp_path / "cast") as cast:
        spend_a_day(cast, desktop, [str(program)], "packaged")
