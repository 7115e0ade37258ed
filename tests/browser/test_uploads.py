"""Files are sent in parts while the rest of the form is filled in; a reload or a broken line costs nothing."""

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.test_screenshots import PICTURES, WIDER_THAN_THE_WINDOW
from tests.support.axe import serious_faults
from tests.support.browsing import SIZES, Watch
from tests.support.grid import RunningGrid
from tests.support.person import Person

PART = 2**18
PATCHES = re.compile(r"/api/v1/uploads/\w+$")


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three parts, the last one a small one."""
    path = tmp_path_factory.mktemp("files") / "big.npy"
    path.write_bytes(b"\x93NUMPY" + bytes(range(256)) * (2 * PART // 256 + 100))
    return path


@pytest.fixture
def form(owner_page: Page, owner: Person) -> Iterator[Page]:
    owner_page.goto("/drafts/new")
    in_small_parts(owner_page)
    yield owner_page
    for one in owner.json("/api/v1/uploads")["uploads"]:
        token = owner_page.locator("[name=csrf_token]").first.get_attribute("value")
        headers = {"Tus-Resumable": "1.0.0", "X-CSRFToken": token or ""}
        owner.session.delete(f"{owner.address}/api/v1/uploads/{one['name']}", headers=headers, timeout=20)


def in_small_parts(page: Page) -> None:
    """Whole parts of the usual size take seconds on their way through the test's own hands."""
    page.evaluate(f"document.querySelectorAll('[data-tus]').forEach((one) => {{ one.dataset.part = {PART}; }})")


def until(page: Page, holds: Callable[[], bool]) -> None:
    for _ in range(600):
        if holds():
            return
        page.wait_for_timeout(50)
    raise AssertionError("waited for 30 s in vain")


def box_of(page: Page) -> Locator:
    return page.locator(".field:has(#data) .upload")


class Gate:
    """Lets that many parts through and keeps the next ones waiting, until it is opened."""

    def __init__(self, page: Page, parts: int) -> None:
        self.held: list[Route] = []
        self._left = parts
        page.route(PATCHES, self._decide)

    def _decide(self, route: Route) -> None:
        if route.request.method != "PATCH" or self._left > 0:
            self._left -= route.request.method == "PATCH"
            route.continue_()
        else:
            self.held.append(route)

    def open(self, breaking: bool = False) -> None:
        self._left = 10**9
        for route in self.held:
            route.abort("connectionreset") if breaking else route.continue_()


def offsets(owner: Person) -> list[int]:
    return [one["offset"] for one in owner.json("/api/v1/uploads")["uploads"]]


def test_a_chosen_file_is_sent_at_once_and_the_form_names_it(form: Page, owner: Person, big: Path) -> None:
    form.locator("#data").set_input_files(big)
    box = box_of(form)
    expect(box.get_by_role("status")).to_have_text("Uploaded, the checksum matches.", timeout=60_000)
    assert form.locator("#data").input_value() == ""
    (upload,) = owner.json("/api/v1/uploads")["uploads"]
    assert form.locator("[name=data_upload]").get_attribute("value") == upload["name"]
    assert upload["sha256"] == hashlib.sha256(big.read_bytes()).hexdigest()


def test_another_file_takes_the_place_of_the_one_before(form: Page, owner: Person, big: Path, tmp_path: Path) -> None:
    form.locator("#data").set_input_files(big)
    expect(box_of(form).get_by_role("status")).to_have_text("Uploaded, the checksum matches.")
    (tmp_path / "other.npy").write_bytes(b"another")
    form.locator("#data").set_input_files(tmp_path / "other.npy")
    expect(box_of(form)).to_contain_text("other.npy")
    expect(box_of(form).get_by_role("status")).to_have_text("Uploaded, the checksum matches.")
    until(form, lambda: offsets(owner) == [7])
    form.locator("#data").set_input_files(tmp_path / "other.npy")
    expect(box_of(form).get_by_role("status")).to_have_text("Uploaded, the checksum matches.")
    assert offsets(owner) == [7]


def test_after_a_reload_in_the_middle_it_goes_on_from_where_it_stopped(form: Page, owner: Person, big: Path) -> None:
    gate = Gate(form, 1)
    form.locator("#data").set_input_files(big)
    expect(form.locator(".field:has(#data) progress")).to_be_visible()
    until(form, lambda: offsets(owner) == [PART])
    form.reload()
    in_small_parts(form)
    gate.held.clear()
    gate.open()
    box = box_of(form)
    expect(box).to_contain_text("Choose the same file again")
    expect(box).to_contain_text("big.npy")
    sent: list[str] = []
    form.on("request", lambda one: sent.append(one.headers["upload-offset"]) if one.method == "PATCH" else None)
    form.locator("#data").set_input_files(big)
    expect(box.get_by_role("status")).to_have_text("Uploaded, the checksum matches.", timeout=60_000)
    assert sent[0] == str(PART)
    assert len(owner.json("/api/v1/uploads")["uploads"]) == 1


