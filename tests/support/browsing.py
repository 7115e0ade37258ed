"""Debian's Chromium, one window at a time, and an eye on what its pages ask for and complain about."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request

from tests.support.person import Person

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
SCHEMES = ("light", "dark")
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    # Whatever a page may want from elsewhere: there is no elsewhere.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
OWN_SCHEMES = ("data", "blob", "about")


def chromium_path() -> str:
    """Skips on a laptop without it; fails where the tests must be complete."""
    path = shutil.which("chromium")
    if path is None:
        required = os.environ.get("CI") or os.environ.get("DAIG_REQUIRE_BROWSER")
        (pytest.fail if required else pytest.skip)("Debian's chromium is not installed")
    return path


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=chromium_path(), args=list(ARGUMENTS))


@dataclass
class Watch:
    """What a grid's pages did that they must not do: ask another address, throw, break their content policy.

    `expected` are patterns of console lines that a test provokes.
    """

    address: str
    foreign: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def over(self, context: BrowserContext) -> None:
        context.on("request", self._request)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.complaints.append(f"page error: {error.error}"))

    def _request(self, request: Request) -> None:
        scheme = urlsplit(request.url).scheme
        if scheme not in OWN_SCHEMES and not request.url.startswith(self.address + "/"):
            self.foreign.append(f"{request.method} {request.url}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def require_quiet(self) -> None:
        assert self.foreign == [], "a request left the grid's own address"
        unexpected = [line for line in self.complaints if not any(re.search(one, line) for one in self.expected)]
        assert unexpected == [], "\n".join(unexpected)


@dataclass(frozen=True)
class Windows:
    """Opens windows of one browser on one grid; each with a cookie jar of its own."""

    browser: Browser
    watch: Watch

    @contextmanager
    def open(
        self, size: str = "desktop", scheme: str = "light", javascript: bool = True, person: Person | None = None
    ) -> Iterator[Page]:
        """A blank page; `person` is logged in there with the session that she has already."""
        width, height = SIZES[size]
        context = self.browser.new_context(
            base_url=self.watch.address, viewport={"width": width, "height": height}, color_scheme=scheme,
            java_script_enabled=javascript, reduced_motion="reduce", locale="en-GB", timezone_id="UTC",
        )  # fmt: skip
        try:
            self.watch.over(context)
            context.set_default_timeout(20_000)
            if person is not None:
                enter(context, person)
            yield context.new_page()
        finally:
            context.close()


def enter(context: BrowserContext, person: Person) -> None:
    """Take over the session of a person who has logged in without a browser."""
    context.add_cookies(
        [{"name": one.name, "value": one.value or "", "url": person.address} for one in person.session.cookies]
    )
