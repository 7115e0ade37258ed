"""The page on which a person links a machine, as a browser meets it."""

import datetime as dt
import html
from typing import Any

import pytest
from bs4 import BeautifulSoup

from server.domain.devices import _MOST_GUESSES
from server.errors import LinkDenied, LinkPending
from volunteer.protocol.endpoints import PREFIX
from volunteer.protocol.messages import DeviceRequest, Machine, encode

MACHINE = Machine("Linux 6.1", "x86_64", 8, 8 * 10**9, "daig-volunteer 0.1.0", 1, 2)


class Waiting:
    """A machine that waits to be linked."""

    def __init__(self, services: Any, name: str = "attic") -> None:
        self._devices = services.devices
        self._moment = dt.datetime.now(dt.UTC)
        self.device_code, self.code = self._devices.ask(DeviceRequest(name, MACHINE), "192.0.2.7", self._moment)

    def poll(self) -> str:
        """The token."""
        self._moment += dt.timedelta(seconds=6)
        return str(self._devices.poll(self.device_code, self._moment).token)


@pytest.fixture
def waiting(services: Any) -> Waiting:
    return Waiting(services)


def test_who_is_not_logged_in_comes_back_with_the_code_after_the_log_in(browser: Any, waiting: Waiting) -> None:
    answer = browser.get(f"/device?code={waiting.code}")
    assert answer.location == f"/log-in?next=/device?code%3D{waiting.code}"
    browser.sign_up("owner")
    browser.post("/log-out", form="/account")
    given = {"name": "owner", "password": "four plain random words", "next": f"/device?code={waiting.code}"}
    assert browser.post("/log-in", given).location == f"/device?code={waiting.code}"


def test_a_newcomer_who_signs_up_first_comes_back_too(browser: Any, waiting: Waiting) -> None:
    page: Any = BeautifulSoup(browser.get(f"/log-in?next=/device?code%3D{waiting.code}").text, "html.parser")
    sign_up = next(link["href"] for link in page.main.find_all("a") if "sign-up" in link["href"])
    form: Any = BeautifulSoup(browser.get(sign_up).text, "html.parser")
    wanted = form.find("input", {"name": "next"})["value"]
    given = {"name": "newcomer", "password": "four plain random words", "next": wanted}
    assert browser.post("/sign-up", given, form=sign_up).location == f"/device?code={waiting.code}"


def test_the_page_shows_what_waits_and_warns_and_decides_nothing_by_itself(owner: Any, waiting: Waiting) -> None:
    answer = owner.get(f"/device?code={waiting.code.lower().replace('-', '')}")
    assert answer.status_code == 200
    for text in ("Link “attic”?", waiting.code, "Linux 6.1", "8 threads", "8.0 GB", "192.0.2.7", "just now"):
        assert text in answer.text, text
    assert "Confirm only a machine that is yours" in answer.text
    assert "where you are as well" not in answer.text
    near = owner.get(f"/device?code={waiting.code}", environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert "from 192.0.2.7, where you are as well" in near.text
    with pytest.raises(LinkPending):
        waiting.poll()


def test_a_machine_that_is_confirmed_is_among_ones_computers(owner: Any, waiting: Waiting) -> None:
    answer = owner.post("/device/confirm", {"code": waiting.code}, form="/device?code=" + waiting.code)
    assert answer.location == "/computers"
    assert waiting.poll().startswith("daighost_")
    page = owner.get("/computers").text
    assert "“attic” is linked" in page
    assert '<th scope="row">attic' in page


def test_a_machine_that_is_denied_is_not(owner: Any, waiting: Waiting) -> None:
    answer = owner.post("/device/deny", {"code": waiting.code}, form="/device?code=" + waiting.code)
    assert "was not linked" in owner.get(answer.location).text
    with pytest.raises(LinkDenied):
        waiting.poll()


@pytest.mark.parametrize("verb", ["confirm", "deny"])
def test_another_site_cannot_answer_in_somebodys_name(owner: Any, waiting: Waiting, verb: str) -> None:
    for data in ({"code": waiting.code}, {"code": waiting.code, "csrf_token": "guessed"}):
        assert owner.client.post(f"/device/{verb}", data=data).status_code == 400
    assert owner.get(f"/device/{verb}?code={waiting.code}").status_code == 405
    with pytest.raises(LinkPending):
        waiting.poll()


def test_who_is_not_logged_in_answers_nothing(browser: Any, owner: Any, waiting: Waiting) -> None:
    answer = browser.post("/device/confirm", {"code": waiting.code})
    assert answer.location.startswith("/log-in")
    with pytest.raises(LinkPending):
        waiting.poll()


@pytest.mark.parametrize(
    ("code", "says"),
    [("BCDF-GHJK", "No machine waits with this code"), ("BCD", "eight letters"), ("<script>", "eight letters"),
     ("12345678", "eight letters"), ("A" * 5000, "eight letters"), ("ßßßßßßßß", "eight letters")],
)  # fmt: skip
def test_a_code_that_nothing_waits_with_is_explained_beside_the_field(owner: Any, code: str, says: str) -> None:
    answer = owner.get("/device", query_string={"code": code})
    assert answer.status_code == 404
    page: Any = BeautifulSoup(answer.text, "html.parser")
    assert says in page.find(id="code-problem").text
    assert page.find(id="code")["aria-invalid"] == "true"
    assert "<script>" not in page.main.decode()
    again = owner.post("/device/confirm", {"code": code}, form="/device")
    assert (again.status_code, says in again.text) == (404, True)


def test_a_code_that_was_answered_says_so(owner: Any, stranger: Any, waiting: Waiting) -> None:
    owner.post("/device/confirm", {"code": waiting.code}, form="/device")
    said = "You have answered this code already: the machine is linked"
    assert f"{said} as soon as it asks." in owner.get(f"/device?code={waiting.code}").text
    waiting.poll()
    assert f"{said}." in owner.post("/device/confirm", {"code": waiting.code}, form="/device").text
    assert "No machine waits" in stranger.get(f"/device?code={waiting.code}").text


def test_whoever_guesses_is_stopped(stranger: Any, waiting: Waiting) -> None:
    for _ in range(_MOST_GUESSES):
        assert stranger.get("/device?code=BCDF-GHJK").status_code == 404
    for answer in (
        stranger.get(f"/device?code={waiting.code}"),
        stranger.post("/device/confirm", {"code": waiting.code}, form="/device"),
    ):
        assert answer.status_code == 429
        assert "attic" not in answer.text


def test_a_machines_words_are_shown_and_never_run(services: Any, owner: Any) -> None:
    name = '<img src=x onerror="alert(1)">'
    waiting = Waiting(services, name)
    page = owner.get(f"/device?code={waiting.code}").text
    assert html.escape(name).replace("&quot;", "&#34;") in page
    assert name not in page


def test_a_machine_learns_over_the_api_where_its_page_is(browser: Any) -> None:
    body = encode(DeviceRequest("attic", MACHINE))
    answer = browser.client.post(f"{PREFIX}/device", data=body).json
    assert answer["verification_uri"] == "http://localhost/device"
    assert answer["verification_uri_complete"] == f"http://localhost/device?code={answer['user_code']}"
    refused = browser.client.post(f"{PREFIX}/device/token", json={"device_code": answer["device_code"]})
    assert (refused.status_code, refused.json["code"]) == (400, "authorization_pending")


def test_ones_computers_lead_to_the_page(owner: Any) -> None:
    page: Any = BeautifulSoup(owner.get("/computers").text, "html.parser")
    assert page.main.find("a", href="/device") is not None
