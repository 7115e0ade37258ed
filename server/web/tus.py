"""Resumable uploads by the tus protocol 1.0.0 (https://tus.io): creation, expiration, termination, checksum.

For the page, by its cookie, and for scripts, by an access token.
"""

import base64
import binascii
from email.utils import format_datetime

import msgspec
from flask import Blueprint, Response, current_app, g, request
from flask.typing import ResponseReturnValue

from server.errors import UnknownToken, UploadLocked
from server.rules.incoming import Checksum, NewUpload
from server.rules.views import PartialUploadView
from server.web import login, pacing
from server.web.bearer import is_bearer, token_owner
from server.web.errors import HostRefused, refuse
from server.web.places import PARTS
from server.web.services import here, now
from server.web.uploads import blocks
from server.web.writers import Writers
from volunteer.protocol.digests import is_sha256
from volunteer.protocol.endpoints import PREFIX
from volunteer.protocol.refusals import RefusalCode

VERSION = "1.0.0"
EXTENSIONS = "creation,expiration,termination,checksum"
ALGORITHMS = {"sha256": 32, "sha1": 20}
"""With the length of their digests."""

PART_TYPE = "application/offset+octet-stream"
"""So many threads may wait for parts; for one account so many of them."""

_BLOCK = 2**17
_LONGEST_METADATA = 4096
_WRITERS = Writers()
_BAD = RefusalCode.malformed_request


def blueprint() -> Blueprint:
    api = Blueprint("tus", __name__, url_prefix=f"{PREFIX}/uploads")
    api.before_request(_admit)
    api.after_request(_sign)
    rules = (
        ("", "list", _list, "GET"), ("", "create", _create, "POST"), ("", "options", _options, "OPTIONS"),
        ("/<name>", "head", _head, "HEAD"), ("/<name>", "patch", _patch, "PATCH"),
        ("/<name>", "delete", _delete, "DELETE"), ("/<name>", "options_of_one", _options, "OPTIONS"),
        ("/<name>", "override", _override, "POST"),
    )  # fmt: skip
    for path, endpoint, handler, method in rules:
        api.add_url_rule(path, endpoint, handler, methods=[method], provide_automatic_options=False)
    return api


def _admit() -> ResponseReturnValue | None:
    """Version and owner. A token needs no CSRF check, because no cookie counts beside it; a cookie does."""
    if request.method == "OPTIONS":
        return None
    if request.method != "GET" and request.headers.get("Tus-Resumable") != VERSION:
        return refuse(_BAD, f"The header Tus-Resumable must be {VERSION}.", 412)
    if is_bearer():
        g.uploader = token_owner("read" if request.method in ("GET", "HEAD") else "write").id
        return None
    if not login.is_logged_in():
        raise UnknownToken("Log in, or send an access token: “Authorization: Bearer daigtoken_...”.")
    g.uploader = login.account().id
    # The check looks for a form first; the body of a part is none, and may be as large as it is.
    request.max_content_length = None if request.mimetype == PART_TYPE else request.max_content_length
    current_app.extensions["csrf"].protect()
    return None


def _sign(response: Response) -> Response:
    response.headers["Tus-Resumable"] = VERSION
    response.headers["Cache-Control"] = "no-store"
    if response.status_code == 412:
        response.headers["Tus-Version"] = VERSION
    return response


def _options(name: str = "") -> Response:
    headers = {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(here().settings.max_upload_bytes),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
        "Allow": "OPTIONS, HEAD, PATCH, DELETE" if name else "OPTIONS, GET, POST",
    }
    return Response(status=204, headers=headers)


def _list() -> Response:
    """The account's own, for a page that was loaded anew."""
    found = here().uploads.list_for(g.uploader, now())
    return Response(msgspec.json.encode({"uploads": found}), mimetype="application/json")


