"""The download page and what it sends, to people and to programs."""

import contextlib
import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

import pytest

from server.domain.releases import Releases, make_key, sign_folder
from server.storage.releases import ReleaseFolder
from server.storage.stores import Stores
from server.web import installers
from server.web.places import Slots
from volunteer.protocol.endpoints import PREFIX
from volunteer.protocol.messages import decode
from volunteer.protocol.releases import Manifest
from volunteer.protocol.signatures import is_signed

NOW = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
WINDOWS = {"User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140"}
EXE, DEB = "daig-volunteer-0.2.0-windows-x64.exe", "daig-volunteer_0.2.0_amd64.deb"


@pytest.fixture
def published(tmp_path: Path, stores: Stores) -> None:
    folder = tmp_path / "signed"
    folder.mkdir()
    for name in (EXE, DEB):
        (folder / name).write_bytes(name.encode() * 1000)
    make_key(tmp_path / "key")
    sign_folder(folder, tmp_path / "key", NOW)
    Releases(ReleaseFolder(stores.folder / "releases")).publish(folder, NOW)


def test_without_a_release_it_says_how_to_install_from_source(browser: Any, operator: Any) -> None:
    page = browser.get("/download")
    assert page.status_code == 200
    assert "pip install" in page.text
    assert "daig-server publish" not in page.text
    assert "daig-server publish" in operator.get("/download").text


def test_each_visitor_is_shown_their_own_first_and_all_others(browser: Any, published: None) -> None:
    page = browser.get("/download", headers=WINDOWS).text
    assert page.index(EXE) < page.index("Other installers") < page.rindex(DEB)
    assert hashlib.sha256(EXE.encode() * 1000).hexdigest() in page
    assert "certutil -hashfile" in page
    assert "not on phones" in browser.get("/download", headers={"User-Agent": "Android"}).text


@pytest.mark.parametrize("where", ["/downloads/{}", PREFIX + "/releases/files/{}"])
def test_an_installer_comes_whole_in_parts_or_not_at_all(browser: Any, published: None, where: str) -> None:
    whole = browser.get(where.format(DEB))
    content = DEB.encode() * 1000
    assert (whole.status_code, whole.data) == (200, content)
    assert whole.headers["Content-Disposition"] == f"attachment; filename={DEB}"
    part = browser.get(where.format(DEB), headers={"Range": "bytes=1000-"})
    assert (part.status_code, part.data) == (206, content[1000:])
    assert part.headers["Content-Range"] == f"bytes 1000-{len(content) - 1}/{len(content)}"
    again = browser.get(where.format(DEB), headers={"If-None-Match": whole.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    for answer in (whole, part, again):
        answer.close()
    assert browser.get(where.format("nothing.deb")).status_code == 404
    assert browser.get(where.format("manifest.json")).status_code == 404


@pytest.mark.parametrize("where", ["/downloads/{}", PREFIX + "/releases/files/{}"])
def test_slow_takers_of_installers_leave_threads_to_everybody_else(
    browser: Any, published: None, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installers, "INSTALLERS", Slots(2))
    path = where.format(DEB)
    slow = [browser.client.get(path) for _ in range(2)]
    refused = browser.get(path)
    assert (refused.status_code, refused.headers.get("Retry-After") is not None) == (503, True)
    for answer in slow:
        answer.close()
    # However an answer ends, its place is free again.
    for headers in ({}, {"Range": "bytes=1000-"}, {"Range": "bytes=9999999-"}, {"If-None-Match": "*"}) * 2:
        browser.client.get(path, headers=headers).close()
        browser.client.head(path, headers=headers).close()
    with contextlib.closing(browser.get(path)) as answer:
        assert answer.data == DEB.encode() * 1000


def test_a_file_that_a_newer_release_has_just_replaced_is_not_there(
    browser: Any, published: None, services: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    about, path = services.releases.file(DEB)
    monkeypatch.setattr(services.releases, "file", lambda _name: (about, path.with_name("gone")))
    assert browser.get(f"/downloads/{DEB}").status_code == 404
    answer = browser.get(f"{PREFIX}/releases/files/{DEB}")
    assert (answer.status_code, answer.json["code"]) == (404, "no_such_thing")


def test_programs_get_manifest_and_signature_byte_for_byte(browser: Any, published: None) -> None:
    manifest, signature = (browser.get(f"{PREFIX}/releases/{name}") for name in ("manifest", "signature"))
    assert is_signed(browser.get("/downloads/release-key.pub").data, manifest.data, signature.data)
    assert decode(manifest.data, Manifest).version == "0.2.0"


def test_without_a_release_programs_are_told_so(browser: Any) -> None:
    for path in ("manifest", "signature", "files/x.deb"):
        answer = browser.get(f"{PREFIX}/releases/{path}")
        assert (answer.status_code, answer.json["code"]) == (404, "no_such_thing")


def test_the_grids_address_travels_with_the_download(browser: Any, published: None) -> None:
    assert 'href="/daig-join.toml"' in browser.get("/download").text


@pytest.mark.parametrize("agent", ["Windows NT 10.0; Win64; x64", "X11; Linux x86_64", "X11; Ubuntu; Linux x86_64"])
def test_installers_that_were_built_for_this_grid_need_no_join_file(
    browser: Any, stores: Stores, tmp_path: Path, agent: str
) -> None:
    folder = tmp_path / "signed"
    folder.mkdir()
    for name in (EXE, DEB, "daig-volunteer-0.2.0-linux-x86_64.tar.gz", "daig-volunteer-0.2.0-macos-arm64.dmg"):
        (folder / name).write_bytes(name.encode())
    make_key(tmp_path / "key")
    releases = Releases(ReleaseFolder(stores.folder / "releases"))
    for server, knows in (("http://LocalHost:80/", True), ("https://other.example.org", False), ("", False)):
        sign_folder(folder, tmp_path / "key", NOW, server)
        releases.publish(folder, NOW)
        page = browser.get("/download", headers={"User-Agent": f"Mozilla/5.0 ({agent})"}).text
        assert ("It knows this grid already." in page) is knows, server
        assert ("So that it knows this grid" in page) is not knows, server
        assert ('href="/daig-join.toml"' in page) is not knows, server
        assert ("asks for this grid" in page) is not knows, server


def test_the_landing_page_leads_there(browser: Any) -> None:
    assert 'href="/download"' in browser.get("/").text
