"""Pages of errors: what is wrong, and a way on."""

from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import abort

from server.errors import AccountBlocked, Busy, TooManyTries
from server.web.app import create_app

HTTP = (403, 405, 408, 411, 413, 414, 429, 500, 503)


def page_of(app: Any, raised: Any) -> Any:
    app.add_url_rule("/raises", "raises", lambda: abort(raised) if isinstance(raised, int) else raised_by(raised))
    return app.test_client().get("/raises")


def raised_by(error: type[Exception]) -> str:
    raise error()


@pytest.mark.parametrize("status", HTTP)
def test_every_error_has_a_heading_a_sentence_and_a_way_on(services: Any, status: int) -> None:
    answer = page_of(create_app(services), status)
    page: Any = BeautifulSoup(answer.text, "html.parser")
    assert answer.status_code == status
    assert page.find("p", role="alert").text.endswith(".")
    assert len(page.find("h1").text) > 5
    assert page.select("main a[href]")
    if status in (408, 429, 500, 503):
        assert page.select_one('main a[href="/status"]') is not None


@pytest.mark.parametrize(("error", "status"), [(TooManyTries, 429), (Busy, 503), (AccountBlocked, 403)])
def test_the_grids_own_errors_say_when_to_come_again(services: Any, error: Any, status: int) -> None:
    answer = page_of(create_app(services), error)
    assert answer.status_code == status
    assert ("Retry-After" in answer.headers) == (status in (429, 503))
    assert error.__doc__ in answer.text
