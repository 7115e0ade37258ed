"""What this program is, which grid it works for, what protects the person's computer from it, and whether it is new."""

import tkinter
from datetime import datetime
from tkinter import ttk

from volunteer.control.menu import Picture, menu_of
from volunteer.control.messages import Status
from volunteer.protocol.version import SOFTWARE
from volunteer.windows.stage import Saying, Stage

PURPOSE = "Lends this computer's spare time to the training of neural networks."
PROTECTED = (
    "What strangers want computed is checked first, and never run as a program of theirs. It is computed in a process "
    "of its own, with the lowest priority, a limit on memory, one folder, and without your grid's token."
)
MISSING = "On this system it cannot be kept from everything:"
ALL_THERE = "This system also keeps that process from the network and from all other files."
NOT_TRIED = "Whether this system keeps it from the network and from all other files shows when it computes."
LICENCE = "Free software under the MIT licence."


def protection_of(status: Status) -> str:
    """What is known of the box, and no more than that."""
    if status.missing_protection is None:
        return NOT_TRIED
    missing = "\n".join(f"•  {one}" for one in status.missing_protection)
    return f"{MISSING}\n{missing}" if missing else ALL_THERE


class About:
    """Shows the status, until the app is gone."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._status: Status | None = None
        frame = stage.board("About DAIG", 480)
        self._head(frame).grid(row=0, sticky="ew")
        self._facts = ttk.Frame(frame)
        self._facts.grid(row=1, sticky="ew", pady=(stage.px(18), 0))
        self._protection(frame).grid(row=2, sticky="ew", pady=(stage.px(18), 0))
        self._saying = Saying(stage, frame, row=3)
        row = ttk.Frame(frame)
        row.grid(row=4, sticky="ew", pady=(stage.px(20), 0))
        self._update = stage.button(row, "Check for updates", self._look_for_updates)
        close = stage.button(row, "Close", stage.root.destroy, "Strong.TButton")
        self._update.pack(side="left")
        close.pack(side="right")
        close.focus_set()
        stage.asking.follow(self.show, stage.root.destroy)

    def show(self, status: Status) -> None:
        self._status = status
        for old in self._facts.winfo_children():
            old.destroy()
        facts = (("Version", status.software or SOFTWARE), ("Grid", status.server or "none yet"),
                 ("This computer", status.host_name or "–"))  # fmt: skip
        for number, (word, value) in enumerate(facts):
            ttk.Label(self._facts, text=word, style="Muted.TLabel").grid(row=number, column=0, sticky="nw")
            self._stage.text(self._facts, value, narrower=120).grid(
                row=number, column=1, sticky="w", padx=(self._stage.px(18), 0), pady=self._stage.px(2)
            )
        self._missing.configure(text=protection_of(status))
        item = next(one for one in menu_of(status) if one.name == "update")
        self._update.configure(text=item.text, state="normal" if item.enabled else "disabled")

    def _head(self, parent: tkinter.Misc) -> ttk.Frame:
        stage = self._stage
        head = ttk.Frame(parent)
        picture = ttk.Label(head, image=stage.look.picture(Picture.training))
        picture.grid(row=0, column=0, rowspan=2, padx=(0, stage.px(16)))
        ttk.Label(head, text="DAIG", style="Title.TLabel").grid(row=0, column=1, sticky="sw")
        stage.text(head, PURPOSE, "Muted.TLabel", narrower=80).grid(row=1, column=1, sticky="nw", pady=(stage.px(3), 0))
        return head

    def _protection(self, parent: tkinter.Misc) -> ttk.Frame:
        stage = self._stage
        card = ttk.Frame(parent, style="Box.TFrame", padding=(stage.px(16), stage.px(14)))
        ttk.Label(card, text="What protects this computer", style="Card.Strong.TLabel").pack(anchor="w")
        stage.text(card, PROTECTED, "Card.TLabel", narrower=32).pack(anchor="w", pady=(stage.px(6), 0))
        self._missing = stage.text(card, "", "Card.TLabel", narrower=32)
        self._missing.pack(anchor="w", pady=(stage.px(6), 0))
        stage.text(card, LICENCE, "Card.Muted.TLabel", narrower=32).pack(anchor="w", pady=(stage.px(10), 0))
        return card

    def _look_for_updates(self) -> None:
        if self._status is None:
            return
        item = next(one for one in menu_of(self._status) if one.name == "update")
        if item.action is not None:
            wish = item.action(datetime.now().astimezone())
            self._stage.fulfil(wish, self._saying.good, self._saying.problem)
