"""Reads what a person types as a grid's address. Pure."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from volunteer.config import is_guarded, is_loopback, server_address
from volunteer.errors import StopAndTell


@dataclass(frozen=True)
class TypedAddress:
    """`in_clear`: plain http to another machine, which the person has to agree to first."""

    server: str
    in_clear: bool


def read_address(text: str) -> TypedAddress:
    """People leave out “https://”; on this very machine it is http. Raises StopAndTell."""
    text = text.strip()
    if not text:
        raise StopAndTell("Type the grid's address, such as https://grid.example.")
    if "://" not in text:
        try:
            host = urlsplit(f"//{text}").hostname or ""
        except ValueError:
            host = ""
        text = f"{'http' if is_loopback(host) else 'https'}://{text}"
    server = server_address(text, insecure_http=True)
    return TypedAddress(server, not is_guarded(server))
