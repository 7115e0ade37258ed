"""Every way to kill a part of a running grid or of its hosts. What the supervisor does not start again, these do."""

from collections.abc import Callable

import psutil

from tests.support.cast import Cast
from tests.support.grid import wait_for
from tests.support.volunteer import RunningVolunteer


def kill_trainer(host: RunningVolunteer) -> None:
    wait_for(host.child, 60, host.tail).kill()


def kill_learner(cast: Cast) -> None:
    cast.grid.kill_one("server.learning.child")


def kill_scheduler(cast: Cast) -> None:
    cast.grid.kill_one("server.cli scheduler")


def kill_worker_of_the_web(cast: Cast) -> None:
    master = cast.grid.process_of("server.cli web")
    wait_for(master.children, 20, cast.grid.tail)[0].kill()


def kill_master_of_the_web(cast: Cast) -> None:
    cast.grid.kill_one("server.cli web")


def kill_everything(cast: Cast) -> None:
    """The power cut; and the power comes back."""
    cast.grid.kill()
    cast.grid.start()


def kill_supervisor(cast: Cast) -> None:
    """Its children notice that it is gone and end by themselves."""
    children = cast.grid.processes()
    cast.grid.process.kill()
    cast.grid.process.wait(10)
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive, [one.cmdline() for one in alive]
    cast.grid.start()


OF_THE_GRID: dict[str, Callable[[Cast], None]] = {
    "the learner": kill_learner,
    "the scheduler": kill_scheduler,
    "the web's worker": kill_worker_of_the_web,
    "the web's master": kill_master_of_the_web,
    "everything": kill_everything,
    "the supervisor": kill_supervisor,
}
