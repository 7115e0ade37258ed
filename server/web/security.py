"""Cookies, CSRF and the headers that every answer carries."""

import datetime as dt
from collections.abc import Sequence

from flask import Blueprint, Flask, Response, request
from flask_wtf.csrf import CSRFProtect

from server.web.services import WebSettings

# Pico's own icons are data: images in its style sheet; nothing else comes from anywhere but here. WebAssembly computes
# the SHA-256 of what is uploaded.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not "no-referrer": over https the CSRF check wants to see that a form came from this site.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def install(app: Flask, settings: WebSettings, exempt: Sequence[Blueprint]) -> None:
    """`exempt` take no cookies (bearer tokens only), so there is nothing to forge there; or they check themselves."""
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SESSION_COOKIE_NAME="daig",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.https,
        PERMANENT_SESSION_LIFETIME=dt.timedelta(days=14),
        # The token lives as long as the session: a form left open over lunch must not lose what was typed.
        WTF_CSRF_TIME_LIMIT=None,
        PREFERRED_URL_SCHEME="https" if settings.https else "http",
    )
    protection = CSRFProtect(app)
    for blueprint in exempt:
        protection.exempt(blueprint)
    app.after_request(_headers)


def _headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if response.mimetype == "text/html":
        response.headers.setdefault("Cache-Control", "private, no-cache")
    return response
