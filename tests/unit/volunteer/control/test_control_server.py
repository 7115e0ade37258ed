"""The socket itself: who may speak, how much, for how long."""

import os
import socket
import stat
import threading
import time

import pytest

from volunteer.config import Folders
from volunteer.control.client import ControlClient, NotRunning
from volunteer.control.loopback import LoopbackDoor
from volunteer.control.messages import (
    Activity,
    Done,
    PauseRequest,
    QuitRequest,
    Refused,
    Reply,
    Status,
    StatusRequest,
)
from volunteer.control.server import Bounds, ControlServer
from volunteer.control.unix_socket import UnixDoor
from volunteer.errors import RetryLater, StopAndTell
from volunteer.protocol.messages import decode, encode

STATUS = Status(version=7, activity=Activity.training, sentence="Training.")
QUICK = Bounds(seconds=0.3, line=1000, programs=4)


def unix_door(folder, **options):
    return UnixDoor(folder, own_user=os.getuid(), **options)


@pytest.fixture(params=[unix_door, LoopbackDoor], ids=["unix", "loopback"])
def door(request, tmp_path):
    return request.param(tmp_path / "state")


@pytest.fixture
def serve():
    servers = []

    def start(door, answer=lambda _request, _still_there: STATUS, bounds=QUICK):
        servers.append(ControlServer(door, answer, bounds))
        return servers[-1]

    yield start
    for one in servers:
        one.close()


def client_of(door):
    return ControlClient(Folders.below(door._path.parent.parent), door)


def raw(door, data: bytes) -> Reply:
    """What is answered to these bytes."""
    with door.connect(1.0) as connection:
        connection.sendall(data)
        connection.settimeout(5)
        with connection.makefile("rb") as stream:
            return decode(stream.readline(), Reply)


def test_a_question_is_answered(door, serve):
    serve(door)
    assert client_of(door).ask(StatusRequest()) == STATUS


def test_without_an_app_the_client_says_so(door, serve):
    with pytest.raises(NotRunning, match="not running"):
        client_of(door).ask(StatusRequest())
    serve(door).close()
    with pytest.raises(NotRunning):
        client_of(door).ask(StatusRequest())


@pytest.mark.parametrize(
    "line",
    [b"\n", b"no json\n", b"[]\n", b'{"ask":"dance"}\n', b'{"ask":"pause","until":"2026-01-01T10:00:00"}\n',
     b'{"ask":"status","wait_seconds":1e9}\n', b'{"ask":"set_preferences","changes":{"a":1}}\n', b"\xff\xfe\n",
     b"[" * 900 + b"\n"],
)  # fmt: skip
def test_a_malformed_message_gets_a_sentence_and_the_next_one_an_answer(door, serve, line):
    serve(door)
    reply = raw(door, line)
    assert isinstance(reply, Refused)
    assert (reply.code, "no message for this app" in reply.sentence) == ("malformed", True)
    assert client_of(door).ask(StatusRequest()) == STATUS


def test_a_message_without_end_is_cut_off(door, serve):
    serve(door)
    reply = raw(door, b"x" * 1500)
    assert isinstance(reply, Refused)
    assert "longer than 1000 bytes" in reply.sentence


def test_a_program_that_says_nothing_is_hung_up_on_and_holds_up_nobody(door, serve):
    serve(door, bounds=Bounds(seconds=2.0))
    with door.connect(1.0) as silent:
        silent.sendall(b'{"ask":')
        started = time.monotonic()
        assert client_of(door).ask(StatusRequest()) == STATUS
        assert time.monotonic() - started < 1.9
        silent.settimeout(5)
        assert b"not whole within" in silent.recv(1000)
        assert silent.recv(1) == b""


def test_a_program_that_does_not_take_its_answer_is_hung_up_on(door, serve):
    long = Status(version=1, activity=Activity.training, sentence="x" * 30_000_000)
    serve(door, lambda _request, _still_there: long, Bounds(seconds=0.2, programs=1))
    with door.connect(1.0) as slow:
        slow.sendall(encode(StatusRequest()) + b"\n")
        time.sleep(0.6)
        with door.connect(1.0) as another:
            another.sendall(encode(StatusRequest()) + b"\n")
            another.settimeout(5)
            assert another.recv(20).startswith(b'{"reply":"status"')


def test_more_programs_than_there_are_places_wait_for_one(door, serve):
    go = threading.Event()

    def answer(_request, _still_there):
        go.wait(10)
        return STATUS

    serve(door, answer, Bounds(seconds=2.0, programs=2))
    answers = []
    askers = [threading.Thread(target=lambda: answers.append(client_of(door).ask(StatusRequest()))) for _ in range(2)]
    for one in askers:
        one.start()
    time.sleep(0.1)
    assert answers == []
    go.set()
    assert client_of(door).ask(StatusRequest()) == STATUS
    for one in askers:
        one.join(5)
    assert answers == [STATUS] * 2


