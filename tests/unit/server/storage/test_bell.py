import threading
from pathlib import Path

from server.storage.bell import Bell


def test_a_ring_is_heard_and_a_closed_bell_ends_the_wait(tmp_path: Path) -> None:
    listener, ringer = Bell(tmp_path / "port"), Bell(tmp_path / "port")
    listener.listen()
    listener.announce()
    ringer.ring("rounds")
    assert listener.wait() == "rounds"
    heard: list[str] = []
    waiting = threading.Thread(target=lambda: heard.append(listener.wait()))
    waiting.start()
    listener.close()
    waiting.join(10)
    assert heard == [""]
    ringer.close()


def test_ringing_where_nobody_listens_is_no_error(tmp_path: Path) -> None:
    bell = Bell(tmp_path / "port")
    bell.ring("rounds")
    (tmp_path / "port").write_text("no number")
    bell.ring("rounds")
    (tmp_path / "port").write_text("1")
    bell.ring("rounds")
    bell.close()
