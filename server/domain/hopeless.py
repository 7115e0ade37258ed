"""Whether a unit is beyond hope: not where one volunteer's machines alone have failed at it, and others could try."""

from collections.abc import Iterable

from server.domain.awake import Awake, policy_for
from server.rules import retries
from server.rules.states import ResultState
from server.rules.validation_policy import ValidationPolicy
from server.storage.stores import Stores
from server.storage.tables import Project, Result, Unit

_ENDED_BADLY = (ResultState.failed, ResultState.invalid, ResultState.not_finite, ResultState.lost)


class Hopeless:
    """At one instant."""

    def __init__(self, stores: Stores, policy: ValidationPolicy, awake: Awake) -> None:
        self._stores = stores
        self._policy = policy
        self._awake = awake

    def is_so(self, project: Project, unit: Unit, past: Iterable[Result]) -> bool:
        """`past`: all results of the unit. A project that is stopped for it waits for a person."""
        past = list(past)
        if not retries.unit_is_hopeless(unit.failures, retries.losses_since(project.running_since, past)):
            return False
        failed = self._stores.hosts.accounts_of(one.host_id for one in past if one.state in _ENDED_BADLY)
        awake = self._awake.givers(project)
        weighs = not policy_for(self._policy, project).believes_all
        trusted = {one.account for one in awake if one.trusted and weighs}
        return retries.nobody_else_could(failed, {one.account for one in awake}, trusted)