def test_many_programs_are_answered_at_once(door, serve):
    serve(door, bounds=Bounds(programs=32))
    answers = []
    askers = [threading.Thread(target=lambda: answers.append(client_of(door).ask(StatusRequest()))) for _ in range(12)]
    for one in askers:
        one.start()
    for one in askers:
        one.join(10)
    assert answers == [STATUS] * 12


@pytest.mark.parametrize(
    ("error", "sentence", "code"),
    [
        (StopAndTell("Not with me.", "no"), "Not with me.", "no"),
        (RetryLater("The grid is away."), "The grid is away.", ""),
        (ZeroDivisionError(), "log says more", "internal"),
    ],
)
def test_what_the_app_cannot_do_comes_back_as_a_sentence(door, serve, error, sentence, code):
    def answer(_request, _still_there):
        raise error

    serve(door, answer)
    with pytest.raises(StopAndTell, match=sentence) as refused:
        client_of(door).ask(PauseRequest())
    assert refused.value.code == code


def test_the_app_knows_when_the_one_who_asked_has_gone(door, serve):
    seen = []

    def answer(_request, still_there):
        end = time.monotonic() + 5
        seen.append(still_there())
        while still_there() and time.monotonic() < end:
            time.sleep(0.01)
        seen.append(still_there())
        return Done()

    serve(door, answer)
    with door.connect(1.0) as connection:
        connection.sendall(encode(QuitRequest()) + b"\n")
        while not seen:
            time.sleep(0.01)
    end = time.monotonic() + 5
    while len(seen) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    assert seen == [True, False]


def test_what_a_dead_process_left_is_replaced_and_a_live_one_is_not(door, serve):
    left = door.listen()
    left.close()
    serve(door)
    assert client_of(door).ask(StatusRequest()) == STATUS
    with pytest.raises(OSError, match="in use"):
        type(door).listen(door)


def test_only_the_owner_may_enter_and_nothing_is_left_at_the_end(door, serve):
    server = serve(door)
    assert stat.S_IMODE(door._path.stat().st_mode) == 0o600
    assert stat.S_IMODE(door._path.parent.stat().st_mode) == 0o700
    server.close()
    assert not list(door._path.parent.iterdir())


@pytest.mark.parametrize(("seconds", "heard"), [(0.2, True), (2.0, False)])
def test_an_answer_under_way_is_waited_for_at_the_end_but_not_for_long(door, serve, seconds, heard):
    asked, answered = threading.Event(), []

    def answer(_request, _still_there):
        asked.set()
        time.sleep(seconds)
        answered.append(True)
        return STATUS

    server = serve(door, answer)
    client = threading.Thread(target=lambda: client_of(door).ask(StatusRequest()))
    client.start()
    assert asked.wait(5)
    begun = time.monotonic()
    server.close()
    assert answered == ([True] if heard else [])
    assert time.monotonic() - begun < 1.9
    client.join()


@pytest.mark.parametrize(("user", "admitted"), [(1000, True), (0, True), (1001, False), (None, True)])
def test_another_user_is_turned_away(tmp_path, serve, user, admitted, caplog):
    door = UnixDoor(tmp_path, own_user=1000, peer=lambda _connection: user)
    serve(door)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(tmp_path / "control.sock"))
        connection.settimeout(5)
        if admitted:
            connection.sendall(encode(StatusRequest()) + b"\n")
        assert (b"Training" in connection.recv(1000)) == admitted
    assert ("turned away" in caplog.text) != admitted


def test_the_kernel_says_who_is_at_the_other_end(tmp_path, serve):
    seen = []

    def peer(connection):
        from volunteer.control.unix_socket import peer_user

        seen.append(peer_user(connection))
        return seen[-1]

    door = unix_door(tmp_path, peer=peer)
    serve(door)
    client_of(door).ask(StatusRequest())
    assert set(seen) == {os.getuid()}


def test_a_client_does_not_speak_to_another_users_app(tmp_path, serve):
    serve(unix_door(tmp_path))
    stranger = UnixDoor(tmp_path, own_user=1000, peer=lambda _connection: 1001)
    with pytest.raises(NotRunning):
        client_of(stranger).ask(StatusRequest())


def test_a_folder_whose_name_is_too_long_for_the_kernel_works_too(tmp_path, serve):
    folder = tmp_path / ("x" * 120) / "state"
    door = unix_door(folder)
    serve(door)
    assert (folder / "control.sock").is_socket()
    assert client_of(door).ask(StatusRequest()) == STATUS


def test_a_port_without_the_secret_opens_nothing(tmp_path, serve):
    door = LoopbackDoor(tmp_path)
    serve(door)
    other = LoopbackDoor(tmp_path / "other")
    other.listen().close()
    port = int(door._path.read_text().split('"port": ')[1].split(",")[0])
    own = other._path.read_text()
    other._path.write_text(own.replace(own.split('"port": ')[1].split(",")[0], str(port)))
    with pytest.raises(ConnectionRefusedError, match="another program"):
        other.connect(1.0)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(5)
        connection.sendall(b"nonce\n")
        connection.recv(200)
        connection.sendall(b"guess\n")
        assert connection.recv(1000) == b""
