"""The one table from what goes wrong to an HTTP status, a refusal code for hosts and a heading for people."""

import errno
import logging
import random
from typing import NamedTuple

from flask import Flask, Response, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import ClientDisconnected, HTTPException

from server import errors
from server.web.pacing import Crowded
from volunteer.protocol.endpoints import PREFIX
from volunteer.protocol.messages import Malformed, encode
from volunteer.protocol.refusals import KINDS, Refusal, RefusalCode, refusal

log = logging.getLogger(__name__)
_C = RefusalCode

BUSY_SECONDS = (0.2, 1.0)
"""After so long a host may come again; at random, so that not all come at once."""


class Answer(NamedTuple):
    """How an error is answered: people get status and heading, hosts the code and the code's status."""

    status: int
    code: RefusalCode
    heading: str


class HostRefused(Exception):
    """The web room itself refuses what a host sent, before the domain is asked."""

    def __init__(self, code: RefusalCode, detail: str = "") -> None:
        super().__init__(code.value)
        self.code = code
        self.detail = detail


ANSWERS: dict[type[errors.GridError], Answer] = {
    errors.NotFound: Answer(404, _C.no_such_thing, "There is no such page for you"),
    errors.NoSuchResult: Answer(404, _C.no_such_result, "There is no such result"),
    errors.NoSuchBlob: Answer(404, _C.no_such_blob, "There is no such file"),
    errors.NotAllowedNow: Answer(409, _C.not_now, "Not in this state"),
    errors.NotAcceptable: Answer(400, _C.not_acceptable, "This cannot be used"),
    errors.TooManyTries: Answer(429, _C.too_many_tries, "Too many tries"),
    errors.Busy: Answer(503, _C.busy, "Busy just now"),
    errors.NotWritten: Answer(503, _C.busy, "This did not succeed just now"),
    errors.NotDelivered: Answer(502, _C.server_error, "Not delivered"),
    errors.JoinKeyInvalid: Answer(403, _C.join_key_invalid, "This join key does not work"),
    errors.LinkPending: Answer(400, _C.authorization_pending, "Not confirmed yet"),
    errors.LinkTooFast: Answer(400, _C.slow_down, "Asked too often"),
    errors.LinkDenied: Answer(400, _C.access_denied, "Refused"),
    errors.LinkExpired: Answer(400, _C.expired_token, "This code does not work"),
    errors.HostTooOld: Answer(426, _C.host_too_old, "This program is too old"),
    errors.UnknownToken: Answer(401, _C.unknown_token, "Unknown host"),
    errors.MissingScope: Answer(403, _C.missing_scope, "This token may not do that"),
    errors.AccountBlocked: Answer(403, _C.account_blocked, "This account is blocked"),
    errors.HostQuarantined: Answer(403, _C.host_quarantined, "This machine is in quarantine"),
    errors.NotYourResult: Answer(403, _C.not_your_result, "Not your result"),
    errors.StaleResult: Answer(409, _C.stale_result, "Not needed any more"),
    errors.ResultEnded: Answer(409, _C.result_ended, "Already ended"),
    errors.DigestMismatch: Answer(422, _C.digest_mismatch, "The upload arrived damaged"),
    errors.MalformedGradient: Answer(422, _C.malformed_gradient, "Not a gradient"),
    errors.TooLarge: Answer(413, _C.too_large, "This upload is too large"),
    errors.NoSuchUpload: Answer(404, _C.no_such_thing, "There is no such upload"),
    errors.UploadGone: Answer(410, _C.upload_gone, "This upload is over"),
    errors.UploadConflict: Answer(409, _C.upload_conflict, "The upload stands elsewhere"),
    errors.UploadLocked: Answer(423, _C.upload_locked, "Somebody is sending this upload"),
    errors.ChecksumMismatch: Answer(460, _C.checksum_mismatch, "The upload arrived damaged"),
    errors.QuotaExceeded: Answer(413, _C.quota_exceeded, "More than you may upload"),
    errors.SomebodyElseWasFirst: Answer(503, _C.busy, "Somebody else was first"),
    errors.LeadershipLost: Answer(503, _C.busy, "The server is changing over"),
    errors.GridError: Answer(500, _C.server_error, "Something went wrong here"),
}

_HTTP_HEADINGS = {
    400: ("This request cannot be read", "Go back, reload the page and try again."),
    403: ("This is not for you", "You may have to log in with another account."),
    404: ("There is no such page", "It may have been deleted, or it belongs to somebody else."),
    405: ("Not in this way", "Go back and use the buttons of the page."),
    408: ("The upload stopped", "Nothing came for a while. Check your connection and send the form again."),
    411: ("This upload does not say how large it is", "Send it from the page's own form, or with a Content-Length."),
    413: ("This upload is too large", "Send less: float32 or uint8 arrays are often enough."),
    414: ("This address is too long", "It may have been copied twice. Begin at the start page."),
    429: ("Too many tries", "Wait a few minutes and try again."),
    503: ("Busy just now", "The grid has more to do than it can at this moment. Try again in a minute."),
    507: ("The server's disk is full", "Nothing was lost. Tell the person who runs this grid."),
}

