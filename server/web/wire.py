"""Messages of the protocol out of requests and into answers, for both APIs."""

from typing import TypeVar

import msgspec
from flask import Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from server.web import pacing
from server.web.errors import HostRefused
from volunteer.protocol import messages
from volunteer.protocol.refusals import RefusalCode

M = TypeVar("M", bound=msgspec.Struct)


def read_message(kind: type[M]) -> M:
    """The request's body. Raises Malformed, HostRefused."""
    try:
        data = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise HostRefused(RefusalCode.malformed_request, "The message is too long.") from None
    pacing.current().rest()
    return messages.decode(data, kind)


def read_query(kind: type[M]) -> M:
    """What stands behind the address's question mark. Raises Malformed."""
    try:
        return msgspec.convert(request.args.to_dict(), kind, strict=False)
    except msgspec.ValidationError as error:
        raise messages.Malformed(str(error)) from None


def answer(message: msgspec.Struct, status: int = 200) -> Response:
    """The answer, which nobody on the way may keep."""
    response = Response(messages.encode(message), status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
