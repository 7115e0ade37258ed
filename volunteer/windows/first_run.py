"""The first window: which grid, the code to confirm in the browser, and whether to start. Nothing works before that."""

import tkinter
from collections.abc import Callable
from datetime import UTC, datetime
from tkinter import ttk

from volunteer.control.menu import AT_WORK, PICTURES, Picture
from volunteer.control.messages import Activity, Link, LinkRequest, ResumeRequest, ShowRequest, Status, Window
from volunteer.errors import StopAndTell
from volunteer.windows.addresses import TypedAddress, read_address
from volunteer.windows.stage import Saying, Stage

WELCOME = "Lend this computer's spare time"
PURPOSE = (
    "DAIG trains neural networks on computers that people lend. It works with the lowest priority, it gives way to "
    "whatever you do, and you can pause it at any time."
)
GRID_KNOWN = "This is the grid that you got DAIG from."
GRID_UNKNOWN = "It is the address of the page that you got DAIG from."
IN_CLEAR = (
    "This address is not encrypted. Whoever is on the network in between could read this computer's token and change "
    "its work. Go on only if you trust that network."
)
WHERE_TO_CONFIRM = "A page of the grid opens in your browser. Log in there, compare the code, and confirm."
NOT_YET = "It is paused, and stays so until you say go."
WORKS = "DAIG is at work, or asks the grid for some."
EXPIRED = "The code has run out. Ask for a new one."
SEEN_IN_TRAY = "Its icon stands beside the clock: the menu there pauses DAIG, and opens its preferences."
SEEN_IN_WINDOW = "This desktop shows no icons beside the clock: a window of DAIG's own opens instead."


