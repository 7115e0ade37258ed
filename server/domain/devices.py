"""Linking by the device flow (RFC 8628): a machine shows a short code, its owner confirms that in a browser.

The machine alone holds the long code, and only who brings that gets the host's token.
"""

import datetime as dt
import secrets
from typing import NamedTuple

import msgspec

from server.domain.hosts import require_new_enough, require_pace
from server.domain.polling import Polling
from server.domain.secrets import hash_of, new_secret
from server.domain.throttle import WINDOW, Throttle
from server.errors import AccountBlocked, LinkDenied, LinkExpired, LinkPending, LinkTooFast, NotFound, TooManyTries
from server.rules.admission import ANYBODY, Admission
from server.rules.states import LinkState
from server.rules.user_codes import ALPHABET, LENGTH, folded, is_code, shown
from server.rules.views import LinkView
from server.storage.account_tables import Linking
from server.storage.stores import Stores
from volunteer.protocol.messages import Attached, DeviceRequest, Machine

LASTS = dt.timedelta(minutes=15)
_COLLECT_WITHIN = dt.timedelta(minutes=5)
"""So long a machine may fetch its token after somebody has confirmed, however late that was."""

_MOST_FROM_ONE_ADDRESS = 60
_MOST_IN_ALL = 10_000
_MOST_GUESSES = 20
_GUESS = "device code"
_UNKNOWN = "No machine waits with this code. It may have run out: look at the machine, it shows a new one."
_ANSWERED = {
    LinkState.approved: "the machine is linked as soon as it asks",
    LinkState.collected: "the machine is linked",
    LinkState.denied: "it links no machine",
}


class NewLink(NamedTuple):
    device_code: str
    user_code: str


class Devices:
    def __init__(self, stores: Stores, grid_name: str, admission: Admission = ANYBODY) -> None:
        self._stores = stores
        self._grid_name = grid_name
        self._admission = admission
        self._throttle = Throttle(stores)
        self._polling = Polling()

    def ask(self, request: DeviceRequest, remote: str, now: dt.datetime) -> NewLink:
        """Codes for a machine that nobody knows yet. Raises HostTooOld, TooManyTries."""
        require_new_enough(request.machine)
        linkings = self._stores.linkings
        # Before the write lock is taken: whoever sends rubbish must not hold up those who work.
        if linkings.count_of(remote, now - WINDOW) >= _MOST_FROM_ONE_ADDRESS:
            raise TooManyTries()
        device_code, user_code = new_secret("daigdevice"), "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
        with self._stores.database.write():
            linkings.delete_dead(now)
            if linkings.count() >= _MOST_IN_ALL:
                raise TooManyTries("Very many machines wait to be linked. Try again in a quarter of an hour.")
            linkings.add(
                remote, now, device_hash=hash_of(device_code), user_hash=hash_of(user_code),
                name=_printable(request.name), machine=msgspec.to_builtins(request.machine), expires_at=now + LASTS,
            )  # fmt: skip
        return NewLink(device_code, shown(user_code))

    def poll(self, device_code: str, now: dt.datetime) -> Attached:
        """The host's token, once somebody has confirmed.

        Asked again (the answer was lost) it is the same host with a new token, as long as the host has not asked for
        work. Raises LinkPending, LinkTooFast, LinkDenied, LinkExpired, AccountBlocked.
        """
        key, token = hash_of(device_code), new_secret("daighost")
        row = self._waiting(key, now)
        if self._polling.is_early(key, now):
            raise LinkTooFast()
        if row.state is LinkState.pending:
            raise LinkPending()
        with self._stores.database.write():
            host = self._collect(self._waiting(key, now), hash_of(token), now)
        return Attached(str(host), token, self._grid_name)

    def look(self, account_id: int, code: str, now: dt.datetime) -> LinkView:
        """What waits with this code. Raises NotFound, TooManyTries: an account may not try many."""
        return _view(self._find(account_id, code, now), now)

    def approve(self, account_id: int, code: str, now: dt.datetime) -> LinkView:
        """The machine becomes a host of this account when it asks next. Raises NotFound, TooManyTries."""
        return self._answer(account_id, code, LinkState.approved, now)

    def deny(self, account_id: int, code: str, now: dt.datetime) -> LinkView:
        """Nobody can confirm this code any more. Raises NotFound, TooManyTries."""
        return self._answer(account_id, code, LinkState.denied, now)

    def _answer(self, account_id: int, code: str, new: LinkState, now: dt.datetime) -> LinkView:
        self._find(account_id, code, now)
        with self._stores.database.write():
            # Anew, now that nobody else can answer: a button that was pressed twice is told that it is done.
            row = self._find(account_id, code, now)
            if new is LinkState.approved:
                # Here, where nobody else can confirm another meanwhile.
                waiting = self._stores.linkings.count_approved(account_id, now)
                require_pace(self._stores, account_id, waiting, self._admission, now)
            until = max(row.expires_at, now + _COLLECT_WITHIN)
            self._stores.linkings.move(row, new, account=account_id, expires_at=until)
        return _view(row, now)

    def _find(self, account_id: int, code: str, now: dt.datetime) -> Linking:
        """One that waits for an answer. Wrong codes are counted; what can be none is not."""
        self._throttle.require(_GUESS, str(account_id), _MOST_GUESSES, now)
        text = folded(code)
        if not is_code(text):
            raise NotFound("A code is eight letters, such as BCDF-GHJK: the machine shows it.")
        row = self._stores.linkings.by_user(hash_of(text), now)
        if row is not None and row.account_id == account_id:
            raise NotFound(f"You have answered this code already: {_ANSWERED[row.state]}.")
        if row is None or row.state is not LinkState.pending:
            self._throttle.count(_GUESS, str(account_id), _MOST_GUESSES, now)
            raise NotFound(_UNKNOWN)
        return row

    def _waiting(self, key: str, now: dt.datetime) -> Linking:
        row = self._stores.linkings.by_device(key, now)
        if row is None:
            raise LinkExpired()
        if row.state is LinkState.denied:
            raise LinkDenied()
        return row

    def _collect(self, row: Linking, token_hash: str, now: dt.datetime) -> int:
        """The number of the host that a confirmed code makes, or has made."""
        if row.account_id is None:
            raise LinkPending()
        if self._stores.accounts.is_blocked(row.account_id):
            raise AccountBlocked()
        if row.state is LinkState.collected:
            host = self._stores.hosts.attached_as(row.device_hash)
            if host is None or host.last_seen_at is not None:
                raise LinkExpired()
            self._stores.hosts.set_token(host.id, token_hash)
        else:
            machine = msgspec.convert(row.machine, Machine)
            host = self._stores.hosts.add(row.account_id, row.name, token_hash, machine, now, row.device_hash)
            self._stores.linkings.move(row, LinkState.collected)
        return int(host.id)


def _view(row: Linking, now: dt.datetime) -> LinkView:
    machine = msgspec.convert(row.machine, Machine)
    return LinkView(
        name=row.name, system=_printable(machine.system), processor=_printable(machine.processor),
        threads=machine.threads, memory=machine.memory, software=_printable(machine.software), remote=row.remote,
        asked_at=row.created_at, seconds_left=max((row.expires_at - now).total_seconds(), 0.0),
    )  # fmt: skip


def _printable(text: str) -> str:
    """A stranger's words, on one line and without what turns a page around."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip() or "machine"
