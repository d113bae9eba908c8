"""`{=name}` in text cells: filled from stored outputs in all three trees, never silently wrong."""

from __future__ import annotations

import copy
import re
import warnings
from pathlib import Path

import pytest
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from clipedu_classroom import build as builder
from clipedu_classroom.build import build
from clipedu_classroom.freshness import read_notebook
from clipedu_classroom.lint import lint
from clipedu_classroom.notebooks import text_of
from clipedu_classroom.prose_numbers import NUMBERS, UNFILLED, fill, given, matches

NAME = "03_loss"
LESSON = (
    """# %% [markdown]
# # 03 · A lesson
#
# The first loss is {=loss}, near $\\\\ln {=batch}$, and not \\\\mathrel{=}{=2}.

# %%
numbers(batch=64)

# %% tags=["nbval-check-output"]
print(4.21)
numbers(loss="4.21")

# %% [markdown]
# ## More
#
# With {=batch} pairs it was {=loss}.
""".replace("\\\\", "\\")
    + "".join(f"\n# %%\nx = {n}\n" for n in range(32))
)
EXERCISES = """# %% [markdown]
# # Exercises 03

# %%
numbers(pairs="12,345")

# %% tags=["exercise"]
EXERCISE = dict(id="03.1", title="A number", kind="predict", points=1, minutes=5,
    difficulty="easy", goal="Know it.", hints=["One.", "Two."])

# %% [markdown]
# There are {=pairs} pairs.

# %%
### BEGIN SOLUTION
answer = 4.16
### END SOLUTION

# %%
check("03.1", answer)
""" + "".join(f'\n# %% it is {n} tags=["wrong"]\nanswer = {n}\n' for n in "234")


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course of one lesson whose kernel is a pretence: it reads the call of `numbers`."""

    def pretend(notebook: NotebookNode, **options: object) -> NotebookNode:
        done = copy.deepcopy(notebook)
        solved = "BEGIN SOLUTION" in str(notebook)
        code = [cell for cell in done.cells if cell.cell_type == "code"]
        for count, cell in enumerate(code, 1):
            cell.execution_count, cell.outputs = count, []
            if "print" in cell.source:
                cell.outputs.append(new_output("stream", name="stdout", text="4.21\n"))
            if "check(" in cell.source:
                said = "passed" if solved else "not attempted"
                cell.outputs.append(new_output("stream", name="stdout", text=said))
            for name, value in re.findall(r'numbers\((\w+)="?(.+?)"?\)', cell.source):
                cell.outputs.append(new_output("display_data", {NUMBERS: {name: value}}))
        return done

    monkeypatch.setattr(builder, "execute_notebook", pretend)
    monkeypatch.delenv("CLIPEDU_SPECS")
    folder = tmp_path / "clipedu_lessons" / f"l{NAME}"
    folder.mkdir(parents=True)
    (folder / "lesson.py").write_text(LESSON, encoding="utf-8")
    (folder / "exercises.py").write_text(EXERCISES, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("")
    return tmp_path


def prose(course: Path, tree: str = "notebooks") -> str:
    made = read_notebook(course / tree / f"{NAME}.ipynb")
    assert made is not None
    return "\n".join(cell.source for cell in made.cells if cell.cell_type == "markdown")


def change(course: Path, old: str, new: str, name: str = "lesson.py") -> None:
    path = course / "clipedu_lessons" / f"l{NAME}" / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def said(course: Path) -> str:
    return str(build(root=course, check=True))


def test_what_is_not_run_yet_shows_an_ellipsis_and_is_not_fresh(course):
    assert build(root=course).ok
    assert f"The first loss is {UNFILLED}, near $\\ln {UNFILLED}$" in prose(course)
    report = build(root=course, check=True)
    assert not report.ok
    assert "{=loss} in cell 1 ('# 03 · A lesson') is not filled" in str(report)
    assert "clipedu build 03 --execute" in str(report)


def test_a_run_fills_all_three_trees_and_is_fresh(course):
    build(root=course, execute=True)
    assert "The first loss is 4.21, near $\\ln 64$, and not \\mathrel{=}{=2}." in prose(course)
    assert "With 64 pairs it was 4.21." in prose(course)
    for tree in ("exercises", "solutions"):
        assert "There are 12,345 pairs." in prose(course, tree)
    report = build(root=course, check=True)
    assert report.ok, report


def test_a_build_without_a_run_fills_from_the_outputs_that_stay(course):
    build(root=course, execute=True)
    change(course, "With {=batch} pairs it was", "It was {=loss} at first,")
    assert "its id is not what" in said(course)
    build(root=course)
    assert "It was 4.21 at first, 4.21." in prose(course)
    assert build(root=course, check=True).ok
    change(course, 'numbers(loss="4.21")', 'numbers(loss="4.22")')  # this cell's output goes
    build(root=course)
    assert "The first loss is …, near $\\ln 64$" in prose(course)


def test_prose_that_no_longer_says_the_outputs_is_stale(course):
    build(root=course, execute=True)
    path = course / "notebooks" / f"{NAME}.ipynb"
    text = path.read_text("utf-8")
    path.write_text(text.replace('"loss": "4.21"', '"loss": "4.99"'), encoding="utf-8")
    assert "cell 1 ('# 03 · A lesson'): its numbers are not the outputs'" in said(course)
    assert build(root=course).ok and "The first loss is 4.99" in prose(course)
    assert build(root=course, check=True).ok


def test_a_number_edited_by_hand_is_stale(course):
    build(root=course, execute=True)
    path = course / "notebooks" / f"{NAME}.ipynb"
    text = path.read_text("utf-8")
    path.write_text(text.replace("it was 4.21.", "it was 4.20."), encoding="utf-8")
    assert "its numbers are not the outputs'" in said(course)


@pytest.mark.parametrize("tree", ["exercises", "solutions"])
def test_a_released_statement_has_the_checksum_of_its_filled_text(course, tree):
    build(root=course, execute=True)
    made = read_notebook(course / tree / f"{NAME}.ipynb")
    statement = next(cell for cell in made.cells if cell.id == "03-1-statement")
    assert ("checksum" in statement.metadata.nbgrader) == (tree == "exercises")
    if tree == "exercises":
        from nbgrader.utils import compute_checksum

        assert statement.metadata.nbgrader.checksum == compute_checksum(statement)


def test_a_tagged_cell_that_gives_numbers_only_has_nothing_to_compare(course):
    build(root=course, execute=True)
    path = course / "notebooks" / f"{NAME}.ipynb"
    made = read_notebook(path)
    cell = next(cell for cell in made.cells if "print" in cell.source)
    del cell.outputs[0]
    path.write_text(text_of(made), encoding="utf-8")
    assert "tagged nbval-check-output and has no output to compare" in said(course)


LINTS = [
    ("no cell says numbers(los=...)", "is {=loss}", "is {=los}", 4),
    ("no cell says numbers(lr=...)", "pairs it was", "pairs, at {=lr}, it was", 16),
    ("numbers(batch=...) is given twice", "print(4.21)", "numbers(batch=1)", 9),
]


@pytest.mark.parametrize(("words", "old", "new", "line"), LINTS)
def test_a_name_that_no_cell_gives_is_named_by_line(course, words, old, new, line):
    change(course, old, new)
    path = course / "clipedu_lessons" / f"l{NAME}" / "lesson.py"
    found = [(p.line, p.message) for p in lint(path) if p.rule == "number"]
    assert found == [(line, words)]


def test_names_that_only_a_run_can_tell_are_left_to_the_run(course):
    change(course, "numbers(batch=64)", "numbers(**sizes)")
    path = course / "clipedu_lessons" / f"l{NAME}" / "lesson.py"
    assert [p for p in lint(path) if p.rule == "number"] == []
    build(root=course, execute=True)
    assert "{=batch} in cell 1" in said(course)


def test_a_value_that_is_not_used_is_fine(course):
    change(course, "x = 3\n", 'numbers(unused="7")\n')
    build(root=course, execute=True)
    assert build(root=course, check=True).ok


def test_a_text_matches_with_other_values_only():
    assert matches("a {=x} b {=y}.", "a 1 b 22.") and matches("a {=x}", f"a {UNFILLED}")
    assert not matches("a {=x} b", "c 1 b") and not matches("a {=x} b", "a  b")


def test_the_output_that_carries_the_values_shows_nothing_on_a_page():
    outputs = [new_output("display_data", {NUMBERS: {"loss": "4.2100001"}})]
    cells = [new_code_cell("numbers()", outputs=outputs, execution_count=1)]
    cells.append(new_markdown_cell("It is {=loss}."))
    made = new_notebook(cells=cells)
    assert given(made) == {"loss": "4.2100001"} and fill(made) == []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nbconvert says that it shows nothing
        page, _ = HTMLExporter().from_notebook_node(made)
    body = page[page.index("<main") :]
    assert body.count("4.2100001") == 1 and "clipedu.numbers" not in body
