"""Whom a script acts for: the access token in the Authorization header. Cookies mean nothing here."""

import threading
import time
from collections import OrderedDict

from flask import request

from server.errors import MissingScope, TooManyTries, UnknownToken
from server.rules.scopes import permits
from server.rules.views import Account, TokenOwner
from server.web.services import here, now

_WINDOW_SECONDS = 300.0
_MAX_WRONG = 60
_ADDRESSES = 4096


class WrongTries:
    """Counts an address's wrong tokens of late, in memory: whoever sends rubbish must cost no write."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, address: str) -> None:
        """Raises TooManyTries from the 61st on. Only wrong tokens are counted: nobody is locked out by another."""
        moment = time.monotonic()
        with self._lock:
            began, tries = self._counts.pop(address, (moment, 0))
            if moment - began > _WINDOW_SECONDS:
                began, tries = moment, 0
            self._counts[address] = (began, tries + 1)
            while len(self._counts) > _ADDRESSES:
                self._counts.popitem(last=False)
        if tries >= _MAX_WRONG:
            raise TooManyTries()


_wrong = WrongTries()


def is_bearer() -> bool:
    """Whether the request speaks by a token at all; then no cookie counts."""
    return "Authorization" in request.headers


def token_owner(scope: str) -> Account:
    """The account of the request's access token, which must have this scope. Raises as `speaker` does."""
    return speaker(scope).account


def speaker(scope: str) -> TokenOwner:
    """Whom the request's access token speaks for; it must have this scope (server/rules/scopes.py).

    Raises UnknownToken, MissingScope, AccountBlocked, TooManyTries.
    """
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not secret.strip():
        raise UnknownToken("Send an access token: “Authorization: Bearer daigtoken_...”. Your account page makes them.")
    try:
        owner = here().tokens.by_secret(secret.strip(), now())
    except UnknownToken:
        _wrong.count(request.remote_addr or "")
        raise
    if not permits(owner.scopes, scope):
        raise MissingScope(f"This access token lacks the scope “{scope}”. Make one that has it on your account page.")
    return owner
