"""Addresses that people give: e-mail and webhooks. What is wrong with one, in a sentence; "" when nothing is."""

import re
from urllib.parse import urlsplit

_MAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
MAX_MAIL = 254
MAX_URL = 500


def mail_problem(address: str) -> str:
    """Plain ASCII addresses as browsers accept them (HTML's definition, with a dot in the domain).

    The whole must match: a line break would begin a header of the sender's choice.
    """
    if len(address) > MAX_MAIL or not _MAIL.fullmatch(address):
        return "This does not look like an e-mail address."
    local = address.rpartition("@")[0]
    return "This does not look like an e-mail address." if local[0] == "." or local[-1] == "." or ".." in local else ""


def webhook_problem(url: str) -> str:
    """Where it leads is checked when it is used: a name may lead elsewhere tomorrow."""
    if len(url) > MAX_URL:
        return f"An address may have {MAX_URL} characters at most."
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return "An address has no spaces and no unusual characters."
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port >= 1
    except ValueError:
        return "This is not an address."
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine:
        return "Give a whole address that begins with https:// or http://."
    if "@" in parts.netloc:
        return "An address with a name and a password in it would be shown in logs. Put a secret into the path instead."
    return ""