_IN_OWN_WORDS = frozenset({
    _C.unknown_token, _C.no_such_thing, _C.not_now, _C.not_acceptable, _C.missing_scope, _C.upload_conflict,
    _C.checksum_mismatch, _C.quota_exceeded, _C.stale_result,
})  # fmt: skip
"""The codes of which the error says all there is to say: the code's own sentence is general."""

_COME_AGAIN = {429: 300, 503: 30}
"""When people may try again, in seconds."""

_HTTP_CODES = {411: _C.length_required, 413: _C.too_large, 408: _C.too_slow, 503: _C.busy}


def answer_to(error: errors.GridError) -> Answer:
    """The row of the error's nearest class."""
    return next(ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS)


def is_api() -> bool:
    """Whether the present request speaks the volunteers' protocol."""
    return request.path.startswith(PREFIX + "/")


def refuse(code: RefusalCode, detail: str = "", status: int | None = None) -> Response:
    """The refusal as a host reads it."""
    return _refusal(refusal(code, detail[:1500]), status or KINDS[code].status)


def page(status: int, heading: str, sentence: str) -> Response:
    """An error page that says what is wrong and where to go on. JSON for the pages' own polling."""
    if request.path.endswith(".json"):
        response = make_response({"error": sentence or heading}, status)
    else:
        text = render_template("error.html", status=status, heading=heading, sentence=sentence)
        response = make_response(text, status)
    response.headers["Cache-Control"] = "no-store"
    return response


def busy_page(sentence: str) -> Response:
    """To people: come again in a moment."""
    response = page(503, "Busy just now", f"{sentence} Please try again in a minute.")
    response.headers["Retry-After"] = "30"
    return response


def was_silent(error: Exception) -> bool:
    """Whether the sender has not gone but said nothing for too long: Werkzeug makes one error of both."""
    return isinstance(error, ClientDisconnected) and isinstance(error.__context__, TimeoutError)


def install(app: Flask) -> None:
    app.register_error_handler(errors.GridError, _on_grid_error)
    app.register_error_handler(HostRefused, _on_host_refused)
    app.register_error_handler(Malformed, _on_malformed)
    app.register_error_handler(CSRFError, _on_csrf)
    app.register_error_handler(HTTPException, _on_http)
    app.register_error_handler(TimeoutError, _on_stall)
    app.register_error_handler(Exception, _on_surprise)


def _refusal(message: Refusal, status: int) -> Response:
    response = Response(encode(message), status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="daig"'
    if status == 503:
        response.headers["Retry-After"] = f"{random.uniform(*BUSY_SECONDS):.2f}"
    return response


def _on_grid_error(error: errors.GridError) -> Response:
    answer = answer_to(error)
    if is_api():
        said_already = error.sentence == (type(error).__doc__ or "").strip()
        if answer.code in _IN_OWN_WORDS and not said_already:
            field = error.field if isinstance(error, errors.NotAcceptable) else ""
            return _refusal(Refusal(answer.code.value, error.sentence[:1500], field), KINDS[answer.code].status)
        # The code has a sentence of its own; the error's is added where it says more than its class does.
        return refuse(answer.code, "" if said_already else error.sentence)
    response = page(answer.status, answer.heading, error.sentence)
    if answer.status in _COME_AGAIN:
        response.headers["Retry-After"] = str(_COME_AGAIN[answer.status])
    return response


def _on_host_refused(error: HostRefused) -> Response:
    return refuse(error.code, error.detail)


def _on_malformed(error: Malformed) -> Response:
    return refuse(_C.malformed_request, str(error))


def _on_csrf(error: CSRFError) -> Response:
    if is_api():
        return refuse(_C.malformed_request, "Its CSRF token is missing or out of date: reload the page.")
    return page(
        400,
        "This form is out of date",
        "It was opened before you last logged in or out, or this browser refuses cookies. "
        "Go back, reload the page and send it again.",
    )


def _on_http(error: HTTPException) -> Response:
    if error.response is not None:
        return make_response(error.response)
    if was_silent(error):
        return _on_stall(error.__context__)
    status = error.code or 500
    if is_api():
        if status in (404, 405):
            return refuse(_C.malformed_request, "This version of the server has no such endpoint.", status)
        if status == 416:
            return refuse(_C.malformed_request, "The blob has no such part.", status)
        return refuse(_HTTP_CODES.get(status, _C.malformed_request if status < 500 else _C.server_error))
    heading, sentence = _HTTP_HEADINGS.get(status, (error.name, error.description or ""))
    response = page(status, heading, sentence)
    if status == 405:
        response.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
    return response


def _on_stall(error: BaseException | None) -> Response:
    if isinstance(error, Crowded):
        return refuse(_C.busy) if is_api() else busy_page("Many slow connections are open.")
    return refuse(_C.too_slow) if is_api() else page(408, *_HTTP_HEADINGS[408])


def _on_surprise(error: Exception) -> Response:
    # The rule, not the path: a mailed link has its secret there.
    where = request.url_rule if request.blueprint == "mail_links" else request.path
    log.exception("unexpected error at %s %s", request.method, where)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return refuse(_C.busy, "Its disk is full.") if is_api() else page(507, *_HTTP_HEADINGS[507])
    if is_api():
        return refuse(_C.server_error)
    return page(500, "Something went wrong here", "It has been recorded, and nothing that was saved is lost.")
