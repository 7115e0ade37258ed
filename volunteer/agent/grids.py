"""Which grid this host works for, and its session there: attached, linked, detached, tried again after trouble."""

import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from volunteer.agent.attaching import await_confirmation, detach, ensure_attached, keep
from volunteer.agent.brake import Hold
from volunteer.agent.numbers import Numbers
from volunteer.agent.patience import Patience
from volunteer.agent.session import Session
from volunteer.agent.shown_state import ShownState
from volunteer.agent.states import State
from volunteer.agent.workshop import GridAddress, Workshop
from volunteer.control import messages as control
from volunteer.control.messages import Done, Link
from volunteer.errors import RetryLater, StopAndTell
from volunteer.protocol.messages import AttachRequest, DeviceCode, DeviceRequest

# Trouble may have been mended elsewhere meanwhile; what this program did not foresee may pass.
TRY_AGAIN_SECONDS = 900.0
TRY_AGAIN_AFTER_A_MISHAP_SECONDS = 60.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Newcomer:
    """The grid that was given at the start, and under which name, and by which key, to become its host."""

    address: GridAddress | None
    name: str
    join_key: str | None = None


@dataclass(frozen=True)
class Trouble:
    """What the person has to do something about. It is tried again at that instant, unless that is None."""

    sentence: str = ""
    again_at: float | None = None


@dataclass(frozen=True)
class View:
    """What there is to be seen of it all."""

    server: str
    attached: bool
    state: State
    trouble: Trouble | None
    linking: str
    host_name: str
    progress: float | None = None
    away: str = ""
    away_for_person: bool = False
    missing_protection: tuple[str, ...] = ()


