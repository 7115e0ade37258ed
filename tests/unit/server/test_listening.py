"""The listening socket of a grid that starts where another has just ended, or still is."""

import socket
import threading

import pytest

from server.config import BadSettings
from server.supervisor import listen


def test_an_address_that_is_still_in_use_is_waited_for() -> None:
    other = socket.create_server(("127.0.0.1", 0))
    port = other.getsockname()[1]
    threading.Timer(0.3, other.close).start()
    with listen("127.0.0.1", port, threading.Event(), patience=10) as ours:
        assert ours.getsockname()[1] == port


def test_an_address_that_stays_in_use_is_named_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(BadSettings, match=rf"cannot listen at 127\.0\.0\.1, port {port}: Address already in use"):
            listen("127.0.0.1", port, threading.Event(), patience=0.3)


def test_an_address_of_another_machine_is_named_at_once() -> None:
    with pytest.raises(BadSettings, match=r"cannot listen at 192\.0\.2\.1"):
        listen("192.0.2.1", 0, threading.Event(), patience=60)


def test_ctrl_c_ends_the_waiting() -> None:
    stop = threading.Event()
    stop.set()
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(BadSettings):
        listen("127.0.0.1", other.getsockname()[1], stop, patience=60)
