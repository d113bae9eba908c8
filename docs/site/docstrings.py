"""Docstrings in plain text, with `names` in backquotes, as reStructuredText."""

from __future__ import annotations

import re
from collections.abc import Iterable

_CODE = re.compile(r"(?::\w+:)?(`{1,2})~?(.+?)\1")  # also :func:`name`
_SPECIAL = re.compile(r"([*|\\]|_(?!\w)|(?<!\w)_)")
_ITEM = re.compile(r"([*-] )|[a-z_0-9]+(, [a-z_0-9]+)*: ")  # "* text", or "size, scale: text"


def as_rst(lines: Iterable[str]) -> list[str]:
    """The lines of a docstring, so that reStructuredText shows them as they are meant.

    What is in backquotes becomes code, and other marks are kept as they are. A paragraph with an
    indented line, or with a console's `>>>`, is shown letter for letter.
    """
    made: list[str] = []
    for paragraph in re.split(r"\n\s*\n", "\n".join(lines).strip("\n")):
        rows = paragraph.split("\n")
        if any(row.startswith((" ", ">>>")) for row in rows):
            made += ["::", "", *(f"    {row}" for row in rows), ""]
            continue
        items: list[str] = []  # code may run over the end of a row, so rows are joined
        for row in rows:
            if items and not _ITEM.match(row):
                items[-1] += " " + row
            else:
                items.append(row)
        for item in items:
            made += [_escaped(item), ""]
    return made


def _escaped(item: str) -> str:
    bullet = re.match(r"[*-] ", item)
    made, end = (bullet[0], 2) if bullet else ("", 0)
    for found in _CODE.finditer(item, end):
        made += _SPECIAL.sub(r"\\\1", item[end : found.start()])
        # No letter may be next to the marks of code, so an empty escape keeps them apart.
        made += f"\\ ``{found[2].strip()}``\\ "
        end = found.end()
    return made + _SPECIAL.sub(r"\\\1", item[end:])
