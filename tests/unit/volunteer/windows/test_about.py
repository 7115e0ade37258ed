import pytest

from volunteer.control.messages import Activity, Status
from volunteer.windows.about import ALL_THERE, MISSING, NOT_TRIED, protection_of


@pytest.mark.parametrize(
    ("missing", "said"),
    [(None, NOT_TRIED), ([], ALL_THERE), (["Open.", "Ajar."], f"{MISSING}\n•  Open.\n•  Ajar.")],
)
def test_no_protection_is_claimed_before_it_was_tried(missing, said):
    assert protection_of(Status(1, Activity.paused, "Paused.", missing_protection=missing)) == said
