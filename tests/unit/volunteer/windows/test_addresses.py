"""What people type as a grid's address."""

import pytest

from volunteer.errors import StopAndTell
from volunteer.windows.addresses import TypedAddress, read_address


@pytest.mark.parametrize(
    ("typed", "server", "in_clear"),
    [
        ("grid.example", "https://grid.example", False),
        (" https://grid.example/ ", "https://grid.example", False),
        ("grid.example:8443/daig", "https://grid.example:8443/daig", False),
        ("127.0.0.1:8000", "http://127.0.0.1:8000", False),
        ("localhost", "http://localhost", False),
        ("http://grid.example", "http://grid.example", True),
        ("http://10.1.2.3:8000", "http://10.1.2.3:8000", True),
    ],
)
def test_an_address_is_understood_as_it_was_meant(typed, server, in_clear):
    assert read_address(typed) == TypedAddress(server, in_clear)


@pytest.mark.parametrize("typed", ["", "  ", "ftp://grid.example", "https://", "https://me:it@grid.example", "[::1"])
def test_what_is_none_is_refused_with_a_sentence(typed):
    with pytest.raises(StopAndTell) as caught:
        read_address(typed)
    assert caught.value.sentence.endswith(".")
