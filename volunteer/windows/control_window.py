"""All that the icon's menu offers, as a window: for desktops without a tray, and for whoever likes to look."""

import tkinter
from collections.abc import Callable
from datetime import datetime
from tkinter import ttk

from volunteer.control.menu import PICTURES, Item, headline, menu_of
from volunteer.control.messages import Status
from volunteer.windows.stage import Saying, Stage

NO_TRAY = (
    "This desktop shows no icon beside the clock: to come back to this window, start DAIG again. "
    "Closing it does not stop the work."
)
_PAUSES = ("pause-1", "pause-4", "pause-tomorrow")
_MOST_OF_A_TITLE = 60
_LINKS = ("preferences", "contributions", "update", "about")


class ControlWindow:
    """Shows the status, until the app is gone."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._items: dict[str, Item] = {}
        self._widgets: dict[str, ttk.Button | ttk.Menubutton] = {}
        frame = stage.board("DAIG", 540)
        self._head(frame).grid(row=0, sticky="ew")
        self._remarks = Saying(stage, frame, row=1)
        self._progress(frame).grid(row=2, sticky="ew", pady=(stage.px(18), 0))
        self._tiles(frame).grid(row=3, sticky="ew", pady=(stage.px(18), 0))
        self._saying = Saying(stage, frame, row=4)
        self._choices(frame).grid(row=5, sticky="ew", pady=(stage.px(20), 0))
        ttk.Frame(frame, style="Line.TFrame", height=1).grid(row=6, sticky="ew", pady=(stage.px(20), stage.px(12)))
        self._links(frame).grid(row=7, sticky="ew")
        stage.asking.follow(self.show, stage.root.destroy)

    def show(self, status: Status) -> None:
        """Everything anew from that status."""
        self._items = {one.name: one for item in menu_of(status) for one in (item, *item.below)}
        self._picture.configure(image=self._stage.look.picture(PICTURES[status.activity]))
        said = headline(status)
        self._sentence.configure(text=said, style="Title.TLabel" if len(said) <= _MOST_OF_A_TITLE else "Strong.TLabel")
        where = " · ".join(one for one in (status.host_name, status.server) if one)
        self._where.configure(text=where or "Not linked to a grid yet")
        remarks = [one for one in status.reasons if one not in status.sentence]
        self._remarks.remark("\n".join(remarks if status.tray else [*remarks, NO_TRAY]))
        self._unit.grid() if status.progress is not None else self._unit.grid_remove()
        self._bar.configure(value=(status.progress or 0) * 100)
        self._share.configure(text=f"{status.progress or 0:.0%}")
        self._units.configure(text=f"{status.units_today:,}")
        self._credit.configure(text="–" if status.credit is None else f"{status.credit:,}")
        for name, widget in self._widgets.items():
            item = self._items.get(name, Item(name, enabled=False))
            text = f"{item.text} ▾" if item.below else item.text
            widget.configure(text=text, state="normal" if item.enabled else "disabled")
        there, gone = ("link", "finish") if "link" in self._items else ("finish", "link")
        self._widgets[gone].pack_forget()
        self._widgets[there].pack(side="left", padx=(self._stage.px(10), 0))
        if not self._stage.root.focus_get():
            self._widgets["pause"].focus_set()

    def _head(self, parent: tkinter.Misc) -> ttk.Frame:
        stage = self._stage
        head = ttk.Frame(parent)
        head.columnconfigure(1, weight=1)
        self._picture = ttk.Label(head)
        self._picture.grid(row=0, column=0, rowspan=2, padx=(0, stage.px(16)))
        self._sentence = stage.text(head, "…", "Title.TLabel", narrower=80)
        self._sentence.grid(row=0, column=1, sticky="sw")
        self._where = stage.text(head, "", "Muted.TLabel", narrower=80)
        self._where.grid(row=1, column=1, sticky="nw", pady=(stage.px(3), 0))
        return head

    def _progress(self, parent: tkinter.Misc) -> ttk.Frame:
        self._unit = ttk.Frame(parent)
        self._unit.columnconfigure(0, weight=1)
        ttk.Label(self._unit, text="The unit at work", style="Muted.TLabel").grid(row=0, column=0, sticky="w")
        self._share = ttk.Label(self._unit, style="Muted.TLabel")
        self._share.grid(row=0, column=1, sticky="e")
        self._bar = ttk.Progressbar(self._unit, maximum=100)
        self._bar.grid(row=1, column=0, columnspan=2, sticky="ew", pady=(self._stage.px(6), 0))
        return self._unit

    def _tiles(self, parent: tkinter.Misc) -> ttk.Frame:
        tiles = ttk.Frame(parent)
        self._units = self._tile(tiles, 0, "work units today")
        self._credit = self._tile(tiles, 1, "credit in all")
        return tiles

    def _tile(self, parent: ttk.Frame, column: int, word: str) -> ttk.Label:
        stage = self._stage
        parent.columnconfigure(column, weight=1, uniform="tile")
        tile = ttk.Frame(parent, style="Box.TFrame", padding=(stage.px(16), stage.px(12)))
        tile.grid(row=0, column=column, sticky="ew", padx=(stage.px(6), 0) if column else (0, stage.px(6)))
        number = ttk.Label(tile, text="–", style="Card.Number.TLabel")
        number.pack(anchor="w")
        ttk.Label(tile, text=word, style="Card.Muted.TLabel").pack(anchor="w")
        return number

    def _choices(self, parent: tkinter.Misc) -> ttk.Frame:
        row = ttk.Frame(parent)
        pauses = tkinter.Menu(row, tearoff=False, **self._stage.look.menu_colours())
        for name in _PAUSES:
            pauses.add_command(command=self._chooser(name))
        pauses.configure(postcommand=lambda: self._name(pauses))
        self._widgets |= {
            "pause": self._stage.button(row, "Pause", self._chooser("pause"), "Strong.TButton"),
            "pause-for": ttk.Menubutton(row, text="Pause for", menu=pauses),
            "finish": self._stage.button(row, "", self._chooser("finish")),
            "link": self._stage.button(row, "", self._chooser("link")),
        }
        self._stage.row(list(self._widgets.values()))
        return row

    def _links(self, parent: tkinter.Misc) -> ttk.Frame:
        row = ttk.Frame(parent)
        for name in _LINKS:
            self._widgets[name] = self._stage.button(row, "", self._chooser(name), "Link.TButton")
        self._stage.row([self._widgets[name] for name in _LINKS], gap=4)
        self._widgets["quit"] = self._stage.button(row, "", self._chooser("quit"), "Link.TButton")
        self._widgets["quit"].pack(side="right")
        return row

    def _name(self, menu: tkinter.Menu) -> None:
        for number, name in enumerate(_PAUSES):
            menu.entryconfigure(number, label=self._items[name].text if self._items else "")

    def _chooser(self, name: str) -> Callable[[], None]:
        def choose() -> None:
            item = self._items.get(name)
            if item is not None and item.action is not None and item.enabled:
                wish = item.action(datetime.now().astimezone())
                self._stage.fulfil(wish, self._saying.good, self._saying.problem)

        return choose
