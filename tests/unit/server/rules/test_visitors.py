"""Which installer a browser is shown first."""

import pytest

from server.rules.visitors import best_file, platforms_of
from volunteer.protocol.releases import ReleaseFile, platform_of

NAMES = ("a_1.0_amd64.deb", "a-1.0-linux-x86_64.tar.gz", "a-1.0-windows-x86_64.exe", "a-1.0-macos-arm64.dmg")
FILES = [ReleaseFile(platform_of(name) or "", name, 1, "0" * 64) for name in NAMES]


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140 Safari/537.36", NAMES[1]),
        ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", NAMES[0]),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140", NAMES[2]),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18 Safari/605", NAMES[3]),
        ("Mozilla/5.0 (X11; Linux aarch64) Firefox/140", None),
        ("Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Mobile Safari/537.36", None),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18 Mobile/15E148", None),
        ("curl/8", None),
        ("", None),
    ],
)
def test_a_visitor_is_shown_what_fits(agent: str, name: str | None) -> None:
    best = best_file(FILES, agent)
    assert (best.file if best else None) == name


def test_a_phone_has_no_platform() -> None:
    assert platforms_of("Android") == ()
