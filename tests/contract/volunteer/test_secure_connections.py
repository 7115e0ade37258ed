"""Certificates that are pinned, unknown or out of date, and proxies of the environment, on real connections."""

import datetime as dt
import socket
import ssl

import pytest

from tests.contract.volunteer.conftest import StandInGrid
from tests.support.certificates import SelfMade
from tests.support.proxy import Proxy
from volunteer.client import certificates
from volunteer.client.grid import GridClient
from volunteer.errors import RetryLater, StopAndTell
from volunteer.protocol.messages import AttachRequest, Machine, NoWork, WorkRequest

MACHINE = Machine("Linux", "x86_64", 2, 2**31, "test", 1, 2)
ASK = WorkRequest(MACHINE)


@pytest.fixture
def made(tmp_path):
    return SelfMade(tmp_path / "tls")


@pytest.fixture
def secure(made):
    grid = StandInGrid(made.server_context())
    yield grid
    grid.close()


@pytest.fixture
def proxy(monkeypatch):
    proxy = Proxy()
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield proxy
    proxy.close()


@pytest.fixture
def named(monkeypatch):
    """The name grid.test is this machine's, but not loopback to whoever goes by names."""
    original = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *rest: original("127.0.0.1" if host == "grid.test" else host, *rest)
    )


def client_of(url, fingerprint=""):
    client = GridClient(url, fingerprint)
    client.use_token("the-secret-token")
    return client


def test_the_pinned_certificate_is_believed_whatever_its_name(secure, made):
    client = client_of(secure.url, made.fingerprint)
    assert client.work(ASK) == NoWork(0.0, "nothing to do")
    assert secure.requests("work")[0][1]["Authorization"] == "Bearer the-secret-token"
    client.close()


def test_another_certificate_than_the_pinned_one_is_told_and_gets_no_token(secure, tmp_path):
    client = client_of(secure.url, SelfMade(tmp_path / "other").fingerprint)
    for _ in range(2):
        with pytest.raises(RetryLater, match="another certificate") as caught:
            client.work(ASK)
        assert (caught.value.code, caught.value.needs_person) == (certificates.CHANGED, True)
    assert secure.seen == []
    client.close()


def test_a_pin_is_not_undone_by_a_bundle_of_authorities_in_the_environment(secure, named, made, tmp_path, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(made.certificate))
    url = f"https://grid.test:{secure.port}"
    right, wrong = client_of(url, made.fingerprint), client_of(url, SelfMade(tmp_path / "other").fingerprint)
    assert right.work(ASK)
    with pytest.raises(RetryLater) as caught:
        wrong.work(ASK)
    assert caught.value.code == certificates.CHANGED


def test_a_self_made_certificate_without_a_pin_is_not_believed_and_the_way_out_is_said(secure):
    client = client_of(secure.url)
    with pytest.raises(RetryLater, match="join file") as caught:
        client.work(ASK)
    assert (caught.value.code, caught.value.needs_person) == (certificates.UNKNOWN, True)
    with pytest.raises(StopAndTell, match="--fingerprint"):
        client.attach(AttachRequest("join-me-please", "steady", MACHINE))
    assert secure.seen == []
    client.close()


@pytest.mark.parametrize(("since", "until", "word"), [(1, 2, "not valid yet"), (-2, -1, "run out")])
def test_a_certificate_out_of_its_time_makes_one_look_at_the_clock(tmp_path, since, until, word):
    """The error is a real handshake's; the clock, two days off, is ours."""
    now = dt.datetime.now(dt.UTC)
    made = SelfMade(tmp_path, "grid.test", now + dt.timedelta(days=since), now + dt.timedelta(days=until))
    grid = StandInGrid(made.server_context())
    believing = ssl.create_default_context(cafile=str(made.certificate))
    with socket.create_connection(("127.0.0.1", grid.port)) as line, pytest.raises(ssl.SSLError) as caught:
        believing.wrap_socket(line, server_hostname="grid.test")
    grid.close()
    error = certificates.distrust(caught.value, "", lambda: dt.datetime(2031, 5, 17, 12, tzinfo=dt.UTC))
    assert (error.code, error.needs_person) == (certificates.DATES, True)
    assert word in error.sentence
    assert "2031" in error.sentence
    assert "Check this computer's clock" in error.sentence


def test_a_pinned_certificate_may_be_out_of_date(tmp_path):
    """A host whose clock is years off works on."""
    now = dt.datetime.now(dt.UTC)
    made = SelfMade(tmp_path, "grid.test", now - dt.timedelta(days=9), now - dt.timedelta(days=8))
    grid = StandInGrid(made.server_context())
    assert client_of(grid.url, made.fingerprint).work(ASK)
    grid.close()


def test_what_speaks_no_tls_is_for_later(stand_in):
    client = client_of(f"https://127.0.0.1:{stand_in.port}")
    with pytest.raises(RetryLater) as caught:
        client.work(ASK)
    assert (caught.value.code, caught.value.needs_person) == (certificates.OTHER, False)
    client.close()


def test_a_proxy_of_the_environment_is_used(stand_in, proxy, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    client = client_of(f"http://grid.test:{stand_in.port}")
    assert client.work(ASK) == NoWork(0.0, "nothing to do")
    assert proxy.asked == [f"POST http://grid.test:{stand_in.port}/api/v1/work"]
    client.close()


def test_through_a_proxy_the_pin_holds_too(secure, proxy, made, tmp_path, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    url = f"https://grid.test:{secure.port}"
    client, wrong = client_of(url, made.fingerprint), client_of(url, SelfMade(tmp_path / "other").fingerprint)
    assert client.work(ASK) == NoWork(0.0, "nothing to do")
    assert proxy.asked == [f"CONNECT grid.test:{secure.port}"]
    seen = len(secure.seen)
    with pytest.raises(RetryLater) as caught:
        wrong.work(ASK)
    assert caught.value.code == certificates.CHANGED
    assert len(secure.seen) == seen
    client.close()
    wrong.close()


def test_no_proxy_and_loopback_go_past_it(stand_in, named, proxy, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    assert client_of(stand_in.url).work(ASK)
    monkeypatch.setenv("NO_PROXY", "grid.test")
    assert client_of(f"http://grid.test:{stand_in.port}").work(ASK)
    assert proxy.asked == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_lets_nobody_through_is_waited_for(stand_in, proxy, monkeypatch, scheme):
    monkeypatch.setenv(f"{scheme.upper()}_PROXY", proxy.url)
    proxy.refuses = 407
    client = client_of(f"{scheme}://grid.test:{stand_in.port}")
    with pytest.raises(RetryLater, match="407"):
        client.work(ASK)
    assert stand_in.seen == []
    client.close()
