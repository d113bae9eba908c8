"""Web pages of the notebooks: each figure is described, and no description is there twice."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from clipedu.plots import FOLDED, figure_bundle
from clipedu_classroom.build import add_build_parser, write_pages
from clipedu_classroom.prose_numbers import NUMBERS
from clipedu_classroom.written import _output

ROOT = Path(__file__).parents[2]
WORDS = 'A curve that falls from "4.16" to 1 & stays there, in <b>100</b> steps.'
TRIED = [path for number in ("00", "12") for path in ROOT.glob(f"notebooks/{number}_*.ipynb")]


class Page(HTMLParser):
    """The `alt` of every picture, and the words that are read outside code."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.alts: list[str] = []
        self.words = ""
        self._hidden: list[bool] = []  # of each block around a word
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag in ("div", "style", "script"):
            self._hidden.append(tag != "div" or "jp-InputArea" in (named.get("class") or ""))
        if tag == "img":
            self.alts.append(named.get("alt") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("div", "style", "script"):
            self._hidden.pop()

    def handle_data(self, data: str) -> None:
        self.words += "" if any(self._hidden) else data


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    """A notebook with a figure as `clipedu.plots.show` shows it, and numbers for prose."""
    figure = Figure(figsize=(1, 1))
    figure.add_subplot().plot([4, 1, 1])
    data, metadata = figure_bundle(figure, WORDS)
    import html

    outputs = [
        new_output("display_data", data, metadata=metadata),
        new_output("display_data", {"text/html": FOLDED.format(html.escape(WORDS))}),
        new_output("display_data", {NUMBERS: {"loss": "4.16000001"}}),
    ]
    cells = [
        new_markdown_cell("# A lesson"),
        new_code_cell("show()", outputs=outputs, execution_count=1),
    ]
    path = tmp_path / "notebooks" / "03_loss.ipynb"
    path.parent.mkdir()
    nbformat.write(new_notebook(cells=cells), path)
    return path


def test_a_figure_is_described_by_its_alt_and_its_words_are_on_the_page_once(
    drawn: Path, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    (made,) = write_pages(tmp_path / "out", [drawn])
    assert made == tmp_path / "out" / "notebooks" / "03_loss.html"
    text = made.read_text("utf-8")
    page = Page(text)
    assert page.alts == [WORDS]
    assert page.words.count("A curve that falls") == 1 and "<details" in text
    assert "4.16000001" not in text
    assert not [w for w in recwarn if "mimetype" in str(w.message)]


def test_the_stock_template_would_drop_it(drawn: Path) -> None:
    """Why the course has one of its own; when this fails, look whether it still needs it."""
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter(template_name="lab").from_filename(str(drawn))
    assert Page(page).alts != [WORDS]


@pytest.mark.parametrize("path", TRIED, ids=lambda path: path.stem)
def test_each_figure_of_a_lesson_has_an_alt(path: Path, tmp_path: Path) -> None:
    (made,) = write_pages(tmp_path, [path])
    page = Page(made.read_text("utf-8"))
    figures = len(re.findall(r'"image/png": "', path.read_text("utf-8")))
    described = [alt for alt in page.alts if len(alt) >= 15 and "No description" not in alt]
    assert len(described) == len(page.alts) >= figures > 0
    squeezed = " ".join(page.words.split())
    twice = [alt for alt in described if squeezed.count(" ".join(alt.split())) > 1]
    assert [alt for alt in twice if described.count(alt) == 1] == []


def test_the_verb_offers_it() -> None:
    import argparse

    parser = add_build_parser(argparse.ArgumentParser().add_subparsers())
    assert parser.parse_args(["03", "--html", "runs/03"]).html == "runs/03"


def test_the_graders_page_shows_the_words_and_not_an_empty_frame() -> None:
    shown = _output({"data": {"text/html": FOLDED.format("A curve.")}}, "cell 1")
    assert "A curve." in shown and "iframe" not in shown
    other = _output({"data": {"text/html": "<b>bold</b>"}}, "cell 1")
    assert "iframe" in other
