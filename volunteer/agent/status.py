"""What a host is doing in a word and in a sentence for its owner. Pure: facts in, words out."""

from dataclasses import dataclass, field
from datetime import datetime

from volunteer.agent.brake import Hold
from volunteer.agent.governor import Standing
from volunteer.agent.states import State
from volunteer.control.messages import Activity
from volunteer.errors import NoRoom
from volunteer.preferences.pause_ends import shown
from volunteer.preferences.pausing import Pause

_WORKING = {
    State.attaching: (Activity.waiting_for_work, "Connecting to the grid."),
    State.asking: (Activity.waiting_for_work, "Waiting for work."),
    State.idle: (Activity.waiting_for_work, "Waiting for work: the grid has none just now."),
    State.paused: (Activity.waiting_for_work, "Going on."),
    State.downloading: (Activity.downloading, "Downloading what the next unit needs."),
    State.training: (Activity.training, "Training."),
    State.delivering: (Activity.delivering, "Delivering a finished unit."),
    State.no_room: (Activity.needs_attention, NoRoom().sentence),
    State.waiting_for_server: (Activity.offline, "The grid does not answer. It is asked again."),
    State.stopped: (Activity.stopping, "Ending."),
}
_HAS_A_UNIT = frozenset({State.downloading, State.training, State.delivering})


@dataclass(frozen=True)
class Facts:
    """`trouble`: what the person has to do something about. `away`: why nothing gets through just now, and
    `away_for_person`: that waiting will hardly mend it.

    `left`: this machine was that grid's host, and is none any more. `linking`: the code that the person is to confirm.
    `state` means something only when there is a grid (`attached`).
    """

    now: datetime
    server: str = ""
    attached: bool = False
    stopping: bool = False
    trouble: str = ""
    linking: str = ""
    standing: Standing = field(default_factory=Standing)
    state: State = State.attaching
    away: str = ""
    away_for_person: bool = False
    left: bool = False


def describe(facts: Facts) -> tuple[Activity, str]:
    """The one that matters most to whoever looks at the icon."""
    if facts.stopping:
        return Activity.stopping, "Ending: what is done is being delivered."
    if facts.linking and not facts.attached:
        return Activity.not_attached, f"Waiting for you to confirm the code {facts.linking} in the browser."
    if facts.trouble:
        return Activity.needs_attention, facts.trouble
    if not facts.attached and facts.left:
        return Activity.not_attached, f"This computer no longer works for {facts.server}."
    if not facts.attached:
        where = f"not linked to {facts.server} yet" if facts.server else "not linked to a grid yet"
        return Activity.not_attached, f"This computer is {where}."
    if facts.standing.hold is not Hold.none:
        return _held(facts)
    if facts.away:
        kind = Activity.needs_attention if facts.away_for_person else Activity.offline
        return kind, f"{facts.away} Trying again."
    return _WORKING[facts.state]


def _held(facts: Facts) -> tuple[Activity, str]:
    standing = facts.standing
    if standing.hold is Hold.after_unit and facts.state in _HAS_A_UNIT:
        return _WORKING[facts.state][0], "Finishing this unit, then pausing."
    # The first reason is the one that will last longest.
    said = standing.reasons[0] if standing.pause is None else _of_pause(standing.pause, facts.now)
    if facts.away and facts.state is not State.attaching:
        said += " A finished unit waits to be delivered."
    elif facts.state is State.delivering:
        said += " A finished unit is being delivered."
    return Activity.paused, said


def _of_pause(pause: Pause, now: datetime) -> str:
    if pause.why == "not_started":
        return "Not started yet: it begins when you say so."
    if pause.why == "damaged":
        return "Paused: what you last said of pausing cannot be read any more, so it waits until you resume."
    if pause.until is None:
        return "Paused until you resume."
    return f"Paused until {shown(pause.until, now)}."
