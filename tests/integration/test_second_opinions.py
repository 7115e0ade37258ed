"""A grid as it comes, which believes nobody at first: a lone volunteer still waits for nobody."""

from pathlib import Path

import pytest

from server.rules.states import AuditState, Purpose, ResultState
from server.storage.stores import open_stores
from server.storage.tables import Host, Result, Unit
from tests.support.cast import Cast
from tests.support.digits import small_cnn

pytestmark = pytest.mark.long


def test_a_lone_volunteer_is_checked_by_the_servers_own_learner_and_trains_to_the_end(tmp_path: Path) -> None:
    with Cast(tmp_path, quorum=2) as cast:
        project = cast.digits_project(small_cnn(batch_norm=True), {"epochs": "1", "k": "8", "batch_size": "16"})
        cast.host("alone")
        cast.finished(project, 400)
        cast.audit()
        stores = open_stores(cast.grid.data)
        audits = list(Result.select().where(Result.purpose == Purpose.audit, Result.state == ResultState.valid))
        assert audits
        assert {Unit.get_by_id(result.unit_id).audit for result in audits} == {AuditState.agreed}
        host = Host.get(Host.name == "alone")
        assert (host.refuted, host.disagreed, host.quarantined_at) == (0, 0, None)
        assert host.confirmed >= 10
        stores.database.close()


def test_a_second_volunteer_gives_the_second_opinion(tmp_path: Path) -> None:
    with Cast(tmp_path, quorum=2) as cast:
        project = cast.digits_project(small_cnn(batch_norm=True), {"epochs": "1", "k": "8", "batch_size": "16"})
        cast.host("first")
        cast.host_of("second volunteer", "second")
        cast.finished(project, 400)
        cast.audit()
        stores = open_stores(cast.grid.data)
        assert Result.select().where(Result.purpose == Purpose.check, Result.state == ResultState.valid).count()
        for host in Host.select().where(Host.name.in_(["first", "second"])):
            assert (host.refuted, host.quarantined_at) == (0, None)
            assert host.confirmed > 0
        stores.database.close()
