"""Hosts: attach a machine, know it by its token, show it to its owner."""

import datetime as dt
from collections.abc import Callable

from server.domain.host_views import host_view
from server.domain.secrets import hash_of, new_secret
from server.errors import AccountBlocked, HostTooOld, JoinKeyInvalid, NotAcceptable, TooManyTries, UnknownToken
from server.rules.admission import ANYBODY, Admission
from server.rules.credit import in_credits
from server.rules.states import ResultState
from server.rules.views import HostView
from server.storage.stores import Stores
from server.storage.tables import Host
from volunteer.protocol.messages import Attached, AttachRequest, HostNumbers, Machine
from volunteer.protocol.version import NUMERICS, OLDEST_PROTOCOL, SOFTWARE

MOST_LETTERS = 200
PACE_WINDOW = dt.timedelta(hours=1)
_SAME_ATTACHMENT = dt.timedelta(hours=1)
"""So long the same question gets the same host."""


def require_new_enough(machine: Machine) -> None:
    """Raises HostTooOld with the version to install."""
    if machine.protocol < OLDEST_PROTOCOL or machine.numerics < NUMERICS:
        raise HostTooOld(f"This program is version {machine.software}; install {SOFTWARE} or newer.")


def require_pace(stores: Stores, account_id: int, joining: int, admission: Admission, now: dt.datetime) -> None:
    """Raises TooManyTries when an account has brought too many machines of late; `joining`: those on their way."""
    if stores.hosts.joined_since(account_id, now - PACE_WINDOW) + joining >= admission.join_rate:
        raise TooManyTries(
            f"{admission.join_rate:,} machines of this account have joined within an hour, which is the most here. "
            "Let the others join later, or ask the operator of the grid."
        )


class Hosts:
    def __init__(
        self, stores: Stores, grid_name: str, newest: Callable[[], str] = lambda: SOFTWARE,
        admission: Admission = ANYBODY,
    ) -> None:  # fmt: skip
        """`newest`: the version of the program that volunteers should have."""
        self._stores = stores
        self._grid_name = grid_name
        self._newest = newest
        self._admission = admission

    def attach(self, request: AttachRequest, now: dt.datetime) -> Attached:
        """A join key becomes a host token. Raises JoinKeyInvalid, HostTooOld, AccountBlocked, TooManyTries.

        The same key and nonce again (the answer was lost) get the same host and a new token, and use up nothing.
        """
        require_new_enough(request.machine)
        token, key = new_secret("daighost"), hash_of(request.join_key)
        attachment = hash_of(f"{request.join_key} {request.nonce}") if request.nonce else None
        # Before the write lock is taken: whoever sends rubbish must not hold up those who work.
        if not self._stores.join_keys.is_live(key, now) and self._attached(attachment, now) is None:
            raise JoinKeyInvalid()
        with self._stores.database.write():
            host = self._attached(attachment, now)
            if host is not None:
                self._stores.hosts.set_token(host.id, hash_of(token))
            else:
                owner_id = self._stores.join_keys.use(key, now)
                if owner_id is None:
                    raise JoinKeyInvalid()
                require_pace(self._stores, owner_id, 0, self._admission, now)
                host = self._stores.hosts.add(owner_id, request.name, hash_of(token), request.machine, now, attachment)
            if self._stores.accounts.is_blocked(host.account_id):
                raise AccountBlocked()
        return Attached(str(host.id), token, self._grid_name)

    def detach(self, owner_id: int, host_id: int, now: dt.datetime) -> None:
        """Its token is worth nothing from now on and its leases are lost at once; its results stay. Raises NotFound."""
        with self._stores.database.write():
            host = self._stores.hosts.owned(owner_id, host_id)
            for result in self._stores.work.leased_to(host.id):
                self._stores.work.move(result, ResultState.lost, ended_at=now, sentence="Its owner detached the host.")
            self._stores.hosts.detach(host.id, now)

    def leave(self, host: Host, now: dt.datetime) -> None:
        """As `detach`, by the host itself."""
        self.detach(host.account_id, host.id, now)

    def numbers(self, host: Host) -> HostNumbers:
        """What a host is told of itself. Whole credits: programs of before there was a ledger read no others."""
        account = self._stores.accounts.by_id(host.account_id)
        units, mini_batches = self._stores.overview.given_by_host(host.id)
        credit = int(in_credits(max(host.credit, 0)))
        return HostNumbers(host.name, account.name if account else "", units, mini_batches, credit)

    def by_token(self, token: str) -> Host:
        """Raises UnknownToken, AccountBlocked."""
        host = self._stores.hosts.by_token(hash_of(token)) if token else None
        if host is None:
            raise UnknownToken()
        if self._stores.accounts.is_blocked(host.account_id):
            raise AccountBlocked()
        return host

    def list_for(self, owner_id: int, now: dt.datetime) -> list[HostView]:
        given = self._stores.overview.given_by_hosts(owner_id)
        hosts = self._stores.hosts.of_account(owner_id)
        newest = self._newest()
        return [host_view(self._stores, host, given.get(host.id, (0, 0)), newest, now) for host in hosts]

    def rename(self, owner_id: int, host_id: int, name: str | None, now: dt.datetime) -> HostView:
        """Without a name it stays as it was. Raises NotFound, NotAcceptable."""
        host = self._stores.hosts.owned(owner_id, host_id)
        if name is not None:
            plain = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
            if not 1 <= len(plain) <= MOST_LETTERS:
                raise NotAcceptable(f"A machine's name has 1 to {MOST_LETTERS} letters.", "name")
            with self._stores.database.write():
                self._stores.hosts.rename(host.id, plain)
        host = self._stores.hosts.owned(owner_id, host_id)
        return host_view(self._stores, host, self._stores.overview.given_by_host(host.id), self._newest(), now)

    def _attached(self, attachment: str | None, now: dt.datetime) -> Host | None:
        host = self._stores.hosts.attached_as(attachment) if attachment else None
        return host if host is not None and now - host.created_at < _SAME_ATTACHMENT else None
