"""Request bodies: streamed to disk, within bounds of size, pace and number. Knows no content."""

import contextlib
import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from flask import Flask, Request, Response, g, request
from werkzeug.exceptions import ClientDisconnected
from werkzeug.wrappers import Response as AnyResponse

from server.rules.incoming import IncomingFile
from server.web import pacing
from server.web.errors import HostRefused, busy_page, was_silent
from server.web.login import account, ask_to_log_in, is_logged_in
from server.web.places import DRAINING, FORM_UPLOADS
from server.web.services import here
from volunteer.protocol.refusals import RefusalCode

FORM_BYTES = 2**21
BLOCK = 2**18
DRAIN_BYTES = 2**28
DRAIN_SECONDS = 5.0
UPLOAD_ENDPOINTS = frozenset({"drafts.start", "drafts.change"})


class GridRequest(Request):
    """A request whose uploaded files go straight to the drafts' folder, for the endpoints that take files."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.received: list[IO[bytes]] = []

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        if self.endpoint not in UPLOAD_ENDPOINTS:
            return super()._get_file_stream(total_content_length, content_type, filename, content_length)
        stream: Any = tempfile.NamedTemporaryFile(  # noqa: SIM115
            dir=here().drafts.incoming_folder, prefix="upload-", delete=False
        )
        self.received.append(stream)
        return stream  # type: ignore[no-any-return]


def install(app: Flask) -> None:
    """Must come before anything that reads forms."""
    app.request_class = GridRequest
    app.before_request(_guard)
    app.after_request(_drain)
    app.teardown_request(_forget)


def files_of_form(fields: tuple[str, ...]) -> list[IncomingFile]:
    """The files that came in the form, one a field; a file input that was left empty is none.

    Where it is, the text field `<field>_upload` may name one that came before, in parts. Raises NotAcceptable.
    """
    files = []
    for field in fields:
        upload = request.files.get(field)
        if upload is None or not upload.filename:
            if name := request.form.get(f"{field}_upload"):
                files.append(here().uploads.take(account().id, name, field))
            continue
        upload.stream.flush()
        path = Path(str(upload.stream.name))
        files.append(IncomingFile(field, _plain_name(upload.filename), path, path.stat().st_size))
    return files


def blocks(size: int = BLOCK) -> Iterator[bytes]:
    """The body, as it comes. Raises HostRefused too_slow, malformed_request, at what a broken line leaves off."""
    pacing.current().begin(pacing.UPLOAD)
    while True:
        try:
            block = request.stream.read(size)
        except ClientDisconnected as error:
            if was_silent(error):
                raise HostRefused(RefusalCode.too_slow) from None
            raise HostRefused(RefusalCode.malformed_request, "The upload broke off.") from None
        if not block:
            return
        yield block


def _guard() -> AnyResponse | None:
    """Bounds for this request. Files are taken from people who are logged in, and from nobody else not even read."""
    request.max_content_length = FORM_BYTES
    if request.endpoint in UPLOAD_ENDPOINTS and request.method == "POST":
        if not is_logged_in():
            return ask_to_log_in()
        if (request.content_length or math.inf) <= FORM_BYTES:
            return None
        owner = account().id
        if not FORM_UPLOADS.take(owner):
            return busy_page("Too many uploads are under way.")
        g.uploading_for = owner
        request.max_content_length = here().settings.max_upload_bytes + FORM_BYTES
        pacing.current().begin(pacing.UPLOAD)
    return None


def _drain(response: Response) -> Response:
    """Read on for a while after an early refusal: who is cut off while sending never sees the answer."""
    may_send = request.method not in ("GET", "HEAD") and "gunicorn.socket" in request.environ
    if response.status_code < 300 or response.status_code == 408 or not may_send:
        return response
    body, left, until = request.environ["wsgi.input"], DRAIN_BYTES, time.monotonic() + DRAIN_SECONDS
    pacing.current().begin(pacing.REST)
    with DRAINING.taken() as may_drain, contextlib.suppress(Exception):
        while may_drain and left > 0 and time.monotonic() < until:
            block = body.read(BLOCK)
            if not block:
                break
            left -= len(block)
    return response


def _forget(error: BaseException | None = None) -> None:
    """Close all streams, delete the files that nobody took, leave the place that was taken."""
    received: list[IO[bytes]] = getattr(request, "received", [])
    for stream in received:
        stream.close()
        Path(stream.name).unlink(missing_ok=True)
    if (owner := g.pop("uploading_for", None)) is not None:
        FORM_UPLOADS.leave(owner)


def _plain_name(filename: str) -> str:
    """The last part of a file's name, without control characters, as long as a page can show."""
    last = filename.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(letter for letter in last if letter.isprintable())[-120:] or "file"
