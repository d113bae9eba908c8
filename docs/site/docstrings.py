"""Docstrings in plain text, with `names` in backquotes, as reStructuredText."""

from __future__ import annotations

import re
from collections.abc import Iterable

_CODE = re.compile(r"(?::\w+:)?(`{1,2})~?(.+?)\1")  # also :func:`name`
_SPECIAL = re.compile(r"([*|\\]|_(?!\w)|(?<!\w)_)")
_ITEM = re.compile(r"([*-] )|[a-z_0-9]+(, [a-z_0-9]+)*: ")  # "* text", or "size, scale: text"
_HEAD = re.compile(r"(Args|Returns|Raises):$")  # its items are indented, and may be errors' names
_ENTRY = re.compile(r"\w+(, \w+)*: ")


def as_rst(lines: Iterable[str]) -> list[str]:
    """The lines of a docstring, so that reStructuredText shows them as they are meant.

    What is in backquotes becomes code, and other marks are kept as they are. A row that goes on
    below `name: ` may be indented. A paragraph with any other indented row, or with a console's
    `>>>`, is shown letter for letter.
    """
    made: list[str] = []
    for paragraph in re.split(r"\n\s*\n", "\n".join(lines).strip("\n")):
        items = _items(paragraph.split("\n"))
        if items is None:
            made += ["::", "", *(f"    {row}" for row in paragraph.split("\n")), ""]
        for item in items or []:
            made += [f"**{item[:-1]}**" if _HEAD.match(item) else _escaped(item), ""]
    return made


def _items(rows: list[str]) -> list[str] | None:
    """The items of a paragraph, each in one row, since code may run over the end of a row; None for
    one that is to be shown letter for letter."""
    items: list[str] = []
    depth, below_head = 0, False
    for row in rows:
        text = row.strip()
        indent = len(row) - len(text)
        if text.startswith(">>>"):
            return None
        if _HEAD.match(text):
            items.append(text)
            below_head, depth = True, 99
        elif below_head and _ENTRY.match(text) and indent <= depth:
            items.append(f"* {text}")
            depth = indent
        elif not items or (not indent and _ITEM.match(text)):
            items.append(text)
        elif indent and not (below_head or _ITEM.match(items[-1])):
            return None
        else:
            items[-1] += " " + text
    return items


def _escaped(item: str) -> str:
    bullet = re.match(r"[*-] ", item)
    made, end = (bullet[0], 2) if bullet else ("", 0)
    for found in _CODE.finditer(item, end):
        made += _SPECIAL.sub(r"\\\1", item[end : found.start()])
        # No letter may be next to the marks of code, so an empty escape keeps them apart.
        made += f"\\ ``{found[2].strip()}``\\ "
        end = found.end()
    return made + _SPECIAL.sub(r"\\\1", item[end:])
