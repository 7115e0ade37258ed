"""Linking by the device flow: a real web process, the real client, and a person with a browser's cookies and forms."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.person import Person
from tests.support.web_process import MACHINE, WebProcess
from volunteer.agent.attaching import detach, link
from volunteer.agent.patience import Patience
from volunteer.client.grid import GridClient
from volunteer.errors import StopAndTell
from volunteer.join_file import JOIN_FILE, read_join_file
from volunteer.protocol.messages import AttachRequest, DeviceCode, DeviceRequest, NoWork, WorkRequest
from volunteer.spool.identity import IdentityFile


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebProcess]:
    started = WebProcess(tmp_path)
    yield started
    started.close()


@pytest.fixture
def person(web: WebProcess) -> Person:
    return Person(web.url, "volunteer").sign_up()


class App:
    """What the app does when its owner says "link": shows a code and waits."""

    def __init__(self, web: WebProcess, folder: Path) -> None:
        self.grid = GridClient(web.url)
        self.file = IdentityFile(folder / "home" / "token.json")
        self.shown: list[DeviceCode] = []
        self._url = web.url
        self._seen = threading.Event()
        self.stop = threading.Event()

    def link(self) -> bool:
        # The person has answered before the first question, so there is nothing to wait for.
        patience = Patience(wait=lambda event, _seconds: event.wait(0.05))
        request = DeviceRequest("attic", MACHINE)
        return link(self.grid, self.file, self._url, request, self._show, patience, self.stop)

    def _show(self, code: DeviceCode) -> None:
        self.shown.append(code)
        self._answer(code)

    _answer = staticmethod(lambda code: None)

    def answered_by(self, answer) -> "App":  # type: ignore[no-untyped-def]
        """The person answers as soon as the code is shown."""
        self._answer = answer
        return self


@pytest.fixture
def app(web: WebProcess, tmp_path: Path) -> Iterator[App]:
    one = App(web, tmp_path)
    yield one
    one.grid.close()


def test_a_machine_is_linked_by_a_person_who_confirms_its_code_works_and_is_detached(app: App, person: Person) -> None:
    def confirm(code: DeviceCode) -> None:
        page = code.verification_uri_complete.removeprefix(person.address)
        shown = person.get(page)
        assert "attic" in shown.text
        assert code.user_code in shown.text
        answer = person.submit("/device/confirm", {"code": code.user_code}, page=page)
        assert "“attic” is linked" in answer.text

    assert app.answered_by(confirm).link()
    identity = app.file.load()
    assert identity is not None
    assert identity.token.startswith("daighost_")
    assert isinstance(app.grid.work(WorkRequest(MACHINE)), NoWork)
    numbers = app.grid.numbers()
    assert (numbers.name, numbers.account, numbers.units, numbers.credit) == ("attic", "volunteer", 0, 0)
    assert '<th scope="row">attic' in person.get("/computers").text

    assert detach(app.grid, app.file)
    assert app.file.load() is None
    with pytest.raises(StopAndTell) as caught:
        app.grid.work(WorkRequest(MACHINE))
    assert caught.value.code == "unknown_token"
    assert '<th scope="row">attic' not in person.get("/computers").text


def test_a_person_who_denies_ends_it_with_a_sentence(app: App, person: Person) -> None:
    app.answered_by(lambda code: person.submit("/device/deny", {"code": code.user_code}, page="/device"))
    with pytest.raises(StopAndTell, match="refused") as caught:
        app.link()
    assert caught.value.code == "access_denied"
    assert app.file.load() is None
    assert len(app.shown) == 1


def test_a_laboratorys_machine_joins_by_the_file_that_its_keeper_downloaded(
    person: Person, web: WebProcess, tmp_path: Path
) -> None:
    form = {"label": "lab", "uses": "30", "hours": "24"}
    answer = person.submit("/computers/join-file", form, page="/computers")
    path = tmp_path / answer.headers["Content-Disposition"].partition("filename=")[2]
    assert path.name == JOIN_FILE
    path.write_bytes(answer.content)
    read = read_join_file(path)
    assert (read.server, read.fingerprint) == (web.url, None)
    assert read.join_key is not None
    grid = GridClient(read.server)
    grid.use_token(grid.attach(AttachRequest(read.join_key, "lab 7", MACHINE)).token)
    assert grid.numbers().account == "volunteer"
    grid.close()