def _create() -> Response:
    if "Upload-Defer-Length" in request.headers:
        raise HostRefused(_BAD, "The header Upload-Length must state the length from the beginning.")
    metadata = _metadata(request.headers.get("Upload-Metadata", ""))
    sha256 = metadata.get("sha256", "").lower()
    if sha256 and not is_sha256(sha256):
        raise HostRefused(_BAD, "The metadata sha256 must have 64 hexadecimal digits.")
    new = NewUpload(
        metadata.get("filename") or metadata.get("name") or "file", _number("Upload-Length"), sha256,
        request.headers.get("Upload-Metadata", ""),
    )  # fmt: skip
    view = here().uploads.create(g.uploader, new, now())
    response = _state(view, 201)
    response.headers["Location"] = f"{PREFIX}/uploads/{view.name}"
    return response


def _head(name: str) -> Response:
    # Before anybody is waited for, or cut off.
    here().uploads.require(g.uploader, name, now())
    with PARTS.taken(g.uploader) as free:
        if free:
            _WRITERS.make_way(name)
    view = here().uploads.view(g.uploader, name, now())
    response = _state(view, 200)
    response.headers["Upload-Length"] = str(view.size)
    if view.metadata:
        response.headers["Upload-Metadata"] = view.metadata
    return response


def _patch(name: str) -> Response:
    if request.mimetype != PART_TYPE:
        return refuse(_BAD, f"The content type must be {PART_TYPE}.", 415)
    offset, checksum, moment = _number("Upload-Offset"), _checksum(), now()
    uploads, pace = here().uploads, pacing.current()
    view = uploads.view(g.uploader, name, moment)
    if (request.content_length or 0) > view.size - offset >= 0:
        raise HostRefused(RefusalCode.too_large, "More would come than the upload was to have.")
    request.max_content_length = None
    with PARTS.taken(g.uploader) as free:
        if not free:
            raise HostRefused(RefusalCode.busy, "Too many uploads are under way.")
        with _WRITERS.seat(name, pace, request.environ.get("gunicorn.socket")) as alone:
            if not alone:
                raise UploadLocked
            return _state(uploads.append(g.uploader, name, offset, blocks(_BLOCK), checksum, moment), 204)


def _delete(name: str) -> Response:
    here().uploads.remove(g.uploader, name, now())
    _WRITERS.make_way(name, at_once=True)
    return Response(status=204)


def _override(name: str) -> Response:
    """For senders whose way lets only GET and POST through."""
    method = request.headers.get("X-HTTP-Method-Override", "").upper()
    handler = {"PATCH": _patch, "DELETE": _delete, "HEAD": _head}.get(method)
    if handler is None:
        return refuse(_BAD, "An upload takes HEAD, PATCH and DELETE.", 405)
    return handler(name)


def _state(view: PartialUploadView, status: int) -> Response:
    response = Response(status=status)
    response.headers["Upload-Offset"] = str(view.offset)
    response.headers["Upload-Expires"] = format_datetime(view.expires_at, usegmt=True)
    if view.is_whole:
        response.headers["Upload-Sha256"] = view.sha256
    return response


def _number(header: str) -> int:
    text = request.headers.get(header, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise HostRefused(_BAD, f"The header {header} must be a whole number.")
    return int(text)


def _metadata(text: str) -> dict[str, str]:
    """Pairs of a key and a value in base64; the value may be missing."""
    if len(text) > _LONGEST_METADATA:
        raise HostRefused(_BAD, f"The header Upload-Metadata may have {_LONGEST_METADATA} bytes.")
    found = {}
    for pair in filter(None, (one.strip() for one in text.split(","))):
        key, _, value = pair.partition(" ")
        try:
            found[key] = base64.b64decode(value, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            raise HostRefused(_BAD, "The header Upload-Metadata holds keys, each with a text in base64.") from None
    return found


def _checksum() -> Checksum | None:
    text = request.headers.get("Upload-Checksum")
    if text is None:
        return None
    algorithm, _, value = text.partition(" ")
    try:
        digest = base64.b64decode(value, validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != ALGORITHMS.get(algorithm):
        raise HostRefused(_BAD, f"The header Upload-Checksum takes one of {', '.join(ALGORITHMS)}, in base64.")
    return Checksum(algorithm, digest)
