"""The first bytes of a connection where https is spoken: TLS, or plain http, which is told where to go."""

import re

HANDSHAKE = b"\x16"
"""The first byte of a TLS handshake record (RFC 8446, 5.1)."""

MOST = 4096
_LINE = re.compile(rb"[A-Z]{1,10} (/[!-~]{0,2000}) HTTP/1\.[01]\r?\n")
_HOST = re.compile(rb"^host:[ \t]*([A-Za-z0-9.\-:\[\]]{1,255})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


def redirection(head: bytes) -> bytes:
    """The answer to a request in plain http: the same address by https; a sentence where none can be made out."""
    line, host = _LINE.match(head), _HOST.search(head)
    if line is None or host is None:
        return _answer(b"400 Bad Request", b"", b"This grid speaks https.\n")
    target = b"https://" + host[1] + line[1]
    return _answer(b"308 Permanent Redirect", b"Location: " + target + b"\r\n", b"This grid speaks https.\n")


def _answer(status: bytes, header: bytes, body: bytes) -> bytes:
    return (
        b"HTTP/1.1 " + status + b"\r\n" + header + b"Content-Type: text/plain\r\nConnection: close\r\n"
        b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    )
