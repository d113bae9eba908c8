"""Answers that a person reads: everything that a student wrote, drew or printed for an open
question, as text and as a page that runs nothing and loads nothing."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clipedu_classroom.answers import Cell
    from clipedu_classroom.assignment import Question

MAX_OUTPUT = 20_000  # characters of one printed output
MAX_PAGE = 8_000_000  # characters of one answer with its figures
ASKS = re.compile(r"\s*((hint|check|progress|give_up|solution|reset)\([^()]*\)\s*)*")
HEADING = re.compile(r"^#+\s*Exercise (\d\d\.\d+)\b", re.MULTILINE)
IMAGES = ("image/png", "image/jpeg", "image/gif", "image/svg+xml")


def written_answers(
    questions: list[Question], cells: list[Cell], remarks: list[str]
) -> Iterator[tuple[str, str, str]]:
    """(exercise id, text, HTML) of each open question that was answered: what was added or changed
    below its statement and in its own cell; where this is nothing, all text that was added."""
    sections = _sections(cells)
    claimed: set[int] = set()
    for question in questions:
        own = sections.get(question.id, [])
        answer = [at for at in own if _is_answer(cells[at])]
        if not answer:
            others = {at for key in sections if key != question.id for at in sections[key]}
            answer = [
                at
                for at, cell in enumerate(cells)
                if at not in others | claimed and cell.part is None and _is_answer(cell)
                if cell.raw.get("cell_type") != "code"
            ]
            if answer:
                words = f"the notebook's other text ({len(answer)} cells) is shown for it."
                remarks.append(f"{question.id}: nothing is written below its statement; {words}")
        if not answer:
            continue
        claimed |= set(answer)
        page, size = [], 0
        for at in sorted({*answer, *(at for at in own if cells[at].raw.get("outputs"))}):
            for part in _show(cells[at], f"cell {at + 1}"):
                size += len(part)
                page.append(part if size <= MAX_PAGE else "<p>(left out: too long)</p>")
        if size > MAX_PAGE:
            remarks.append(f"{question.id}: the answer is too long to be shown whole.")
        text = "\n\n".join(cells[at].source for at in answer)
        for name in re.findall(r"!\[[^\]]*\]\((?!attachment:|data:)([^)\s]+)", text)[:5]:
            remarks.append(f"{question.id} shows {name[:100]}, which is not in the notebook.")
        yield question.id, text[:MAX_PAGE], "\n".join(page)


def _sections(cells: list[Cell]) -> dict[str, list[int]]:
    """By exercise the cells from its statement to the next statement, and its own answer cells."""
    sections: dict[str, list[int]] = {}
    current = ""
    for at, cell in enumerate(cells):
        role, exercise = (cell.part.role, cell.part.exercise) if cell.part else ("", "")
        if role == "statement":
            current = exercise
        elif heading := HEADING.search(cell.source):
            current = heading[1]
        for exercise_id in {current, exercise if role == "answer" else current}:
            sections.setdefault(exercise_id, []).append(at)
    sections.pop("", None)
    return sections


def _is_answer(cell: Cell) -> bool:
    return cell.changed and not ASKS.fullmatch(cell.source)


def _show(cell: Cell, name: str) -> Iterator[str]:
    kind = cell.raw.get("cell_type")
    if kind == "markdown":
        yield _markdown(cell.source, cell.raw.get("attachments"))
    else:
        yield f"<pre>{html.escape(cell.source)}</pre>"
    outputs = cell.raw.get("outputs")
    for output in outputs if kind == "code" and isinstance(outputs, list) else []:
        if isinstance(output, dict):
            yield _output(output, name)


def _markdown(source: str, attachments: Any = None) -> str:
    """Tables and attached figures are shown; HTML in the text is shown as it was typed."""
    from markdown_it import MarkdownIt

    files = attachments if isinstance(attachments, dict) else {}
    for name, data in files.items():
        for kind in IMAGES:
            if isinstance(data, dict) and kind in data:
                source = source.replace(f"(attachment:{name})", f"({_address(kind, data[kind])})")
    return str(MarkdownIt("commonmark", {"html": False}).enable("table").render(source))


def _output(output: dict[str, Any], name: str) -> str:
    data = output.get("data")
    data = data if isinstance(data, dict) else {}
    for kind in IMAGES:
        if kind in data:
            return f'<p><img alt="figure of {name}" src="{_address(kind, data[kind])}"></p>'
    if "text/html" in data:  # a sandboxed frame runs no script
        page = html.escape(_joined(data["text/html"]), quote=True)
        if "&lt;summary&gt;Description&lt;/summary&gt;" in page[:200]:  # of the figure above it
            return f"<p>{html.escape(re.sub('<[^>]*>', ' ', _joined(data['text/html'])))}</p>"
        return f'<iframe sandbox="" title="output of {name}" srcdoc="{page}"></iframe>'
    if "text/markdown" in data:
        return _markdown(_joined(data["text/markdown"]))
    text = _joined(output.get("text") or data.get("text/plain"))
    if output.get("output_type") == "error":
        text = f"{_joined(output.get('ename'))}: {_joined(output.get('evalue'))}"
    more = "\n(the rest is left out)" if len(text) > MAX_OUTPUT else ""
    return f"<pre>{html.escape(text[:MAX_OUTPUT] + more)}</pre>" if text.strip() else ""


def _address(kind: str, data: Any) -> str:
    text = _joined(data)
    if kind == "image/svg+xml":
        text = base64.b64encode(text.encode("utf-8", "replace")).decode()
    return f"data:{kind};base64," + re.sub(r"[^A-Za-z0-9+/=]", "", text)


def _joined(value: Any) -> str:
    """A notebook's text, which may be a list of lines."""
    lines = value if isinstance(value, list) else [value]
    return "".join(line for line in lines if isinstance(line, str))
