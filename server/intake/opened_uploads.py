"""The files of one form, opened one after the other, with what people are shown of each."""

from pathlib import Path
from typing import Any

from server.intake.findings import WORDS, Findings
from server.intake.looked import Looked, look
from server.intake.npy import UnusableArray
from server.intake.previews import preview_of


class Uploads:
    """`found` by the form's field; a file that cannot be opened is a problem and is not there. `preview` likewise."""

    def __init__(self, folder: Path, label_column: str, findings: Findings) -> None:
        self._folder = folder
        self._label_column = label_column
        self._findings = findings
        self.found: dict[str, Looked] = {}
        self.preview: dict[str, Any] = {}

    def look(self, field: str, path: str) -> None:
        columns = {self._label_column, *(name.strip() for name in self._label_column.split(","))} - {""}
        try:
            looked = look(Path(path), self._folder, field, frozenset(columns))
            self.found[field] = looked
            self.preview[field] = preview_of(looked, self._label_column)
        except UnusableArray as error:
            self._findings.problem(field, f"{WORDS[field]} {error}")