def test_a_broken_line_is_mended_by_itself(form: Page, watch: Watch, big: Path) -> None:
    watch.expected.append("ERR_INTERNET_DISCONNECTED|ERR_FAILED|Failed to load resource")
    gate = Gate(form, 1)
    form.locator("#data").set_input_files(big)
    until(form, lambda: bool(gate.held))
    gate.open(breaking=True)
    box = box_of(form)
    expect(box.get_by_role("status")).to_have_text("Uploaded, the checksum matches.", timeout=60_000)


def test_it_can_be_paused_continued_and_cancelled_by_keyboard(form: Page, owner: Person, big: Path) -> None:
    gate = Gate(form, 1)
    form.locator("#data").set_input_files(big)
    until(form, lambda: bool(gate.held))
    form.get_by_role("button", name="Pause: Training data").press("Enter")
    box = box_of(form)
    expect(box.get_by_role("status")).to_have_text("Paused.")
    gate.held.clear()
    gate.open()
    form.get_by_role("button", name="Go on: Training data").press("Enter")
    expect(box.get_by_role("status")).to_have_text("Uploaded, the checksum matches.", timeout=60_000)
    form.get_by_role("button", name="Remove: Training data").press("Enter")
    expect(box).to_be_hidden()
    expect(form.locator("#data")).to_be_focused()
    assert form.locator("[name=data_upload]").get_attribute("value") == ""
    until(form, lambda: offsets(owner) == [])


def test_the_form_waits_for_its_files(form: Page, grid: RunningGrid, big: Path) -> None:
    gate = Gate(form, 1)
    form.locator("#name").fill("digits")
    form.locator("#model").set_input_files(big)
    form.locator("#data").set_input_files(big)
    until(form, lambda: bool(gate.held))
    form.locator("#consent").check()
    form.get_by_role("button", name="Upload and check").click()
    expect(form.get_by_text("The form is sent as soon as its files are there.")).to_be_visible()
    assert form.url.endswith("/drafts/new")
    gate.open()
    form.wait_for_url(re.compile(r"/drafts/\d+$"), timeout=60_000)
    assert not list((grid.data / "partial").iterdir())


def test_what_the_server_refuses_is_said_beside_the_field(form: Page, watch: Watch, big: Path) -> None:
    watch.expected.append("413")
    sentence = "These files have 9.0 GB, and 20.0 GB in all is the most."
    body = f'{{"code": "quota_exceeded", "sentence": "{sentence}"}}'
    form.route("**/api/v1/uploads", lambda route: route.fulfill(status=413, body=body))
    form.locator("#data").set_input_files(big)
    box = box_of(form)
    expect(box.get_by_role("status")).to_have_text(sentence)
    form.get_by_role("button", name="Upload and check").click()
    assert form.url.endswith("/drafts/new")


def test_its_states_are_accessible_and_fit_into_a_narrow_window(form: Page, watch: Watch, big: Path) -> None:
    watch.expected.append("413")
    refused = '{"code": "quota_exceeded", "sentence": "These files have 9.0 GB, and 20.0 GB in all is the most."}'
    gate = Gate(form, 4)
    form.locator("#model").set_input_files(big)
    form.locator("#data").set_input_files(big)
    until(form, lambda: bool(gate.held))
    form.get_by_role("button", name="Pause: Training data").click()
    form.route("**/api/v1/uploads", lambda route: route.fulfill(status=413, body=refused))
    form.locator("#labels").set_input_files(big)
    expect(form.locator(".field:has(#labels) .upload").get_by_role("status")).to_contain_text("is the most")
    for size, scheme in (("desktop", "light"), ("phone", "dark")):
        width, height = SIZES[size]
        form.set_viewport_size({"width": width, "height": height})
        form.emulate_media(color_scheme=scheme)
        assert serious_faults(form) == []
        form.locator(".field:has(#data)").scroll_into_view_if_needed()
        form.screenshot(path=PICTURES / f"{size}-{scheme}" / "uploads.png", full_page=True)
        assert form.evaluate(WIDER_THAN_THE_WINDOW) <= 0
