"""The hosts that are awake at one instant: read when first asked for, for most requests need none of it."""

import datetime as dt
import functools

from server.rules import replication
from server.rules.second_opinions import Giver
from server.rules.status import ONLINE_SECONDS
from server.rules.validation_policy import ValidationPolicy
from server.storage.checks import AwakeHost
from server.storage.stores import Stores
from server.storage.tables import Project


class Awake:
    def __init__(self, stores: Stores, policy: ValidationPolicy, now: dt.datetime) -> None:
        self._stores = stores
        self._policy = policy
        self._now = now

    def able(self, project: Project) -> frozenset[int]:
        """Those that have the memory for this project."""
        return frozenset(host.host for host in self._hosts if host.memory >= project.memory_needed)

    def givers(self, project: Project) -> list[Giver]:
        """The same, as those who could give an opinion."""
        policy = policy_for(self._policy, project)
        return [_giver(policy, host) for host in self._hosts if host.memory >= project.memory_needed]

    @functools.cached_property
    def _hosts(self) -> list[AwakeHost]:
        return self._stores.checks.awake(self._now - dt.timedelta(seconds=ONLINE_SECONDS))


def policy_for(policy: ValidationPolicy, project: Project) -> ValidationPolicy:
    """The grid's, or what the project wants beyond it."""
    return policy.for_project(int(project.settings.get("quorum", 1)))


def is_trusted(policy: ValidationPolicy, trust: int, account_trust: int, is_referee: bool) -> bool:
    """Whether results count at once: where all are believed, everybody's do."""
    return policy.believes_all or replication.is_trusted(policy, trust, account_trust, is_referee)


def _giver(policy: ValidationPolicy, host: AwakeHost) -> Giver:
    trusted = is_trusted(policy, host.trust, host.account_trust, bool(host.is_referee))
    return Giver(host.host, host.account, trusted, bool(host.is_referee), host.numeric_class)
