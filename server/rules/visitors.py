"""What a visitor's browser says of their computer, as platforms of the volunteer's program. Pure guesses."""

import re

from volunteer.protocol.releases import Kind, Platform, ReleaseFile, kind_of

_P = Platform
# The first that fits. Browsers on a Mac say "Intel" whatever it is: both are offered, the newer kind first.
_RULES: tuple[tuple[str, tuple[Platform, ...]], ...] = (
    (r"Android|iPhone|iPad|CrOS|Mobile", ()),
    (r"Windows.*(ARM64|aarch64)", (_P.windows_arm64, _P.windows_x86_64)),
    (r"Windows", (_P.windows_x86_64,)),
    (r"Mac OS X|Macintosh", (_P.macos_arm64, _P.macos_x86_64)),
    (r"Linux.*(aarch64|arm64)", (_P.linux_aarch64,)),
    (r"Linux|X11", (_P.linux_x86_64,)),
)
_WITH_PACKAGES = re.compile(r"Debian|Ubuntu|Mint", re.IGNORECASE)


def platforms_of(user_agent: str) -> tuple[Platform, ...]:
    """What fits the computer that this browser runs on, best first; empty when the program runs on no such one."""
    for pattern, platforms in _RULES:
        if re.search(pattern, user_agent[:500], re.IGNORECASE):
            return platforms
    return ()


def best_file(files: list[ReleaseFile], user_agent: str) -> ReleaseFile | None:
    """The installer to show first: on Linux the package where the browser names such a system, else the archive."""
    first = Kind.deb if _WITH_PACKAGES.search(user_agent[:500]) else Kind.tarball
    for platform in platforms_of(user_agent):
        fitting = [one for one in files if one.platform == platform]
        if fitting:
            return min(fitting, key=lambda one: kind_of(one.file) is not first)
    return None