class Grids:
    """For several threads at once: what is quick never waits for what is slow."""

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
        self._shown = ShownState(self._patience.clock)
        self._hopeless: Callable[[Exception], None] | None = None
        # Held by whoever changes the grid or the session, for seconds; `_quick` only while two of them are compared.
        self._changing = threading.RLock()
        self._quick = threading.Lock()
        self._session: Session | None = None
        self._hold = Hold.none
        self._trouble: Trouble | None = None
        self._linking: tuple[str, threading.Event] | None = None
        self._ending = False

    # --- life

    def begin(self, hopeless: Callable[[Exception], None] | None) -> None:
        """Work, if there is a grid that knows this machine. `hopeless` hears of errors instead of people."""
        self._hopeless = hopeless
        with self._changing:
            try:
                if self._address is None:
                    raise StopAndTell("Say which grid to work for: --server URL.")
                known = self._workshop.identity(self._address).load() is not None
                if known or self._newcomer.join_key is not None or hopeless is not None:
                    self._open(self._address)
            except StopAndTell as error:
                if hopeless is not None:
                    hopeless(error)
                elif self._address is not None:
                    self._trouble = Trouble(error.sentence)

    def wind_up(self) -> None:
        """Deliver what is done or give it back, within five seconds; nothing is begun any more."""
        self._ending = True
        self._stop_linking()
        if (session := self._session) is not None:
            session.wind_up()

    def close(self) -> None:
        self._ending = True
        if (session := self._session) is not None:
            session.close()

    # --- quick

    @property
    def address(self) -> GridAddress | None:
        """Where the grid is that this host works for, or is to."""
        return self._address

    def hold(self, hold: Hold) -> None:
        """The session, and each that comes after it, stops so far."""
        with self._quick:
            self._hold = hold
            if self._session is not None:
                self._session.brake.apply(hold)

    def look_after(self) -> None:
        """Called each second: memory that nobody uses is given back; trouble is looked at again when it is time."""
        session, trouble = self._session, self._trouble
        if session is not None:
            session.brake.relieve()
        due = trouble is not None and trouble.again_at is not None and self._patience.clock() >= trouble.again_at
        if due and self._changing.acquire(blocking=False):
            try:
                self._reopen()
            finally:
                self._changing.release()

    def try_again(self) -> None:
        """The person says that the trouble is mended."""
        if (trouble := self._trouble) is not None and trouble.again_at is not None:
            self._trouble = Trouble(trouble.sentence, self._patience.clock())

    def view(self) -> View:
        session, linking = self._session, self._linking
        server = "" if self._address is None else self._address.server
        code = "" if linking is None else linking[0]
        if session is None:
            return View(server, False, State.stopped, self._trouble, code, self._newcomer.name)
        away = session.tools.patience.trouble
        return View(
            server, True, self._shown.of(session.agent.state), self._trouble, code, self._newcomer.name,
            session.agent.progress, "" if away is None else away.sentence, away is not None and away.needs_person,
            session.tools.trainer.isolation,
        )  # fmt: skip

    # --- slow

    def adopt_preferences(self) -> None:
        """Raises StopAndTell when they cannot be taken."""
        self._workshop.read_preferences()
        session, address = self._session, self._address
        if session is not None and address is not None:
            self._workshop.adopt(session.tools, address)
            session.agent.machine = self._workshop.machine()

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
                grid = self._workshop.grid(address)
                try:
                    keep(file, address.server, grid.attach(self._request(request.join_key)))
                finally:
                    grid.close()
            self._turn_to(address)
        return Done(f"This computer works for {address.server} now.")

    def link(self, request: control.LinkRequest) -> Link:
        """A code for the person to confirm; then the work begins by itself. Raises StopAndTell, RetryLater."""
        address = self._address_of(request)
        grid = self._workshop.grid(address)
        try:
            code = grid.device(DeviceRequest(self._newcomer.name, self._workshop.machine()))
        finally:
            grid.close()
        self._stop_linking()
        over = threading.Event()
        self._linking = (code.user_code, over)

        def wait() -> None:
            self._await_confirmation(address, code, over)

        threading.Thread(target=wait, name="linking", daemon=True).start()
        expires = self._now() + timedelta(seconds=code.expires_in)
        return Link(code.user_code, code.verification_uri_complete, expires)

    def detach(self) -> Done:
        """Give the unit back, tell the grid, forget the token."""
        with self._changing:
            address = self._address
            if address is None or self._workshop.identity(address).load() is None:
                raise StopAndTell("This computer is attached to no grid.")
            self._end_session()
            grid = self._workshop.grid(address)
            try:
                told = detach(grid, self._workshop.identity(address))
            finally:
                grid.close()
            self._trouble = None
            self._numbers.forget_credit()
        if told:
            return Done(f"This computer no longer works for {address.server}.")
        return Done(
            f"This computer no longer works for {address.server}, which could not be told: detach it there too."
        )

    # --- within

    def _address_of(self, request: control.AttachRequest | control.LinkRequest) -> GridAddress:
        """What was said of that grid's certificate before, by a join file say, still counts."""
        address = GridAddress.of(request.server, request.fingerprint, request.insecure_http)
        known = self._address
        if known is not None and known.server == address.server and not address.fingerprint:
            return replace(address, fingerprint=known.fingerprint)
        return address

    def _request(self, join_key: str) -> AttachRequest:
        return AttachRequest(join_key, self._newcomer.name, self._workshop.machine(), nonce=secrets.token_hex(16))

    def _turn_to(self, address: GridAddress) -> None:
        self._workshop.remember(address)
        self._stop_linking()
        self._end_session()
        if self._address is None or self._address.server != address.server:
            self._numbers.forget_credit()
        self._address = address
        self._open(address)

    def _reopen(self) -> None:
        if self._address is not None and self._session is None and not self._ending:
            self._open(self._address)

    def _open(self, address: GridAddress) -> None:
        tools = self._workshop.tools(address)
        given = self._newcomer.address
        key = self._newcomer.join_key if given is not None and given.server == address.server else None
        request = None if key is None else self._request(key)
        file = self._workshop.identity(address)

        def attach() -> bool:
            return ensure_attached(tools.grid, file, address.server, request, tools.patience, tools.stop)

        def tell(state: State) -> None:
            self._shown.tell(state)
            if state is State.asking:
                self._numbers.ask(tools.grid)

        session = Session(tools, self._workshop.machine(), attach, tell, self._numbers.count_unit, self._ended)
        with self._quick:
            if self._ending:
                return
            self._trouble = None
            self._session = session
            session.brake.apply(self._hold)
        session.start()

    def _end_session(self) -> None:
        with self._quick:
            session, self._session = self._session, None
        if session is not None:
            session.wind_up()

    def _ended(self, session: Session, error: Exception | None) -> None:
        """From the session's own thread."""
        with self._quick:
            if session is not self._session or self._ending:
                return
            self._session = None
        session.close()
        if error is None:
            return
        if isinstance(error, StopAndTell) and error.code == "unknown_token" and self._address is not None:
            self._workshop.identity(self._address).retire()
        if self._hopeless is not None:
            self._hopeless(error)
        elif isinstance(error, StopAndTell):
            _log.error("%s", error.sentence)
            again = None if error.code == "unknown_token" else self._patience.clock() + TRY_AGAIN_SECONDS
            self._trouble = Trouble(error.sentence, again)
        else:
            _log.error("the work ended by an error that was not foreseen", exc_info=error)
            again = self._patience.clock() + TRY_AGAIN_AFTER_A_MISHAP_SECONDS
            self._trouble = Trouble(f"Something went wrong ({type(error).__name__}); it is tried again soon.", again)

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
                self._trouble = Trouble(error.sentence)
        finally:
            grid.close()

    def _stop_linking(self) -> None:
        linking, self._linking = self._linking, None
        if linking is not None:
            linking[1].set()
