"""Who and what there is on the grid whose pages are shown: people, machines, drafts and projects in every state."""

from dataclasses import dataclass, field

from server.rules.incoming import IncomingFile
from server.storage.tables import Draft
from tests.support.domain_grid import Cast
from tests.support.person import Person
from tests.support.still_grid import StillGrid

NAMES = {
    "finished": "Bird songs", "paused": "Leaf shapes", "attention": "Exchange rates", "cancelled": "First attempt",
    "waiting": "Rain tomorrow", "running": "Handwritten digits", "preparing": "Street signs",
}  # fmt: skip


@dataclass
class Stage:
    """`numbers` has what paths are made of: the number of the project or draft by its state."""

    grid: StillGrid
    owner: Person
    stranger: Person
    operator: Person
    newcomer: Person
    numbers: dict[str, int] = field(default_factory=dict)

    def person(self, who: str) -> Person | None:
        return None if who == "nobody" else getattr(self, who)


def build(grid: StillGrid) -> Stage:
    people = {name: grid.person(name) for name in ("owner", "stranger", "operator", "newcomer")}
    stage = Stage(grid, **people)
    cast = _projects(stage)
    _drafts(stage)
    domain, owner = grid.domain, grid.id_of(stage.owner)
    domain.join_keys.create(owner, "the machines in the cellar", 4, 24, domain.now)
    grid.catch_up()
    grid.train(stage.numbers["running"], rounds=44, cast=cast, seconds=1)
    for host in cast:
        host.lease()
    return stage


def _projects(stage: Stage) -> list[Cast]:
    """The hosts that work on the running one."""
    domain, owner = stage.grid.domain, stage.grid.id_of(stage.owner)

    def project(key: str, **texts: object) -> int:
        number = domain.project(owner, 480, **{
            "name": NAMES[key], "batch_size": 8, "epochs": 6, "k": 6, "shard_examples": 64, "validation_fraction": 0.1,
            **texts,
        })  # fmt: skip
        stage.numbers[key] = number
        return number

    stage.grid.train(project("finished", epochs=2), rounds=100)
    stage.grid.train(project("paused"), rounds=20)
    domain.projects.pause(owner, stage.numbers["paused"], domain.now)
    stage.grid.train(project("cancelled"), rounds=4)
    domain.projects.cancel(owner, stage.numbers["cancelled"], domain.now)
    domain.learner.not_finite_once_above = 0.0
    stage.grid.train(project("attention"), rounds=1)
    domain.learner.not_finite_once_above = float("inf")
    cast = stage.grid.train(project("running"), rounds=40, hosts=3)
    project("waiting")
    draft = domain.drafts.start(owner, domain.form(name=NAMES["preparing"]), domain.files(9, 90), domain.now)
    domain.checker.run_pass(domain.now)
    stage.numbers["preparing"] = domain.drafts.submit(owner, draft, domain.now)
    return cast


def _drafts(stage: Stage) -> None:
    domain, owner = stage.grid.domain, stage.grid.id_of(stage.owner)

    def draft(key: str, files: list[IncomingFile], **texts: object) -> None:
        form = domain.form(**texts)
        stage.numbers[key] = domain.drafts.start(owner, form, files, domain.now)

    draft("ready", domain.files(12, 480), name="Mushrooms, second try")
    draft("mistaken", domain.files(12, 480, 473), name="", epochs=0, learning_rate="fast", consent="")
    domain.checker.run_pass(domain.now)
    draft("checking", domain.files(12, 480), name="Clouds")
    states = {key: str(Draft.get_by_id(stage.numbers[key]).state) for key in ("ready", "mistaken", "checking")}
    assert states == {"ready": "ready", "mistaken": "needs_correction", "checking": "checking"}
