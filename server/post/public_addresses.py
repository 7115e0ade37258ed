"""Connections to strangers' addresses: only to what is public, and only to the address that was checked.

A webhook's URL is any account's to choose: without this it could reach whatever the server can reach.
"""

import ipaddress
import socket
import time

from server.errors import NotDelivered

_NOT_PUBLIC = "“{}” does not lead to a public address."
"""Of unknown names too: else anybody could ask which names the inner network has."""

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv4 addresses as translators write them (RFC 6052)."""

Found = tuple[socket.AddressFamily, str]


def resolve(host: str, port: int, private_allowed: bool) -> list[Found]:
    """The host's addresses. Raises NotDelivered when there is none or one is not public."""
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotDelivered(_NOT_PUBLIC.format(host[:100])) from None
    found: list[Found] = list(dict.fromkeys((row[0], str(row[4][0])) for row in rows))
    for _, address in found:
        if not private_allowed and not is_public(address):
            raise NotDelivered(_NOT_PUBLIC.format(host[:100]), for_good=True)
    return found


def is_public(text: str) -> bool:
    """Neither loopback, private, link-local, multicast, reserved, nor a disguise of such a one."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address not in _GLOBAL_UNICAST and address not in _TRANSLATED:
            return False
        disguised = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if disguised is None and address in _TRANSLATED:
            disguised = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if disguised is not None and not is_public(str(disguised)):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def connect(host: str, port: int, seconds: float, private_allowed: bool) -> socket.socket:
    """A connection to one of the addresses that were just checked; the name is not looked up again.

    `seconds` are for all of them: a name may have a hundred addresses that do not answer.
    """
    until = time.monotonic() + seconds
    trouble: OSError = OSError("no address")
    for family, address in resolve(host, port, private_allowed):
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time is up")
        one = socket.socket(family, socket.SOCK_STREAM)
        one.settimeout(left)
        try:
            one.connect((address, port))
        except OSError as error:
            one.close()
            trouble = error
            continue
        one.settimeout(seconds)
        return one
    raise trouble
