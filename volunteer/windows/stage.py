"""One window and what its contents need: look, questions to the app, and the few parts that all windows are made of."""

import threading
import tkinter
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from tkinter import ttk

from volunteer.control.client import ControlClient
from volunteer.control.menu import Browse
from volunteer.control.messages import Request
from volunteer.windows.asking import Asking
from volunteer.windows.look import Look

MARGIN = 24


class Saying:
    """A coloured box that says a sentence, "Good" news or a "Problem", and is not there when there is none."""

    def __init__(self, stage: "Stage", parent: tkinter.Misc, row: int) -> None:
        self._stage = stage
        self._boxes = {kind: stage.boxed(parent, kind) for kind in ("Good", "Problem", "Remark")}
        for box, _label in self._boxes.values():
            box.grid(row=row, column=0, sticky="ew", pady=(stage.px(14), 0))
            box.grid_remove()

    def good(self, sentence: str) -> None:
        self._show("Good", sentence)

    def problem(self, sentence: str) -> None:
        self._show("Problem", sentence)

    def remark(self, sentence: str) -> None:
        self._show("Remark", sentence)

    def nothing(self) -> None:
        self._show("", "")

    def _show(self, kind: str, sentence: str) -> None:
        for name, (box, label) in self._boxes.items():
            label.configure(text=sentence)
            (box.grid if name == kind and sentence else box.grid_remove)()


@dataclass
class Stage:
    """Of one process: it has one window."""

    root: tkinter.Tk
    look: Look
    asking: Asking
    browse: Callable[[str], object] = field(default=webbrowser.open)
    wide: int = 0

    @property
    def client(self) -> ControlClient:
        return self.asking.client

    def px(self, measure: float) -> int:
        return self.look.px(measure)

    def board(self, title: str, wide: float) -> ttk.Frame:
        """The window's one frame, `wide` units of a plain screen, with air around it; Escape closes the window."""
        self.root.title(title)
        # Tk's own habit on X is another: to go to the beginning of the line.
        self.root.bind_class("TEntry", "<Control-a>", "%W selection range 0 end; %W icursor end; break")
        self.root.bind("<Escape>", lambda _event: self.root.destroy())
        self.wide = self.px(wide - 2 * MARGIN)
        frame = ttk.Frame(self.root, padding=self.px(MARGIN))
        frame.pack(fill="both", expand=True)
        frame.columnconfigure(0, weight=1, minsize=self.wide)
        self.root.resizable(False, False)
        return frame

    def text(self, parent: tkinter.Misc, text: str = "", style: str = "TLabel", narrower: float = 0) -> ttk.Label:
        """Text that breaks into lines; `narrower` than the window by so much."""
        wide = self.wide - self.px(narrower)
        return ttk.Label(parent, text=text, style=style, wraplength=wide, justify="left")

    def button(
        self, parent: tkinter.Misc, text: str, command: Callable[[], object], style: str = "TButton"
    ) -> ttk.Button:
        """Return chooses it too, as long as it has the focus."""
        button = ttk.Button(parent, text=text, style=style, command=command)
        button.bind("<Return>", lambda _event: button.invoke())
        return button

    def row(self, widgets: Sequence[tkinter.Widget], gap: float = 10) -> None:
        """Side by side, from the left."""
        for number, widget in enumerate(widgets):
            widget.pack(side="left", padx=(self.px(gap) if number else 0, 0))

    def boxed(self, parent: tkinter.Misc, kind: str) -> tuple[ttk.Frame, ttk.Label]:
        """A text in its coloured box."""
        box = ttk.Frame(parent, style=f"{kind}.TFrame", padding=(self.px(14), self.px(10)))
        label = self.text(box, style=f"{kind}.TLabel", narrower=28)
        label.pack(fill="x")
        return box, label

    def open_page(self, page: str) -> None:
        """In the person's browser. Some of them come back only when they are closed."""
        threading.Thread(target=self.browse, args=(page,), daemon=True).start()

    def fulfil(self, wish: Request | Browse, then: Callable[[str], object], failed: Callable[[str], None]) -> None:
        """Open the page, or ask the app; `then` gets what it has to say, `failed` why it would not."""
        if isinstance(wish, Browse):
            self.open_page(wish.page)
            return
        client = self.client

        def answered(reply: object) -> None:
            then(getattr(reply, "sentence", ""))

        self.asking.do(lambda: client.ask(wish), answered, failed)
