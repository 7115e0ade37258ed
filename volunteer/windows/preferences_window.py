"""The person's preferences, made from their one table: each with its meaning, and what is wrong with it beside it."""

import tkinter
from tkinter import ttk

from volunteer.control.messages import GetPreferences, PreferenceValues, SetPreferences
from volunteer.preferences.table import Entry, Kind, entry_of
from volunteer.windows.preference_form import (
    changes_of,
    default_texts,
    help_of,
    place_of,
    problems_of,
    sections,
    texts_of,
)
from volunteer.windows.stage import Saying, Stage

# What counts only while another preference has a certain value.
ONLY_WITH = {"idle_minutes": ("run", "idle")}


class PreferencesWindow:
    """Nothing is changed before Save."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._before: dict[str, str] = {}
        self._texts: dict[str, tkinter.StringVar] = {}
        self._fields: dict[str, list[ttk.Widget]] = {}
        self._remarks: dict[str, ttk.Label] = {}
        self._pages: dict[str, ttk.Frame] = {}
        frame = stage.board("DAIG preferences", 600)
        self._book = ttk.Notebook(frame)
        self._book.enable_traversal()
        self._book.grid(row=0, sticky="nsew")
        for title, entries in sections():
            page = ttk.Frame(self._book, padding=(0, stage.px(16), 0, 0))
            page.columnconfigure(0, weight=1)
            for number, entry in enumerate(entries):
                self._row(page, number, entry)
            self._book.add(page, text=title)
        self._saying = Saying(stage, frame, row=1)
        self._buttons(frame).grid(row=2, sticky="ew", pady=(stage.px(20), 0))
        self._book.focus_set()
        client = stage.client
        stage.asking.do(lambda: client.ask(GetPreferences()), self.show, self._saying.problem)
        stage.asking.follow(lambda _status: None, stage.root.destroy)

    def show(self, reply: PreferenceValues) -> None:
        """These are the values that count now."""
        self._before = texts_of(reply.values)
        self._fill(self._before)
        self._save.configure(state="normal")

    def save(self) -> None:
        texts = {name: text.get() for name, text in self._texts.items() if name in self._before}
        problems = problems_of(texts)
        self._point_out(problems)
        if problems:
            self._saying.nothing()
            return
        changes = changes_of(self._before, texts)
        if not changes:
            self._stage.root.destroy()
            return
        client = self._stage.client
        request = SetPreferences(changes)
        self._stage.asking.do(lambda: client.ask(request), lambda _reply: self._stage.root.destroy(), self._refused)

    def reset(self) -> None:
        """Into the fields only."""
        self._fill(default_texts())
        self._saying.good("These are the defaults. They count once you save them.")

    def _refused(self, sentence: str) -> None:
        name, about = place_of(sentence)
        self._point_out({name: about} if name else {})
        self._saying.problem("" if name else sentence)

    def _fill(self, texts: dict[str, str]) -> None:
        for name, text in texts.items():
            self._texts[name].set(text)
        self._point_out({})

    def _point_out(self, problems: dict[str, str]) -> None:
        """Beside each field what is wrong with it; the first one gets the focus."""
        for name, label in self._remarks.items():
            wrong = problems.get(name)
            label.configure(text=wrong or help_of(entry_of(name)), style="Bad.TLabel" if wrong else "Muted.TLabel")
            for field in self._fields[name]:
                field.state(["invalid" if wrong else "!invalid"])
        for name in problems:
            self._book.select(self._pages[name])  # type: ignore[no-untyped-call]
            self._fields[name][0].focus_set()
            return

    def _row(self, page: ttk.Frame, number: int, entry: Entry) -> None:
        stage = self._stage
        self._pages[entry.name] = page
        self._texts[entry.name] = tkinter.StringVar(stage.root)
        row = ttk.Frame(page)
        row.grid(row=number, sticky="ew", pady=(0, stage.px(16)))
        row.columnconfigure(0, weight=1)
        ttk.Label(row, text=entry.label, style="Strong.TLabel").grid(row=0, column=0, sticky="w")
        field = self._field(row, entry)
        beside = entry.kind in (Kind.yes_no, Kind.whole)
        field.grid(row=0 if beside else 1, column=1 if beside else 0, columnspan=1 if beside else 2,
                   sticky="e" if beside else "ew", pady=(0 if beside else stage.px(6), 0))  # fmt: skip
        remark = stage.text(row, help_of(entry), "Muted.TLabel", narrower=170 if beside else 0)
        remark.grid(row=1 if beside else 2, column=0, columnspan=1 if beside else 2, sticky="w",
                    pady=(0 if beside else stage.px(4), 0))  # fmt: skip
        if beside:
            field.grid_configure(rowspan=2)
        self._remarks[entry.name] = remark

    def _field(self, row: ttk.Frame, entry: Entry) -> ttk.Frame:
        stage, text = self._stage, self._texts[entry.name]
        holder = ttk.Frame(row)
        made: list[ttk.Widget]
        if entry.kind is Kind.yes_no:
            made = [ttk.Checkbutton(holder, variable=text, onvalue="yes", offvalue="no")]
        elif entry.kind is Kind.choice:
            made = [
                ttk.Radiobutton(holder, text=label[:1].upper() + label[1:], variable=text, value=value)
                for value, label in entry.choices.items()
            ]
        elif entry.kind is Kind.whole:
            made = [ttk.Entry(holder, textvariable=text, width=8, justify="right", font="TkDefaultFont")]
        else:
            made = [ttk.Entry(holder, textvariable=text, font="TkDefaultFont")]
        for one in made:
            if entry.kind is Kind.choice:
                one.pack(anchor="w")
            else:
                one.pack(side="left", fill="x", expand=True)
            one.bind("<Return>", lambda _event: self.save())
        if entry.kind is Kind.whole:
            ttk.Label(holder, text=entry.unit, style="Muted.TLabel", width=7).pack(side="left", padx=(stage.px(6), 0))
        self._fields[entry.name] = made
        if entry.name in ONLY_WITH:
            self._follow(entry.name, *ONLY_WITH[entry.name])
        return holder

    def _follow(self, name: str, other: str, value: str) -> None:
        def change(*_event: object) -> None:
            for field in self._fields[name]:
                field.state(["!disabled" if self._texts[other].get() == value else "disabled"])

        self._texts[other].trace_add("write", change)

    def _buttons(self, parent: tkinter.Misc) -> ttk.Frame:
        stage = self._stage
        row = ttk.Frame(parent)
        stage.button(row, "Reset to defaults", self.reset, "Link.TButton").pack(side="left")
        self._save = stage.button(row, "Save", self.save, "Strong.TButton")
        self._save.configure(state="disabled")
        self._save.pack(side="right")
        stage.button(row, "Cancel", stage.root.destroy).pack(side="right", padx=(0, stage.px(10)))
        return row
