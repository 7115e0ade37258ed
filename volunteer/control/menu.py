"""What a person sees of a status and may choose now, as values: picture, tooltip, menu. For the icon and the windows.

Pure: no icon, no socket, no clock.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from volunteer.control.messages import (
    Activity,
    CheckForUpdates,
    InstallUpdate,
    PauseRequest,
    QuitRequest,
    Request,
    ResumeRequest,
    ShowRequest,
    Status,
    Window,
)
from volunteer.preferences.pause_ends import tomorrow_morning

AT_WORK = frozenset({Activity.training, Activity.downloading, Activity.delivering})
# Windows shows no more of a tooltip than 127 characters.
_MOST_OF_A_TOOLTIP = 120
_MOST_OF_A_LINE = 70


class Picture(enum.StrEnum):
    """One for each thing to be told apart at a glance; the value is the file's name."""

    training = "training"
    waiting = "waiting"
    paused = "paused"
    offline = "offline"
    attention = "attention"
    not_attached = "not-attached"


PICTURES = {
    Activity.training: Picture.training,
    Activity.downloading: Picture.training,
    Activity.delivering: Picture.training,
    Activity.waiting_for_work: Picture.waiting,
    Activity.stopping: Picture.waiting,
    Activity.paused: Picture.paused,
    Activity.offline: Picture.offline,
    Activity.needs_attention: Picture.attention,
    Activity.not_attached: Picture.not_attached,
}


@dataclass(frozen=True)
class Browse:
    """Open that page in the person's browser."""

    page: str


@dataclass(frozen=True)
class Ask:
    """Always the same wish."""

    wish: Request | Browse

    def __call__(self, now: datetime) -> Request | Browse:
        return self.wish


@dataclass(frozen=True)
class PauseUntil:
    """Pause to an end that is counted from the choice."""

    end: Callable[[datetime], datetime]

    def __call__(self, now: datetime) -> Request | Browse:
        return PauseRequest(until=self.end(now))


Action = Ask | PauseUntil
"""What a choice asks for; the instant of the choice, with its time zone, is passed in. Equal ones ask for the same."""


@dataclass(frozen=True)
class Item:
    """One line of the menu. `name` stays the same whatever the text says; `checked` None: nothing to check.

    `default`: what a click on the icon itself does, where the desktop has that. Without `text` it is a line between.
    """

    name: str
    text: str = ""
    action: Action | None = None
    enabled: bool = True
    checked: bool | None = None
    default: bool = False
    below: tuple["Item", ...] = ()


def menu_of(status: Status) -> tuple[Item, ...]:
    """The whole menu: the same names in the same order, and one more where the person has to do something."""
    return (
        Item("status", shortened(headline(status), _MOST_OF_A_LINE), _show(Window.control), default=True),
        Item("line-1"),
        _pause_or_resume(status),
        *_link_again(status),
        Item("pause-for", "Pause for", below=_pauses_with_an_end(), enabled=_can_pause(status)),
        Item(
            "finish", "Finish this unit, then pause", Ask(PauseRequest(after_unit=True)),
            enabled=status.activity in AT_WORK and not status.pause_why,
            checked=status.activity in AT_WORK and bool(status.pause_why),
        ),
        Item("line-2"),
        Item("preferences", "Preferences…", _show(Window.preferences)),
        Item("contributions", "My contributions", Ask(Browse(contributions_page(status))), enabled=bool(status.server)),
        _update(status),
        Item("about", "About DAIG", _show(Window.about)),
        Item("line-3"),
        Item("quit", "Quit", Ask(QuitRequest()), enabled=status.activity is not Activity.stopping),
    )  # fmt: skip


def tooltip_of(status: Status) -> str:
    """State and numbers, of no project in particular."""
    numbers = f"{counted(status.units_today, 'unit')} today"
    if status.credit is not None:
        numbers += f" · credit {status.credit:,}"
    first = shortened(f"DAIG: {headline(status)}", _MOST_OF_A_TOOLTIP - len(numbers) - 1)
    return first if status.activity is Activity.not_attached else f"{first}\n{numbers}"


def headline(status: Status) -> str:
    """The status line; a single sentence stands without its full stop, as titles do."""
    sentence = status.sentence.strip()
    return sentence if ". " in sentence else sentence.removesuffix(".")


def counted(number: int, noun: str) -> str:
    """“1 unit”, “2 units”."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def shortened(text: str, most: int) -> str:
    """One line of at most `most` characters, cut between words where it can be."""
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    cut = text[: most - 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut[most // 2 :] else cut).rstrip(" ,.;:") + "…"


def contributions_page(status: Status) -> str:
    """Where the grid shows the person's computers."""
    return f"{status.server}/computers"


def _pause_or_resume(status: Status) -> Item:
    if status.activity is Activity.not_attached:
        return Item("pause", "Link this computer…", _show(Window.first_run))
    if status.activity is Activity.needs_attention and not status.pause_why:
        return Item("pause", "Try again", Ask(ResumeRequest()))
    if not status.pause_why:
        return Item("pause", "Pause", Ask(PauseRequest()), enabled=_can_pause(status))
    return Item("pause", "Start now" if status.pause_why == "not_started" else "Resume", Ask(ResumeRequest()))


def _link_again(status: Status) -> tuple[Item, ...]:
    """The grid may know this computer no longer, and only the person can mend that."""
    if status.activity is not Activity.needs_attention:
        return ()
    return (Item("link", "Link this computer…", _show(Window.first_run)),)


def _can_pause(status: Status) -> bool:
    return status.activity not in (Activity.not_attached, Activity.stopping)


def _pauses_with_an_end() -> tuple[Item, ...]:
    return (
        Item("pause-1", "1 hour", PauseUntil(_in_an_hour)),
        Item("pause-4", "4 hours", PauseUntil(_in_four_hours)),
        Item("pause-tomorrow", "Until tomorrow", PauseUntil(tomorrow_morning)),
    )


def _in_an_hour(now: datetime) -> datetime:
    return now + timedelta(hours=1)


def _in_four_hours(now: datetime) -> datetime:
    return now + timedelta(hours=4)


def _update(status: Status) -> Item:
    if status.update:
        return Item("update", f"Install update {status.update}…", Ask(InstallUpdate()))
    return Item("update", "Check for updates", Ask(CheckForUpdates()), enabled=bool(status.server))


def _show(window: Window) -> Action:
    return Ask(ShowRequest(window))
