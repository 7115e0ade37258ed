"""Which grid this host works for: the one it begins with, and those it is attached to, linked to, detached from."""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from volunteer.agent.attaching import await_confirmation, detach, keep
from volunteer.agent.numbers import Numbers
from volunteer.agent.patience import Patience
from volunteer.agent.work import Work
from volunteer.agent.workshop import GridAddress, Newcomer, Workshop
from volunteer.control import messages as control
from volunteer.control.messages import Done, Link
from volunteer.errors import RetryLater, StopAndTell
from volunteer.protocol.messages import DeviceCode, DeviceRequest
from volunteer.spool.identity import Left

_REVOKED = "This computer was detached under “My computers” of {}. Link it again if it is to work there."

_log = logging.getLogger(__name__)


class Grids:
    """For several threads at once. `work` is what goes on at the grid; what is quick there never waits for this."""

    def __init__(
        self, workshop: Workshop, numbers: Numbers, newcomer: Newcomer, now: Callable[[], datetime],
        patience: Patience | None = None,
    ) -> None:  # fmt: skip
        self._workshop = workshop
        self._numbers = numbers
        self._newcomer = newcomer
        self._address = newcomer.address
        self._now = now
        self._patience = patience or Patience()
        self.work = Work(workshop, numbers, newcomer, self._patience)
        # Held for seconds by whoever changes the grid or begins and ends the work.
        self._changing = threading.RLock()
        self._linking: tuple[str, threading.Event] | None = None
        self.link_trouble = ""
        """Why the last code came to nothing."""

    @property
    def address(self) -> GridAddress | None:
        """Where the grid is that this host works for, or is to."""
        return self._address

    @property
    def host_name(self) -> str:
        return self._newcomer.name

    @property
    def linking(self) -> str:
        """The code that the person is to confirm, or ""."""
        linking = self._linking
        return "" if linking is None else linking[0]

    @property
    def left(self) -> bool:
        """Whether this machine was a host of that grid, and is none now."""
        return self._address is not None and self._workshop.identity(self._address).is_retired

    def begin(self, hopeless: Callable[[Exception], None] | None) -> None:
        """Work, if there is a grid that knows this machine. `hopeless` hears of errors instead of people."""
        self.work.hopeless = hopeless
        with self._changing:
            try:
                if self._address is None:
                    raise StopAndTell("Say which grid to work for: --server URL.")
                if not self._address.agreed:
                    # The first window asks. Without windows, reading the settings has refused it.
                    return
                file = self._workshop.identity(self._address)
                if file.load() is not None or self._newcomer.join_key is not None or hopeless is not None:
                    self.work.open(self._address)
                elif file.left is Left.revoked:
                    self.work.say(_REVOKED.format(self._address.server))
            except StopAndTell as error:
                if hopeless is not None:
                    hopeless(error)
                elif self._address is not None:
                    self.work.say(error.sentence)

    def wind_up(self) -> None:
        """Deliver what is done or give it back, within five seconds; nothing is begun any more."""
        self._stop_linking()
        self.work.wind_up()

    def look_after(self) -> None:
        """Called each second: memory that nobody uses is given back; trouble is looked at again when it is time."""
        self.work.relieve()
        if self.work.due and self._changing.acquire(blocking=False):
            try:
                self.work.reopen()
            finally:
                self._changing.release()

    def adopt_preferences(self) -> None:
        """Raises StopAndTell when they cannot be taken."""
        self._workshop.read_preferences()
        self.work.adopt_preferences()

    def attach(self, request: control.AttachRequest) -> Done:
        """By the key, or without one where the token is kept already. Raises StopAndTell, RetryLater."""
        address = self._address_of(request)
        with self._changing:
            file = self._workshop.identity(address)
            if file.load() is None:
                if request.join_key is None:
                    raise StopAndTell(
                        "That grid does not know this computer yet: link it, or give a join key from “My computers”."
                    )
                file.require_room()
                grid = self._workshop.grid(address)
                try:
                    keep(file, address.server, grid.attach(self.work.request(request.join_key)))
                finally:
                    grid.close()
            self._turn_to(address)
        return Done(f"This computer works for {address.server} now.")

    def link(self, request: control.LinkRequest) -> Link:
        """A code for the person to confirm; then the work begins by itself. Raises StopAndTell, RetryLater."""
        address = self._address_of(request)
        self._workshop.identity(address).require_room()
        grid = self._workshop.grid(address)
        try:
            code = grid.device(DeviceRequest(self._newcomer.name, self._workshop.machine()))
        finally:
            grid.close()
        self._stop_linking()
        self.link_trouble = ""
        over = threading.Event()
        self._linking = (code.user_code, over)
        wait = threading.Thread(target=self._await_confirmation, args=(address, code, over), name="linking")
        wait.daemon = True
        wait.start()
        expires = self._now() + timedelta(seconds=code.expires_in)
        return Link(code.user_code, code.verification_uri_complete, expires)

    def detach(self) -> Done:
        """Give the unit back, tell the grid, forget the token."""
        with self._changing:
            address = self._address
            if address is None or self._workshop.identity(address).load() is None:
                raise StopAndTell("This computer is attached to no grid.")
            self.work.end()
            grid = self._workshop.grid(address)
            try:
                told = detach(grid, self._workshop.identity(address))
            finally:
                grid.close()
            self._workshop.forget(address)
            self._numbers.forget_credit()
        _log.info("no longer working for %s", address.server)
        if told:
            return Done(f"This computer no longer works for {address.server}.")
        return Done(
            f"This computer no longer works for {address.server}, which could not be told: detach it there too."
        )

    def _address_of(self, request: control.AttachRequest | control.LinkRequest) -> GridAddress:
        """What was said of that grid's certificate before, by a join file say, still counts."""
        address = GridAddress.of(request.server, request.fingerprint, request.insecure_http)
        known = self._address
        if known is not None and known.server == address.server and not address.fingerprint:
            return replace(address, fingerprint=known.fingerprint)
        return address

    def _turn_to(self, address: GridAddress) -> None:
        self._workshop.remember(address)
        self._stop_linking()
        self.link_trouble = ""
        self.work.end()
        if self._address is None or self._address.server != address.server:
            self._numbers.forget_credit()
        self._address = address
        self.work.open(address)

    def _await_confirmation(self, address: GridAddress, code: DeviceCode, over: threading.Event) -> None:
        grid = self._workshop.grid(address)
        try:
            file = self._workshop.identity(address)
            if await_confirmation(grid, file, address.server, code, self._patience, over):
                with self._changing:
                    self._turn_to(address)
        except (StopAndTell, RetryLater) as error:
            if not over.is_set():
                self._linking = None
                self.link_trouble = error.sentence
                self.work.say(error.sentence)
        finally:
            grid.close()

    def _stop_linking(self) -> None:
        linking, self._linking = self._linking, None
        if linking is not None:
            linking[1].set()
