"""What an access token may be used for: words, and which of them includes which."""

from collections.abc import Collection

READ = "read"
WRITE = "write"
ACCOUNT = "account"
OPERATE = "operate"

SCOPES = {
    READ: "see your projects, download models and histories",
    WRITE: "upload, start, change and delete projects; everything that “read” may, too",
    ACCOUNT: "notifications, access tokens, leaderboard; and with your password also password, address, deletion",
    OPERATE: "for operators: what the operator's pages show and do",
}
"""Each scope with what it permits, in words for the person who grants it."""


def permits(granted: Collection[str], wanted: str) -> bool:
    """Who may change things may look at them as well."""
    return wanted in granted or (wanted == READ and WRITE in granted)
