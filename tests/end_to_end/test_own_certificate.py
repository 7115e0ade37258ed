"""A grid for other machines, started with nothing but --host: it speaks https by a certificate that it made itself."""

import re
from pathlib import Path

import requests

from tests.support.grid import RunningGrid, wait_for
from tests.support.ledger import Ledger
from tests.support.person import Person
from tests.support.volunteer import RunningVolunteer


def _words_at_the_end(host: RunningVolunteer) -> str:
    assert host.process.wait(30) == 1, host.tail()
    return host.tail()


def test_hosts_believe_it_by_its_fingerprint_and_are_told_what_is_missing_without(tmp_path: Path) -> None:
    with RunningGrid(tmp_path, 0, "--host", "0.0.0.0") as grid:
        assert grid.address.startswith("https://127.0.0.1:")
        found = re.search(r"fingerprint of its own certificate is ([0-9a-f]{64})\n", grid.tail())
        assert found
        lender = Person(grid.address, "lender", grid.verify).sign_up()
        assert all(cookie.secure for cookie in lender.session.cookies)
        key = lender.join_key(uses=5)
        ledger = Ledger(grid.data)
        with RunningVolunteer(grid.address, key, tmp_path, "steady", "--fingerprint", found[1].upper()) as steady:
            wait_for(lambda: ledger.rows("SELECT id FROM host WHERE name = 'steady'"), 40, steady.tail)
        with RunningVolunteer(grid.address, key, tmp_path, "stranger") as stranger:
            assert "join file" in _words_at_the_end(stranger)
        with RunningVolunteer(grid.address.replace("https", "http"), key, tmp_path, "plain") as plain:
            assert f"has moved to {grid.address}" in _words_at_the_end(plain)
        assert ledger.one("SELECT COUNT(*) FROM host") == 1
        assert requests.get(f"{grid.address}/healthz", verify=grid.verify, timeout=10).ok
        assert "is killed" not in grid.tail(), "the supervisor asks by https too"
