"""The rules for a cell's text that hold in lessons and exercises alike: pictures, links, headings,
figures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"\s*(```|~~~)")
INLINE_CODE = re.compile(r"`[^`\n]*`")
IMAGE = re.compile(r"!\[([^\]]*)\]\(\s*<?([^)>\s]+)")
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\([^)]+\)")
IMAGE_TAG = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
ALT = re.compile(r"""\balt\s*=\s*(["'])\s*\S.*?\1""", re.IGNORECASE)
HEADING = re.compile(r"(#{1,6})\s+\S")
PYPLOT_SHOW = re.compile(r"\b(plt|pyplot)\.show\(")
SAYS_NOTHING = {
    "here",
    "click here",
    "this",
    "link",
    "this link",
    "this page",
    "read more",
    "more",
    "",
}


@dataclass(frozen=True)
class Note:
    """A finding inside a cell: `line` counts from 1, 0 is the cell's marker."""

    line: int
    rule: str
    message: str


class TextRules:
    """Judges the text cells of one notebook in order; it remembers the last heading's level.

    folder: where the notebook will be, for pictures named by a relative path.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.level = 0

    def notes(self, text: str) -> list[Note]:
        """What is wrong with one text cell."""
        found: list[Note] = []
        for number, line in enumerate(prose_lines(text), 1):
            heading = HEADING.match(line)
            if heading:
                found += [Note(number, *why) for why in self.heading(len(heading[1]))]
            found += [Note(number, *why) for why in self._pictures(line)]
            for words in LINK.findall(line):
                if words.strip().strip("*_").lower() in SAYS_NOTHING:
                    why = f"the link is called {words!r}; call it by what it leads to"
                    found.append(Note(number, "link-text", why))
        return found

    def heading(self, level: int) -> list[tuple[str, str]]:
        """(rule, message) when a heading of this level cannot follow the last one; remembers it."""
        last, self.level = self.level, level
        if last == 0 and level > 1:
            return [("heading", "the notebook's first heading is its title, with one #")]
        if level > last + 1:
            return [("heading", f"a heading of level {level} follows one of level {last}")]
        return []

    def _pictures(self, line: str) -> list[tuple[str, str]]:
        found = []
        for words, target in IMAGE.findall(line):
            if not words.strip():
                found.append(("alt-text", f"the picture {target} has no alternative text"))
            local = not re.match(r"[a-z]+:", target) and not target.startswith("#")
            if local and not (self.folder / target).is_file():
                why = f"there is no picture {target}, seen from {self.folder.name}/"
                found.append(("missing-picture", why))
        for tag in IMAGE_TAG.findall(line):
            if not ALT.search(tag):
                found.append(("alt-text", f"the picture {tag} has no alternative text"))
        return found


def prose_lines(text: str) -> list[str]:
    """The lines of a Markdown text with code blanked out, so that line numbers stay."""
    lines, fence = [], ""
    for line in text.split("\n"):
        mark = FENCE.match(line)
        if mark and (not fence or mark[1] == fence):
            fence = "" if fence else mark[1]
            lines.append("")
        else:
            lines.append("" if fence else INLINE_CODE.sub("`code`", line))
    return lines


def code_notes(code: str) -> list[Note]:
    """What is wrong with one code cell."""
    message = "show a figure with clipedu.plots.show(fig, words), so that it is described"
    return [
        Note(number, "plt-show", message)
        for number, line in enumerate(code.split("\n"), 1)
        if PYPLOT_SHOW.search(line.partition("#")[0])
    ]
