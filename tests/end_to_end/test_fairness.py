"""Two projects of two owners share the hosts by host-seconds, however different their work is."""

import time

from tests.support.cast import Cast
from tests.support.digits import small_cnn
from tests.support.person import Person

FORMS = {
    "owner": {"epochs": "8", "k": "8", "batch_size": "16"},
    "second": {"epochs": "6", "k": "3", "batch_size": "64", "shard_examples": "256"},
}


def test_two_projects_of_two_owners_get_their_host_seconds_within_20_percent(cast: Cast) -> None:
    people = {"owner": cast.owner, "second": Person(cast.grid.address, "second").sign_up()}
    models = {"owner": small_cnn(batch_norm=True), "second": small_cnn()}
    projects = {}
    for name, person in people.items():
        projects[name] = cast.digits_project(models[name], FORMS[name], person)
    for name, person in people.items():
        person.wait_until(projects[name], "running", 60, cast.explain)
    for host in ("steady", "slow"):
        cast.host(host, *(["--cpu-percent", "40"] if host == "slow" else []))
    until = time.monotonic() + 200
    while True:
        views = {name: person.view(projects[name]) for name, person in people.items()}
        if any(view["ended"] for view in views.values()):
            break
        assert time.monotonic() < until, cast.explain()
        time.sleep(0.1)
    seconds = {name: view["host_seconds"] for name, view in views.items()}
    print(f"host-seconds when the first has finished: {seconds}; progress "
          f"{ {name: round(view['progress'], 2) for name, view in views.items()} }")  # fmt: skip
    assert max(seconds.values()) <= 1.2 * min(seconds.values())
    for name, person in people.items():
        cast.finished(projects[name], owner=person)
    cast.audit()
