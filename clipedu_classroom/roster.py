"""Tables that people read and write, and who is in the class: Canvas's grade book, Moodle's grading
worksheet, or a table of your own with a column `student`."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from pathlib import Path
from typing import Any

from clipedu.files import write_whole

CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Integration ID", "Section")
MOODLE = ("Identifier", "Full name", "ID number", "Email address", "Grade", "Feedback comments")
#: Of each kind of roster the columns that name a student: the platform's id or one's own first.
NAMED = {"Moodle": MOODLE[:4], "Canvas": ("ID", "Student", *CANVAS[2:5]), "own": ("student",)}


class Roster:
    """`rows` as they were exported; `kind` is "Moodle", "Canvas" or "own"."""

    def __init__(self, path: Path) -> None:
        """Raises OSError, or ValueError when the file is no list of a class."""
        self.path = path
        self.columns, self.rows = read_table(path)
        kinds = [kind for kind, names in NAMED.items() if {*names[:2]} <= {*self.columns}]
        if not kinds:
            raise ValueError(
                f"{path} is neither a Canvas grade book (columns Student, ID, ...) nor a Moodle "
                "grading worksheet (columns Identifier, Full name, ...), nor a list of your own "
                "(column student). Export it again."
            )
        self.kind = kinds[0]
        known = [(row, key) for row in self.rows for key in self._keys(row)]
        usual = Counter(key for _, key in known)
        self._rows = {key: row for row, key in known if usual[key] == 1}

    def find(self, student: str, lms_id: str = "") -> dict[str, str]:
        """The row of a student who handed something in; {} for a stranger, or two of that name."""
        keys = [f"#{lms_id}"] * bool(lms_id) + ways_to_write(student)
        return next((self._rows[key] for key in keys if key in self._rows), {})

    def id_of(self, row: dict[str, str]) -> str:
        """What tells this student from all others: the platform's id, or the name."""
        return row.get(NAMED[self.kind][0], "").strip().removeprefix("Participant ")

    def students(self) -> dict[str, str]:
        """By id everybody's name."""
        name = NAMED[self.kind][self.kind != "own"]
        found = {self.id_of(row): row.get(name, "").strip() for row in self.rows}
        usual = Counter(found.values())
        return {k: n if usual[n] == 1 else f"{n} ({k})" for k, n in found.items() if k}

    def _keys(self, row: dict[str, str]) -> set[str]:
        first, *names = NAMED[self.kind] if self.kind != "own" else ("", "student")
        ways = {key for name in names for key in ways_to_write(row.get(name, ""))}
        return ways | {f"#{self.id_of(row)}"} if first and self.id_of(row) else ways


def ways_to_write(name: str) -> list[str]:
    """Ways to write a name: "Lee, Emil" is "emil lee"; of an address the part before the @."""
    last, _, first = name.partition(",")
    person = " ".join(re.findall(r"[^\W_]+", f"{first} {last}".casefold()))
    login = name.strip().partition("@")[0].casefold()
    return [key for key in dict.fromkeys([person, login]) if key]


def read_table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """(column names, rows) of a CSV file as a spreadsheet or a learning platform saves it."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:  # Excel on Windows
        text = content.decode("cp1252", "replace")
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, restval="")
    rows = [{str(name): value or "" for name, value in row.items() if name} for row in reader]
    return [name.strip() for name in reader.fieldnames or ()], rows


def write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    """A CSV of rows with the same keys, in which no spreadsheet finds a formula."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: plain_cell(value) for key, value in row.items()} for row in rows)
    write_whole(path, buffer.getvalue(), errors="replace")


def plain_cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula, on one line."""
    text = " ".join(str("" if value is None else value).split())
    is_number = re.fullmatch(r"[+-]?\d+(\.\d+)?", text)
    return "'" + text if text[:1] in ("=", "+", "-", "@") and not is_number else text
