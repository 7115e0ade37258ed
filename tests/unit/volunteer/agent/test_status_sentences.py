"""What people read, as a table: facts on the left, word and sentence on the right."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from volunteer.agent.brake import Hold
from volunteer.agent.governor import Standing
from volunteer.agent.states import State
from volunteer.agent.status import Facts, describe
from volunteer.control.messages import Activity
from volunteer.preferences.pausing import Pause

HERE = timezone(timedelta(hours=2))
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=HERE)
UTC_AT_NOON = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def at_work(**facts) -> Facts:
    return Facts(**{"now": NOW, "server": "https://grid", "attached": True, "state": State.training, **facts})


def paused(pause: Pause | None, hold: Hold = Hold.now, *reasons: str, **facts) -> Facts:
    return at_work(standing=Standing(hold, pause, reasons), **{"state": State.paused, **facts})


TABLE = [
    (at_work(), Activity.training, "Training."),
    (at_work(state=State.idle), Activity.waiting_for_work, "Waiting for work: the grid has none just now."),
    (at_work(state=State.asking), Activity.waiting_for_work, "Waiting for work."),
    (at_work(state=State.attaching), Activity.waiting_for_work, "Connecting to the grid."),
    (at_work(state=State.downloading), Activity.downloading, "Downloading what the next unit needs."),
    (at_work(state=State.delivering), Activity.delivering, "Delivering a finished unit."),
    (at_work(state=State.waiting_for_server), Activity.offline, "The grid does not answer. It is asked again."),
    (at_work(away="The server cannot be reached."), Activity.offline, "The server cannot be reached. Trying again."),
    (at_work(away="The disk is full.", away_for_person=True), Activity.needs_attention,
     "The disk is full. Trying again."),
    (at_work(trouble="The grid does not know this computer."), Activity.needs_attention,
     "The grid does not know this computer."),
    (at_work(stopping=True, trouble="x"), Activity.stopping, "Ending: what is done is being delivered."),
    (Facts(NOW), Activity.not_attached, "This computer is not linked to a grid yet."),
    (Facts(NOW, "https://grid"), Activity.not_attached, "This computer is not linked to https://grid yet."),
    (Facts(NOW, "https://grid", left=True), Activity.not_attached, "This computer no longer works for https://grid."),
    (Facts(NOW, "https://grid", linking="ABCD-EFGH", trouble="The code before has run out."), Activity.not_attached,
     "Waiting for you to confirm the code ABCD-EFGH in the browser."),
    (paused(Pause()), Activity.paused, "Paused until you resume."),
    (paused(Pause(None, "not_started")), Activity.paused, "Not started yet: it begins when you say so."),
    (paused(Pause(UTC_AT_NOON)), Activity.paused, "Paused until 12:00."),
    (paused(Pause(UTC_AT_NOON + timedelta(days=1))), Activity.paused, "Paused until Tuesday, 12:00."),
    (paused(Pause(UTC_AT_NOON + timedelta(days=30))), Activity.paused, "Paused until 23 December, 12:00."),
    (paused(None, Hold.now, "Waiting: battery.", "Waiting: game."), Activity.paused, "Waiting: battery."),
    (paused(Pause(), state=State.delivering), Activity.paused,
     "Paused until you resume. A finished unit is being delivered."),
    (paused(Pause(), state=State.paused, away="The server cannot be reached."), Activity.paused,
     "Paused until you resume. A finished unit waits to be delivered."),
    (paused(Pause(), Hold.after_unit, state=State.training), Activity.training,
     "Finishing this unit, then pausing."),
    (paused(Pause(), Hold.after_unit, state=State.paused), Activity.paused, "Paused until you resume."),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "activity", "sentence"), TABLE, ids=[row[2] for row in TABLE])
def test_each_state_has_its_word_and_its_sentence(facts, activity, sentence):
    assert describe(facts) == (activity, sentence)


def test_every_state_of_the_agent_has_words():
    for state in State:
        _activity, sentence = describe(at_work(state=state))
        assert sentence.endswith(".")
