"""The volunteers' API: the protocol's endpoints as routes. Bearer tokens only, no cookies."""

import functools
import time
from collections.abc import Callable

import msgspec
from flask import Blueprint, Response, request, send_file, url_for

from server.domain.devices import LASTS
from server.domain.polling import INTERVAL
from server.errors import NoSuchBlob, UnknownToken, UploadLocked
from server.web import arriving, pacing
from server.web.errors import HostRefused
from server.web.installers import installer
from server.web.newest import Newest
from server.web.places import BLOBS, UPLOADING, WAITING
from server.web.sending import holding
from server.web.services import Host, here, now
from server.web.wire import answer, read_message
from server.web.writers import Writers
from volunteer.protocol import digests, endpoints, messages, openapi
from volunteer.protocol.refusals import RefusalCode

NEWEST = Newest()
WRITERS = Writers()
LONGEST_WAIT_SECONDS = 30.0


def blueprint() -> Blueprint:
    """The routes, from the protocol's own table."""
    api = Blueprint("volunteer_api", __name__, url_prefix=endpoints.PREFIX)
    for endpoint in endpoints.ENDPOINTS:
        path = endpoint.path.replace("{", "<").replace("}", ">")
        api.add_url_rule(path, endpoint.name, HANDLERS[endpoint.name], methods=[endpoint.method])
    api.add_url_rule("/openapi.json", "openapi", _openapi)
    return api


def _attach() -> Response:
    return answer(here().hosts.attach(read_message(messages.AttachRequest), now()))


def _device() -> Response:
    """The addresses that RFC 8628 wants are made here: only this room knows where its page is."""
    link = here().devices.ask(read_message(messages.DeviceRequest), request.remote_addr or "", now())
    page = here().address(request.url_root) + url_for("linking.show")
    return answer(
        messages.DeviceCode(
            link.device_code, link.user_code, page, f"{page}?code={link.user_code}", int(LASTS.total_seconds()),
            int(INTERVAL),
        )
    )  # fmt: skip


def _device_token() -> Response:
    return answer(here().devices.poll(read_message(messages.DeviceTokenRequest).device_code, now()))


def _numbers() -> Response:
    return answer(here().hosts.numbers(_host()))


def _detach_self() -> Response:
    here().hosts.leave(_host(), now())
    return answer(messages.Acknowledged("This machine is detached. What it has computed stays."))


def _work() -> Response:
    host, message = _host(), read_message(messages.WorkRequest)
    return answer(_ask_for_work(host, message))


def _ask_for_work(host: Host, message: messages.WorkRequest) -> messages.WorkReply:
    """Ask again whenever something changed, as long as the host is willing to wait and a thread is free.

    And as long as it has not asked anew: the answer to a program that is gone would take the lease of its successor.
    """
    dispatch = here().dispatch
    until = time.monotonic() + min(message.wait_seconds, LONGEST_WAIT_SECONDS)
    with NEWEST.turn(host) as turn:
        seen = dispatch.changes()
        reply: messages.WorkReply = messages.NoWork(0.0, "This host has asked anew.")
        with turn.asking() as newest:
            if newest:
                reply = dispatch.ask(host, message, now())
        with WAITING.taken() as may_wait:
            while may_wait and isinstance(reply, messages.NoWork) and (left := until - time.monotonic()) > 0:
                dispatch.wait_for_change(seen, left)
                seen = dispatch.changes()
                with turn.asking() as newest:
                    if not newest:
                        break
                    if dispatch.worth_asking():
                        reply = dispatch.ask(host, message, now())
            if may_wait and isinstance(reply, messages.NoWork) and message.wait_seconds > 0:
                # The host has waited here already.
                reply = msgspec.structs.replace(reply, retry_after_seconds=0.0)
    return reply


def _blob(sha256: str) -> Response:
    host = _host()
    if not digests.is_sha256(sha256):
        raise NoSuchBlob
    path = here().blobs.open_for_host(host, sha256, now())
    response = holding(
        BLOBS, host, lambda: send_file(path, "application/octet-stream", conditional=True, etag=sha256)
    )
    if response is None:
        raise HostRefused(RefusalCode.busy, "Many others download at this moment.")
    response.headers["Cache-Control"] = "private, immutable, max-age=31536000"
    # The name is the digest: whoever holds it needs no date to know that it is the same.
    response.headers.pop("Last-Modified", None)
    return response


def _heartbeat(result: str) -> Response:
    host, message = _host(), read_message(messages.Heartbeat)
    return answer(here().reports.heartbeat(host, result, message, now()))


def _report(result: str) -> Response:
    """The upload itself needs no memory: it goes to a file while its SHA-256 is computed."""
    host, reports = _host(), here().reports
    most = reports.allowance(host, result, now())
    with UPLOADING.taken() as free:
        if not free:
            raise HostRefused(RefusalCode.busy)
        with WRITERS.noted(result, pacing.current(), request.environ.get("gunicorn.socket")):
            path, sha256 = arriving.receive(here().incoming_gradients, result, most)
    try:
        return answer(reports.report(host, result, path, sha256, now()))
    finally:
        path.unlink(missing_ok=True)


def _beginning(result: str) -> Response:
    """Whoever still seems to send it, on a line that says nothing any more, is cut off first."""
    host = _host()
    here().reports.allowance(host, result, now())
    with UPLOADING.taken() as free:
        if not free:
            raise HostRefused(RefusalCode.busy)
        if not WRITERS.make_way(result):
            raise UploadLocked
    found = arriving.Beginnings(here().incoming_gradients).find(result)
    if found is None:
        return answer(messages.Beginning())
    return answer(messages.Beginning(found.sha256, found.received, found.size))


def _give_back(result: str) -> Response:
    host, message = _host(), read_message(messages.GiveBack)
    return answer(here().reports.give_back(host, result, message, now()))


def _openapi() -> Response:
    response = Response(_document(), mimetype="application/json")
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


def _release_manifest() -> Response:
    """Byte for byte as it was signed."""
    return _untouched(here().releases.require().stored.manifest, "application/json")


def _release_signature() -> Response:
    return _untouched(here().releases.require().stored.signature, "application/octet-stream")


def _untouched(body: bytes, kind: str) -> Response:
    response = Response(body, mimetype=kind)
    response.headers["Cache-Control"] = "no-cache"
    return response


def _release_file(file: str) -> Response:
    return installer(file)


HANDLERS: dict[str, Callable[..., Response]] = {
    "attach": _attach,
    "device": _device,
    "device_token": _device_token,
    "numbers": _numbers,
    "detach_self": _detach_self,
    "work": _work,
    "blob": _blob,
    "heartbeat": _heartbeat,
    "report": _report,
    "beginning": _beginning,
    "give_back": _give_back,
    "release_manifest": _release_manifest,
    "release_signature": _release_signature,
    "release_file": _release_file,
}


@functools.cache
def _document() -> bytes:
    return msgspec.json.encode(openapi.document())


def _host() -> Host:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise UnknownToken
    return here().hosts.by_token(token.strip())
