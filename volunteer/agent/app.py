"""The running app: one host's work and all that its owner may ask of it, from any thread. Knows no socket, no screen.

See `volunteer.control.commands.Commands` for what is asked.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from volunteer.agent.governor import Governor, Standing
from volunteer.agent.grids import Grids
from volunteer.agent.notices import Notices
from volunteer.agent.numbers import Numbers
from volunteer.agent.status import Facts, describe
from volunteer.control.messages import AttachRequest, Done, Link, LinkRequest, Status
from volunteer.errors import StopAndTell
from volunteer.preferences.pause_ends import LONGEST
from volunteer.protocol.version import SOFTWARE
from volunteer.update.updates import Updates

LOOK_SECONDS = 1.0
# The first look asks systems for whom that may take a while.
BEGIN_SECONDS = 10.0
_log = logging.getLogger(__name__)


class App:
    """`start` once, then anything from any thread, then `wind_up` and `close`."""

    def __init__(
        self, grids: Grids, governor: Governor, numbers: Numbers, now: Callable[[], datetime], host_name: str = "",
        updates: Updates | None = None,
    ) -> None:  # fmt: skip
        self._grids = grids
        self._governor = governor
        self._numbers = numbers
        self._now = now
        self._notices = Notices(Status(0, *describe(Facts(now())), host_name=host_name, software=SOFTWARE))
        self._obeying = threading.Lock()
        self._publishing = threading.Lock()
        self._standing = Standing()
        self._stopping = threading.Event()
        self._nudge = threading.Event()
        self._begun = threading.Event()
        self._over: Callable[[], None] = lambda: None
        self._stays = False
        self._tray = False
        self._update = ""
        self._updates = updates
        self.error: Exception | None = None
        """Why it ended by itself, when it did."""

    # --- its life

    def start(self, over: Callable[[], None], stays: bool) -> None:
        """Work from now on. `over` is called when it is to end: somebody said quit or, unless it `stays`, something is
        for the person to do; then `error` says what."""
        self._over = over
        self._stays = stays
        if self._updates is not None:
            self._updates.start(self.update_offered)
        threading.Thread(target=self._govern, name="governor", daemon=True).start()
        self._begun.wait(BEGIN_SECONDS)

    def wind_up(self) -> None:
        """Deliver what is done or give it back; all is over within five seconds."""
        self._stopping.set()
        self._nudge.set()
        self._publish()
        self._grids.wind_up()

    def close(self) -> None:
        """End what still runs, now."""
        self._stopping.set()
        if self._updates is not None:
            self._updates.stop()
        self._grids.work.close()
        self._numbers.keep()

    def tick(self) -> None:
        """What is due each second: look whether to work, give memory back that nobody uses, say what has changed."""
        self._obey(self._governor.look())
        self._grids.look_after()
        self._publish()

    # --- what may be asked of it

    def status(self) -> Status:
        self._publish()
        return self._notices.latest

    def wait_for_change(self, version: int, timeout: float) -> Status:
        return self._notices.newer_than(version, timeout)

    def pause(self, until: datetime | None, after_unit: bool) -> None:
        """The processor is left alone within a second; with `after_unit` once the unit is done."""
        now = self._now()
        if until is not None and until <= now:
            raise StopAndTell("That pause would be over already. Give a time that is still to come.")
        if until is not None and until - now > LONGEST:
            # Besides, calendars end, and what cannot be shown as local time could never be shown again.
            raise StopAndTell("A pause lasts up to a year, or, without an end, for ever.")
        self._governor.pause(until, after_unit, self._obey)
        self._publish()

    def resume(self) -> None:
        self._governor.resume()
        self._grids.work.try_again()
        self._nudge.set()

    def quit(self) -> None:
        self._over()

    def reload_preferences(self) -> None:
        self._grids.adopt_preferences()
        self._nudge.set()

    def attach(self, request: AttachRequest) -> Done:
        done = self._grids.attach(request)
        self._publish()
        return done

    def link(self, request: LinkRequest) -> Link:
        link = self._grids.link(request)
        self._publish()
        return link

    def detach(self) -> Done:
        done = self._grids.detach()
        self._publish()
        return done

    def check_for_updates(self) -> Done:
        if self._updates is None:
            raise StopAndTell("This copy of the program cannot look for updates.")
        return Done(self._updates.check())

    def install_update(self) -> Done:
        if self._updates is None:
            raise StopAndTell("There is no update to install.")
        return Done(self._updates.install())

    def tray_shown(self, shown: bool) -> None:
        self._tray = shown
        self._publish()

    def update_offered(self, version: str) -> None:
        """A newer version can be had; "" when none can."""
        self._update = version
        self._publish()

    # --- within

    def _hopeless(self, error: Exception) -> None:
        self.error = error
        self._over()

    def begin(self) -> None:
        """Look whether to work, then begin, so that a host that has to keep still never stirs."""
        self._obey(self._governor.look())
        self._grids.begin(None if self._stays else self._hopeless)
        self._publish()

    def _govern(self) -> None:
        try:
            self.begin()
        except Exception as error:
            self._hopeless(error)
            return
        finally:
            self._begun.set()
        while not self._stopping.is_set():
            self._nudge.wait(LOOK_SECONDS)
            self._nudge.clear()
            try:
                self.tick()
            except Exception:
                # The one thread that must not die: without it no preference counts any more.
                _log.exception("the look at this machine failed")
                self._stopping.wait(LOOK_SECONDS)

    def _obey(self, standing: Standing) -> None:
        with self._obeying:
            # A look that began before the person's last word says nothing any more.
            if standing.turn == self._governor.turn:
                if standing.hold is not self._standing.hold:
                    _log.info("%s", " ".join(standing.reasons) or ("paused" if standing.pause else "going on"))
                self._standing = standing
                self._grids.work.hold(standing.hold)

    def _publish(self) -> None:
        with self._publishing:
            self._notices.publish(self._status())

    def _status(self) -> Status:
        """As it is now; its version is for others to say."""
        grids, here, standing = self._grids, self._grids.work.view(), self._standing
        server = "" if grids.address is None else grids.address.server
        facts = Facts(
            self._now(), server, here.attached, self._stopping.is_set(), here.trouble.sentence, grids.linking, standing,
            here.state, here.away, here.away_for_person, not here.attached and grids.left,
        )  # fmt: skip
        activity, sentence = describe(facts)
        paused, lacking = standing.pause, here.missing_protection
        return Status(
            version=0,
            activity=activity,
            sentence=sentence,
            reasons=list(standing.reasons),
            paused_until=paused.until if paused else None,
            pause_why=paused.why if paused else "",
            server=server,
            host_name=grids.host_name,
            units_today=self._numbers.units_today,
            credit=self._numbers.credit,
            progress=here.progress,
            missing_protection=None if lacking is None else list(lacking),
            software=SOFTWARE,
            update=self._update,
            tray=self._tray,
            link_trouble=grids.link_trouble,
        )
