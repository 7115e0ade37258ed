"""The session at one grid, kept going: held and let go, ended, and begun anew after trouble. Knows no joining."""

import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from volunteer.agent.attaching import ensure_attached
from volunteer.agent.brake import Hold
from volunteer.agent.numbers import Numbers
from volunteer.agent.patience import Patience
from volunteer.agent.session import Session
from volunteer.agent.shown_state import ShownState
from volunteer.agent.states import State
from volunteer.agent.workshop import GridAddress, Newcomer, Workshop
from volunteer.errors import StopAndTell
from volunteer.protocol.messages import AttachRequest
from volunteer.spool.identity import Left

# Trouble may have been mended elsewhere meanwhile; what this program did not foresee may pass.
TRY_AGAIN_SECONDS = 900.0
TRY_AGAIN_AFTER_A_MISHAP_SECONDS = 60.0
# The grid's operator ends that, and nothing has to be done on this machine: it is no end of a program without windows.
_ENDED_BY_OTHERS = {"host_quarantined"}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trouble:
    """What the person has to do something about. It is tried again at that instant, unless that is None."""

    sentence: str = ""
    again_at: float | None = None


@dataclass(frozen=True)
class View:
    """What there is to be seen of it. `away`: why nothing gets through just now; `state` counts while `attached`."""

    attached: bool = False
    state: State = State.stopped
    trouble: Trouble = field(default_factory=Trouble)
    progress: float | None = None
    away: str = ""
    away_for_person: bool = False
    missing_protection: tuple[str, ...] | None = None


class Work:
    """`open`, `end` and `reopen` belong to one thread at a time; the rest, which is quick, to any."""

    def __init__(self, workshop: Workshop, numbers: Numbers, newcomer: Newcomer, patience: Patience) -> None:
        self._workshop = workshop
        self._numbers = numbers
        self._newcomer = newcomer
        self._patience = patience
        self._shown = ShownState(patience.clock)
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._address: GridAddress | None = None
        self._hold = Hold.none
        self._trouble = Trouble()
        self._over = False
        self.hopeless: Callable[[Exception], None] | None = None
        """Hears of what ends the work, where nobody is there to be shown it."""

    # --- slow

    def open(self, address: GridAddress) -> None:
        """Work for that grid. Where nothing can be kept here that is trouble, or, where nobody is there to be shown it,
        an OSError."""
        try:
            self._open(address)
        except OSError as error:
            if self.hopeless is not None:
                raise
            with self._lock:
                self._address, self._trouble = address, self._trouble_of(error)
            _log.error("the work cannot begin: %s", error)

    def _open(self, address: GridAddress) -> None:
        tools = self._workshop.tools(address)
        given = self._newcomer.address
        key = self._newcomer.join_key if given is not None and given.server == address.server else None
        request = None if key is None else self.request(key)
        file = self._workshop.identity(address)

        def attach() -> bool:
            return ensure_attached(tools.grid, file, address.server, request, tools.patience, tools.stop)

        def tell(state: State) -> None:
            self._shown.tell(state)
            if state is State.asking:
                self._numbers.ask(tools.grid)

        session = Session(tools, self._workshop.machine(), attach, tell, self._numbers.count_unit, self._ended)
        with self._lock:
            if self._over:
                return
            self._trouble = Trouble()
            self._session, self._address = session, address
            session.brake.apply(self._hold)
        session.start()

    def end(self) -> None:
        """No work until it is opened again: what is done is delivered or given back, within five seconds."""
        with self._lock:
            session, self._session = self._session, None
            self._trouble = Trouble()
        if session is not None:
            session.wind_up()

    def reopen(self) -> None:
        """Try again what ended in trouble."""
        if self._session is None and self._address is not None:
            self.open(self._address)

    def wind_up(self) -> None:
        """End for good; the session stays to be seen."""
        self._over = True
        if (session := self._session) is not None:
            session.wind_up()

    def close(self) -> None:
        """End what still runs, now."""
        self._over = True
        if (session := self._session) is not None:
            session.close()

    # --- quick

    def request(self, join_key: str) -> AttachRequest:
        """What makes this machine a host by that key."""
        return AttachRequest(join_key, self._newcomer.name, self._workshop.machine(), nonce=secrets.token_hex(16))

    def hold(self, hold: Hold) -> None:
        """The session, and each that comes after it, stops so far."""
        with self._lock:
            self._hold = hold
            if self._session is not None:
                self._session.brake.apply(hold)

    def relieve(self) -> None:
        """Called now and then: memory that nobody uses is given back."""
        if (session := self._session) is not None:
            session.brake.relieve()

    def adopt_preferences(self) -> None:
        """They have changed."""
        session, address = self._session, self._address
        if session is not None and address is not None:
            self._workshop.adopt(session.tools, address)
            session.agent.machine = self._workshop.machine()

    def say(self, trouble: str) -> None:
        """Show that, unless there is work: then it is not worth the person's attention."""
        with self._lock:
            if self._session is None:
                self._trouble = Trouble(trouble)

    @property
    def due(self) -> bool:
        """Whether what ended in trouble is to be tried again."""
        again_at = self._trouble.again_at
        return again_at is not None and self._patience.clock() >= again_at

    def try_again(self) -> None:
        """The person says that the trouble is mended."""
        with self._lock:
            if self._trouble.again_at is not None:
                self._trouble = Trouble(self._trouble.sentence, self._patience.clock())

    def view(self) -> View:
        session, trouble = self._session, self._trouble
        if session is None:
            return View(trouble=trouble)
        state, away = self._shown.of(session.agent.state), session.tools.patience.trouble
        return View(
            True, state, trouble, session.agent.progress, "" if away is None else away.sentence,
            away is not None and away.needs_person, session.tools.trainer.isolation,
        )  # fmt: skip

    def _ended(self, session: Session, error: Exception | None) -> None:
        """From the session's own thread."""
        trouble = Trouble() if error is None else self._trouble_of(error)
        with self._lock:
            if session is not self._session or self._over:
                return
            self._session, self._trouble = None, trouble
        session.close()
        if error is None:
            return
        if isinstance(error, StopAndTell) and error.code == "unknown_token" and self._address is not None:
            self._workshop.identity(self._address).retire(Left.revoked)
        passes = isinstance(error, StopAndTell) and error.code in _ENDED_BY_OTHERS
        if self.hopeless is not None and not passes:
            self.hopeless(error)
        else:
            unforeseen = None if isinstance(error, StopAndTell) else error
            again = "" if trouble.again_at is None else " It is tried again by itself in some minutes."
            _log.error("the work has ended: %s%s", trouble.sentence, again, exc_info=unforeseen)

    def _trouble_of(self, error: Exception) -> Trouble:
        now = self._patience.clock()
        if not isinstance(error, StopAndTell):
            again_at = now + TRY_AGAIN_AFTER_A_MISHAP_SECONDS
            return Trouble(f"Something went wrong ({type(error).__name__}); it is tried again soon.", again_at)
        # A token that was revoked stays revoked.
        return Trouble(error.sentence, None if error.code == "unknown_token" else now + TRY_AGAIN_SECONDS)
