import pytest

from volunteer.client.grid import is_shown_safely
from volunteer.protocol.messages import DeviceCode

PAGE = "https://grid.example/device"


def code(user_code="BCDF-GHJK", page=PAGE, whole=f"{PAGE}?code=BCDF-GHJK", expires_in=900) -> DeviceCode:
    return DeviceCode("secret", user_code, page, whole, expires_in, 5)


@pytest.mark.parametrize("whole", [f"{PAGE}?code=BCDF-GHJK", "http://127.0.0.1:8000/device?code=B"])
def test_a_page_of_the_web_is_opened(whole):
    assert is_shown_safely(code(whole=whole))


@pytest.mark.parametrize(
    "odd",
    [
        {"whole": "file:///home/me/program.desktop"}, {"whole": "--new-window"}, {"whole": "smb://far/share"},
        {"whole": "https://"}, {"whole": "https://[::1"}, {"whole": ""}, {"page": "javascript:alert(1)"},
        {"whole": f"{PAGE}\x1b[2J"}, {"user_code": "A\x1b]0;x\x07"}, {"user_code": "A\nB"}, {"user_code": "A" * 10**5},
        {"expires_in": 2**53},
    ],
)  # fmt: skip
def test_what_might_be_a_file_a_program_or_a_terminals_command_is_not(odd):
    assert not is_shown_safely(code(**odd))
