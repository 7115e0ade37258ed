"""The dots per inch that a desktop wants."""

import pytest

from volunteer.windows.sharpness import wanted_dpi


@pytest.mark.parametrize(
    ("resources", "dpi"),
    [
        ("", None),
        ("Xcursor.size:\t24\nXft.dpi:\t192\n", 192),
        ("Xft.dpi: 120.5", 120.5),
        ("Xft.dpi: fine", None),
        ("Xft.dpi: 0", None),
        ("*Xft.dpi: 192", None),
    ],
)
def test_it_is_read_from_the_resources(resources, dpi):
    assert wanted_dpi(resources) == dpi
