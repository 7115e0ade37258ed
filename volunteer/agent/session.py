"""One grid's agent at work in a thread of its own, from its start to an end within five seconds."""

import threading
import time
from collections.abc import Callable

from volunteer.agent.agent import Agent
from volunteer.agent.brake import Brake
from volunteer.agent.states import State
from volunteer.agent.tools import Tools
from volunteer.protocol.messages import Machine

# Seconds after the wish to end. The whole must stay below five, with what the control socket takes after it.
FINISH_WITHIN = 2.0
WITHOUT_LEASE = 0.5
ABANDON_AFTER = 3.2
ABANDON_WITHIN = 0.8


class Session:
    """`ended` hears, once, from the agent's thread, that it is over, and of the error that ended it."""

    def __init__(
        self,
        tools: Tools,
        machine: Machine,
        attach: Callable[[], bool],
        tell: Callable[[State], None],
        delivered: Callable[[], None],
        ended: Callable[["Session", Exception | None], None],
    ) -> None:
        self.tools = tools
        self.agent = Agent(tools, machine, attach, tell, delivered)
        self.brake = Brake(tools.gate, self.agent, tools.trainer, tools.patience.clock)
        self._ended = ended
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="agent", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wind_up(self) -> None:
        """Deliver what is done or give it back, and end the trainer: within five seconds, whatever the network does."""
        began = time.monotonic()
        # What stands still cannot finish, and the person wants the processor.
        self.agent.stop(0.0 if self.tools.trainer.suspended else FINISH_WITHIN)
        over = self._over_by(began + (ABANDON_AFTER if self.agent.has_lease else WITHOUT_LEASE))
        if not over and self.agent.has_lease:
            # Looking up a name has no time limit of its own, so not even this may hold up the end.
            last = threading.Thread(target=self.agent.abandon, args=(ABANDON_WITHIN,), daemon=True)
            last.start()
            last.join(ABANDON_WITHIN)
        self.close()

    def close(self) -> None:
        """End the trainer now."""
        self.tools.hard_stop.set()
        self.tools.trainer.close()

    def _run(self) -> None:
        error: Exception | None = None
        try:
            self.agent.run()
        except Exception as raised:
            error = raised
        finally:
            self._over.set()
            self._ended(self, error)

    def _over_by(self, instant: float) -> bool:
        return self._over.wait(max(0.0, instant - time.monotonic()))
