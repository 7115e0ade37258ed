"""What hosts download, on the wire: whole, in parts, and not more at once than the web process can bear."""

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from server.web import places, volunteer_api
from volunteer.protocol import messages
from volunteer.protocol.endpoints import PREFIX
from volunteer.protocol.refusals import Refusal

SHA = "ab" * 32
BODY = b"a blob " * 1000


def taken(host: FlaskClient, **given: Any) -> Any:
    return host.get(f"{PREFIX}/blobs/{SHA}", **given)


@pytest.fixture
def blob(told: Any, tmp_path: Path) -> bytes:
    folder = tmp_path / "blobs"
    folder.mkdir()
    (folder / "blob").write_bytes(BODY)
    told.answers["open_for_host"] = folder / "blob"
    return BODY


def test_a_blob_comes_with_its_name_as_etag_and_may_be_kept_for_ever(host: FlaskClient, blob: bytes) -> None:
    answer = taken(host)
    assert answer.data == blob
    assert answer.headers["ETag"] == f'"{SHA}"'
    assert {"private", "immutable"} <= {part.strip() for part in answer.headers["Cache-Control"].split(",")}
    answer.close()


def test_a_part_of_a_blob_can_be_asked_for(host: FlaskClient, blob: bytes) -> None:
    with taken(host, headers={"Range": "bytes=100-199", "If-Range": f'"{SHA}"'}) as answer:
        assert (answer.status_code, answer.data) == (206, blob[100:200])
        assert answer.headers["Content-Range"] == f"bytes 100-199/{len(blob)}"
    with taken(host, headers={"If-None-Match": f'"{SHA}"'}) as answer:
        assert (answer.status_code, answer.data) == (304, b"")
    assert taken(host, headers={"Range": "bytes=99999999-"}).status_code == 416


def test_slow_takers_of_blobs_leave_threads_to_everybody_else(
    host: FlaskClient, told: Any, blob: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volunteer_api, "BLOBS", places.Slots(2))
    slow = [taken(host) for _ in range(2)]
    answer = taken(host)
    assert (answer.status_code, messages.decode(answer.data, Refusal).code) == (503, "busy")
    assert 0 < float(answer.headers["Retry-After"]) <= 1
    for one in slow:
        one.close()
    # However an answer ends, its place is free again.
    for headers in ({}, {"Range": "bytes=100-"}, {"Range": "bytes=99999999-"}, {"If-None-Match": "*"}) * 2:
        taken(host, headers=headers).close()
    with taken(host) as whole:
        assert whole.data == blob


@pytest.mark.parametrize("name", ["x", "AB" * 32, "..%2f..%2fgrid.db", "ab" * 31])
def test_what_is_no_blobs_name_is_not_looked_for(host: FlaskClient, told: Any, name: str) -> None:
    assert host.get(f"{PREFIX}/blobs/{name}").status_code == 404
    assert told.asked == []
