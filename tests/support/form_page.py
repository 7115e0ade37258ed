"""The pages of a requestor, by their labels and names: what a person does there, in one line each."""

import re
from collections.abc import Mapping
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.support.person import PASSWORD

CHECK_SECONDS = 120
FORM = {"name": "digits", "batch_size": "16", "epochs": "2", "k": "4", "validation_fraction": "0.1", "consent": "1"}


def sign_up(page: Page, name: str) -> None:
    page.goto("/")
    page.get_by_role("navigation").get_by_role("link", name="Sign up").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()


def fill(page: Page, files: Mapping[str, Path], texts: Mapping[str, str]) -> None:
    """Choose these files and enter these texts; a box is ticked by "1"."""
    for field, path in files.items():
        page.locator(f"input[type=file][name={field}]").set_input_files(path)
    for field, text in texts.items():
        _enter(page, control(page, field), text)


def control(page: Page, field: str) -> Locator:
    return page.locator(f"#project-form [name={field}]:not([type=hidden])").first


def _enter(page: Page, field: Locator, text: str) -> None:
    # What is folded away is opened first, as a person would.
    while (folded := field.locator("xpath=ancestor::details[not(@open)]")).count():
        folded.first.locator("summary").first.click()
    kind = field.evaluate("(one) => one.type")
    if kind in ("checkbox", "radio"):
        field.set_checked(bool(text))
    elif kind.startswith("select"):
        field.select_option(text)
    else:
        field.fill(text)


def without_the_browsers_own_checks(page: Page) -> None:
    """So that the server's answers are seen: a number's field would not even take a word."""
    page.evaluate(
        "for (const one of document.querySelectorAll('#project-form input[type=number]')) one.type = 'text';"
        "document.getElementById('project-form').noValidate = true;"
    )


def send(page: Page) -> str:
    """Press the form's button and wait for the checks; the draft's state."""
    page.evaluate("document.body.dataset.sent = 'no answer yet'")
    page.locator("#project-form button[type=submit]").last.click()
    expect(page.locator("body[data-sent]")).to_have_count(0, timeout=60_000)
    expect(page).to_have_url(re.compile(r"/drafts/\d+$"))
    return checked(page)


def checked(page: Page) -> str:
    badge = page.locator(".heading .badge")
    expect(badge).to_have_class(re.compile("ready|needs_correction"), timeout=1000 * CHECK_SECONDS)
    return (badge.get_attribute("class") or "").split()[-1]


def beside(page: Page) -> dict[str, str]:
    """Field -> the sentence that is tied to its control and stands with it in one element."""
    found = {}
    for one in page.locator("#project-form [aria-invalid=true]").all():
        name = one.get_attribute("name") or one.get_attribute("data-field") or one.locator("..").get_attribute("id")
        assert name, one.evaluate("(one) => one.outerHTML")
        assert f"{name}-problem" in (one.get_attribute("aria-describedby") or "").split(), name
        sentence = page.locator(f"#{name}-problem")
        assert sentence.is_visible(), f"what is wrong with {name} is hidden"
        within = "(one, other) => one.closest('.field, fieldset').contains(other)"
        assert sentence.evaluate(within, one.element_handle()), f"what is wrong with {name} stands elsewhere"
        found[name] = sentence.inner_text()
    return found


def start(page: Page) -> int:
    """From the draft that is ready to the project's page; its number."""
    page.get_by_role("button", name="Start the training").click()
    expect(page).to_have_url(re.compile(r"/projects/\d+$"))
    return int(page.url.rsplit("/", 1)[1])