class FirstRun:
    """One step after the other, each in place of the one before."""

    def __init__(self, stage: Stage, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._stage = stage
        self._now = now
        self._status: Status | None = None
        self._link: Link | None = None
        self._at = ""
        self._board = stage.board("Welcome to DAIG", 520)
        self._head().grid(row=0, sticky="ew")
        self._step = ttk.Frame(self._board)
        stage.asking.follow(self.show, stage.root.destroy)

    def show(self, status: Status) -> None:
        """The status decides which step it is; a person in the middle of one is left there."""
        before, self._status = self._status, status
        if status.activity is Activity.needs_attention:
            if before is None or self._at == "code":
                # The grid said no, the code has run out, or this computer has to be linked again.
                self._address(status.sentence)
        elif status.activity is not Activity.not_attached:
            if self._at == "started":
                self._say_so(status)
            elif self._at != "linked":
                self._linked() if status.pause_why == "not_started" else self._started()
            elif status.pause_why != "not_started":
                self._started()
        elif before is None:
            self._address()

    def _head(self) -> ttk.Frame:
        stage = self._stage
        head = ttk.Frame(self._board)
        self._picture = ttk.Label(head, image=stage.look.picture(Picture.training))
        self._picture.grid(row=0, column=0, padx=(0, stage.px(16)))
        self._title = stage.text(head, WELCOME, "Title.TLabel", narrower=80)
        self._title.grid(row=0, column=1, sticky="w")
        return head

    def _new_step(self, name: str, title: str) -> ttk.Frame:
        self._at = name
        self._title.configure(text=title)
        self._step.destroy()
        self._step = ttk.Frame(self._board)
        self._step.columnconfigure(0, weight=1)
        self._step.grid(row=1, sticky="ew", pady=(self._stage.px(16), 0))
        return self._step

    def _address(self, problem: str = "") -> None:
        stage = self._stage
        step = self._new_step("address", WELCOME)
        stage.text(step, PURPOSE).grid(row=0, sticky="w")
        known = self._status.server if self._status else ""
        label = stage.text(step, "The grid's address", "Strong.TLabel")
        label.grid(row=1, sticky="w", pady=(stage.px(18), stage.px(6)))
        self._entry = ttk.Entry(step, font="TkDefaultFont")
        self._entry.insert(0, known)
        self._entry.grid(row=2, sticky="ew")
        hint = stage.text(step, GRID_KNOWN if known else GRID_UNKNOWN, "Muted.TLabel")
        hint.grid(row=3, sticky="w", pady=(stage.px(4), 0))
        self._trusted = tkinter.BooleanVar(stage.root, False)
        self._trust = ttk.Checkbutton(step, text="  I trust this network", variable=self._trusted)
        self._saying = Saying(stage, step, row=4)
        self._saying.problem(problem)
        row = ttk.Frame(step)
        row.grid(row=6, sticky="ew", pady=(stage.px(22), 0))
        self._go = stage.button(row, "Link this computer", self._ask_for_code, "Strong.TButton")
        stage.row([self._go, stage.button(row, "Not now", stage.root.destroy)])
        for field in (self._entry, self._trust):
            field.bind("<Return>", lambda _event: self._go.invoke())
        (self._go if known else self._entry).focus_set()

    def _ask_for_code(self) -> None:
        try:
            address = read_address(self._entry.get())
        except StopAndTell as error:
            self._saying.problem(error.sentence)
            self._entry.focus_set()
            return
        if address.in_clear and not self._trusted.get():
            self._saying.remark(IN_CLEAR)
            self._trust.grid(row=5, sticky="w", pady=(self._stage.px(10), 0))
            self._trust.focus_set()
            return
        self._request(address)

    def _request(self, address: TypedAddress) -> None:
        self._go.configure(state="disabled", text="Asking the grid…")
        self._saying.nothing()
        client = self._stage.client
        request = LinkRequest(address.server, insecure_http=address.in_clear)

        def failed(sentence: str) -> None:
            if self._at != "address":
                return
            self._go.configure(state="normal", text="Link this computer")
            self._saying.problem(sentence)

        self._stage.asking.do(lambda: client.ask(request), self._code, failed)

    def _code(self, link: Link) -> None:
        if self._at != "address":
            return
        stage = self._stage
        self._link = link
        step = self._new_step("code", "Confirm in your browser")
        stage.text(step, WHERE_TO_CONFIRM).grid(row=0, sticky="w")
        card = ttk.Frame(step, style="Box.TFrame", padding=(stage.px(16), stage.px(18)))
        card.grid(row=1, sticky="ew", pady=(stage.px(16), 0))
        ttk.Label(card, text=link.user_code, style="Card.Code.TLabel").pack()
        self._left = ttk.Label(card, style="Card.Muted.TLabel")
        self._left.pack(pady=(stage.px(4), 0))
        self._saying = Saying(stage, step, row=2)
        row = ttk.Frame(step)
        row.grid(row=3, sticky="ew", pady=(stage.px(22), 0))
        again = stage.button(row, "Open the page again", lambda: stage.open_page(link.verification_uri_complete))
        stage.row([again, stage.button(row, "Another address", self._address)])
        again.focus_set()
        stage.open_page(link.verification_uri_complete)
        self._count_down()

    def _count_down(self) -> None:
        if self._at != "code" or self._link is None:
            return
        seconds = int((self._link.expires_at - self._now()).total_seconds())
        if seconds <= 0:
            self._address(EXPIRED)
            return
        self._left.configure(text=f"Waiting for you · good for {max(1, round(seconds / 60))} min")
        self._stage.root.after(1000, self._count_down)

    def _linked(self) -> None:
        stage = self._stage
        step = self._new_step("linked", "This computer is linked")
        self._picture.configure(image=stage.look.picture(Picture.paused))
        name = self._status.host_name if self._status else ""
        stage.text(step, f"The grid knows it as “{name}”. {NOT_YET}").grid(row=0, sticky="w")
        stage.text(step, "When it may work, and how much of the computer it may take, is for you to say.").grid(
            row=1, sticky="w", pady=(stage.px(8), 0)
        )
        self._saying = Saying(stage, step, row=2)
        row = ttk.Frame(step)
        row.grid(row=3, sticky="ew", pady=(stage.px(22), 0))
        start = stage.button(row, "Start now", lambda: self._ask(ResumeRequest()), "Strong.TButton")
        wishes = stage.button(row, "Preferences…", lambda: self._ask(ShowRequest(Window.preferences)))
        stage.row([start, stage.button(row, "Not yet", stage.root.destroy), wishes])
        start.focus_set()

    def _started(self) -> None:
        stage = self._stage
        step = self._new_step("started", "Thank you")
        tray = self._status is not None and self._status.tray
        self._said = stage.text(step)
        self._said.grid(row=0, sticky="w")
        if self._status is not None:
            self._say_so(self._status)
        stage.text(step, SEEN_IN_TRAY if tray else SEEN_IN_WINDOW).grid(row=1, sticky="w", pady=(stage.px(8), 0))
        row = ttk.Frame(step)
        row.grid(row=2, sticky="ew", pady=(stage.px(22), 0))
        close = stage.button(row, "Close", stage.root.destroy, "Strong.TButton")
        stage.row([close])
        close.focus_set()

    def _say_so(self, status: Status) -> None:
        """A person may have paused it meanwhile, or a preference keeps it from working just now."""
        at_work = status.activity in AT_WORK or status.activity is Activity.waiting_for_work
        self._picture.configure(image=self._stage.look.picture(PICTURES[status.activity]))
        self._said.configure(text=WORKS if at_work else status.sentence)

    def _ask(self, wish: ResumeRequest | ShowRequest) -> None:
        self._stage.fulfil(wish, lambda _said: None, self._saying.problem)
