"""The real web process with a certificate of its own: hosts that pin it, browsers, plain http, silent senders."""

import contextlib
import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from requestor.errors import Unreachable
from requestor.transport import Transport
from requestor.uploads import Uploads
from server import supervisor
from tests.support.certificates import SelfMade
from tests.support.grid import wait_for
from tests.support.web_process import MACHINE, WebProcess, health
from volunteer.client.grid import GridClient
from volunteer.protocol.messages import BlobRef, NoWork, WorkRequest

pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
SILENT = 100


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SelfMade:
    return SelfMade(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, made: SelfMade) -> Iterator[WebProcess]:
    web = WebProcess(tmp_path_factory.mktemp("web"), made)
    try:
        wait_for(lambda: health(web, 5) < 5, 60)
        yield web
    finally:
        web.close()


def test_a_host_that_pins_it_works_over_one_kept_connection(web: WebProcess, made: SelfMade) -> None:
    client = GridClient(web.url, made.fingerprint)
    client.use_token(web.token)
    for _ in range(20):
        assert isinstance(client.work(WorkRequest(MACHINE)), NoWork)
    began = time.monotonic()
    for _ in range(20):
        client.work(WorkRequest(MACHINE))
    assert time.monotonic() - began < 5
    client.close()


def test_a_large_body_arrives_and_what_is_refused_is_said(web: WebProcess, made: SelfMade) -> None:
    answer = requests.put(
        f"{web.url}/api/v1/results/1/gradient", data=b"x" * 3_000_000, verify=False, timeout=20,
        headers={"Authorization": f"Bearer {web.token}"},
    )  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_result")
    client = GridClient(web.url, made.fingerprint)
    client.use_token(web.token)
    with pytest.raises(Exception, match="no such blob"):
        client.download(BlobRef("ab" * 32, 5), Path("never written"), lambda: True)
    client.close()


def test_a_script_that_pins_it_uploads_and_one_that_does_not_is_told_how(
    web: WebProcess, made: SelfMade, tmp_path: Path
) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(b"x" * 1_000_000)
    transport = Transport(web.url, web.access_token, fingerprint=made.fingerprint.upper())
    told: list[int] = []
    assert Uploads(transport).send(path, told.append)
    assert told == [1_000_000]
    for fingerprint, words in (("", "--fingerprint"), ("ab" * 32, "another certificate")):
        with pytest.raises(Unreachable, match=words):
            Uploads(Transport(web.url, web.access_token, fingerprint=fingerprint)).send(path)
    with pytest.raises(Unreachable, match="64 hexadecimal digits"):
        Transport(web.url, web.access_token, fingerprint="short")


def test_cookies_are_secure(web: WebProcess) -> None:
    answer = requests.get(f"{web.url}/sign-up", verify=False, timeout=20)
    assert "; Secure" in answer.headers["Set-Cookie"]


def test_the_supervisor_sees_that_it_lives_and_that_nobody_does(web: WebProcess) -> None:
    assert supervisor.answers(web.listening, https=True)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        deaf.listen(0)
        connection = socket.create_connection(deaf.getsockname())
        with contextlib.closing(connection), pytest.MonkeyPatch.context() as patch:
            patch.setattr(supervisor, "_ANSWER_SECONDS", 0.2)
            assert not supervisor.answers(deaf, https=True)


def test_who_speaks_plain_http_is_told_where_to_go(web: WebProcess) -> None:
    plain = web.url.replace("https", "http")
    answer = requests.get(f"{plain}/log-in?next=/account", timeout=20, allow_redirects=False)
    assert answer.status_code == 308
    assert answer.headers["Location"] == f"{web.url}/log-in?next=/account"
    connection = http.client.HTTPConnection(*web.address, timeout=20)
    connection.putrequest("GET", "/", skip_host=True)
    connection.endheaders()
    assert connection.getresponse().status == 400
    connection.close()


@pytest.mark.parametrize("said", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET /"])
def test_who_begins_and_falls_silent_holds_up_nobody(web: WebProcess, said: bytes) -> None:
    silent = [socket.create_connection(web.address, timeout=10) for _ in range(SILENT)]
    for one in silent:
        one.sendall(said)
    times = []
    for _ in range(5):
        times.append(health(web, 10))
        time.sleep(0.1)
    for one in silent:
        one.close()
    assert sorted(times)[2] < 2.5, times
    wait_for(lambda: health(web, 5) < 1.0, 15)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_old_protocols_are_not_spoken(web: WebProcess) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # So that it is not this end that refuses them.
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    # An alert is the other end's word; which one, its OpenSSL decides.
    with socket.create_connection(web.address) as line, pytest.raises(ssl.SSLError, match="TLSV1_ALERT"):
        context.wrap_socket(line)
