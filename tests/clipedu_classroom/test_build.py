"""From text to notebooks: what is built, that it repeats, and that --check notices each fault."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat import NotebookNode
from nbformat.v4 import new_output

from clipedu.cli.main import main
from clipedu_classroom import build as builder
from clipedu_classroom import notebooks
from clipedu_classroom.build import BuildReport, build
from clipedu_classroom.execute import NotebookError
from clipedu_classroom.exercise_reader import parse_text
from clipedu_classroom.freshness import SIZE_LIMIT, read_notebook
from clipedu_classroom.source import LessonError, course_root, read_cells
from clipedu_classroom.stubs import StubError, make_stub

README = Path(__file__).parents[2] / "clipedu_lessons" / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S)
EXERCISES = next(block for block in BLOCKS if "BEGIN SOLUTION" in block)
LESSON = '# %% [markdown]\n# # 03 · A lesson\n\n# %% tags=["nbval-check-output"]\nprint(6 * 7)\n'
LESSON += "\n# %% [markdown]\n# ## More\n" + "".join(f"\n# %%\nx = {n}\n" for n in range(32))
NAME = "03_loss"


def pretend_to_execute(notebook: NotebookNode, **options: object) -> NotebookNode:
    """What a kernel would leave behind, as far as the builder looks at it."""
    done = copy.deepcopy(notebook)
    solved = "BEGIN SOLUTION" in str(notebook)
    code = [cell for cell in done.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, 1):
        cell.execution_count = count
        if "nbgrader" in cell.metadata and cell.metadata.nbgrader.grade:
            said = f"Exercise: {'passed' if solved else 'not attempted'}."
            data = {"text/plain": said}
            cell.outputs = [new_output("execute_result", data=data, execution_count=count)]
        elif "print" in cell.source:
            cell.outputs = [new_output("stream", name="stdout", text="42\n")]
    return done


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course of one lesson, text only; its kernel is a pretence."""
    folder = tmp_path / "course" / "clipedu_lessons" / f"l{NAME}"
    folder.mkdir(parents=True)
    (folder / "lesson.py").write_text(LESSON, encoding="utf-8")
    (folder / "exercises.py").write_text(EXERCISES, encoding="utf-8")
    (tmp_path / "course" / "pyproject.toml").write_text("")
    monkeypatch.setattr(builder, "execute_notebook", pretend_to_execute)
    monkeypatch.delenv("CLIPEDU_SPECS")  # checks of one's own take time, see test_specs
    return tmp_path / "course"


def change(course: Path, name: str, old: str, new: str) -> None:
    path = course / "clipedu_lessons" / f"l{NAME}" / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def notebook(course: Path, tree: str) -> NotebookNode:
    found = read_notebook(course / tree / f"{NAME}.ipynb")
    assert found is not None
    return found


def contents(course: Path) -> dict[str, bytes]:
    return {str(path.relative_to(course)): path.read_bytes() for path in course.rglob("*.ipynb")}


def checked(course: Path) -> str:
    report = build(root=course, check=True)
    assert report.ok == (not str(report).count("Mend it")), report
    return str(report)


# ---------------------------------------------------------------------------------- reading


def test_exercises_are_read_with_all_that_the_author_wrote(course):
    text = course / "clipedu_lessons" / f"l{NAME}" / "exercises.py"
    predict, code, investigate = parse_text(text).exercises
    assert (predict.id, predict.kind, predict.points, predict.minutes) == ("03.1", "predict", 1, 5)
    assert predict.names == ("loss_at_start",)
    assert predict.stub == "loss_at_start = ...  # Exercise 03.1: your answer here"
    assert [variant.name for variant in predict.wrong][0] == "the logarithm has base 2"
    assert predict.wrong[0].source == "loss_at_start = 6.0"
    assert code.names == ("contrastive_loss",) and len(code.hints) == 3
    assert code.check == 'check("03.2", contrastive_loss)'
    assert code.difficulty == "medium" and code.title == "The symmetric loss"
    assert code.stub.splitlines()[-1] == (
        '    raise NotImplementedError("Exercise 03.2: contrastive_loss")'
    )
    assert (investigate.kind, investigate.wrong, investigate.stub) == ("investigate", (), "")
    assert investigate.rubric.startswith("* 1 point") and "With the number" in investigate.answer
    lines = EXERCISES.splitlines()
    for exercise in (predict, code, investigate):
        assert "exercise" in lines[exercise.line - 1]
        assert f'id="{exercise.id}"' in lines[exercise.line + 1]


def test_the_setup_and_the_solution_run_and_every_variant_differs(course):
    """Solutions are live code: setup, solution and variants run one after another."""
    for exercise in parse_text(course / "clipedu_lessons" / f"l{NAME}" / "exercises.py").exercises:
        space: dict[str, object] = {}
        exec(exercise.setup, space)
        exec(exercise.solution, space)
        for variant in exercise.wrong:
            exec(variant.source, space)
        assert set(exercise.names) <= set(space)


def test_context_before_the_solution_is_setup_of_this_exercise_only(course):
    change(course, "exercises.py", "# %%\n### BEGIN", "# %%\ngiven = 64\n\n# %%\n### BEGIN")
    first, second, _ = parse_text(
        course / "clipedu_lessons" / f"l{NAME}" / "exercises.py"
    ).exercises
    assert "import torch" in first.setup and "given = 64" in first.setup
    assert "import torch" in second.setup and "given" not in second.setup


def test_text_that_cannot_be_read_is_located(course):
    change(course, "exercises.py", 'id="03.2"', 'id="03.1"')
    path = course / "clipedu_lessons" / f"l{NAME}" / "exercises.py"
    with pytest.raises(LessonError, match=r"exercises\.py:\d+: error: the id 03\.1 is taken") as e:
        parse_text(path)
    assert e.value.problems[0].line == EXERCISES[: EXERCISES.index('id="03.2"')].count("\n") - 1
    with pytest.raises(FileNotFoundError, match="there is no lesson text"):
        parse_text(course / "clipedu_lessons" / f"l{NAME}" / "nothing.py")


def as_read(path: Path) -> list[tuple[object, ...]]:
    cells, problems = read_cells(path)
    assert problems == []
    return [(cell.kind, cell.source, cell.tags, cell.title) for cell in cells]


def as_jupytext_reads(text: str) -> list[tuple[object, ...]]:
    return [
        (
            cell.cell_type,
            cell.source.rstrip("\n"),
            tuple(cell.metadata.get("tags", ())),
            cell.metadata.get("title", ""),
        )
        for cell in jupytext.reads(text, fmt="py:percent").cells
    ]


LINES = [
    "# %%",
    "#%%",
    "# %% [markdown]",
    '# %% [markdown] tags=["answer"]',
    '# %% a title tags=["wrong", "x-y"]',
    "# text",
    "#",
    "",
    "x = 1",
    "x = '# %%'",
    'x = """\n# %%\n"""',
    "def f():\n    return 1",
    "    # indented",
]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=12))
def test_cells_are_read_as_jupytext_reads_them(tmp_path_factory, lines):
    text = "\n".join(["# %%", *lines]) + "\n"
    path = tmp_path_factory.mktemp("text") / "lesson.py"
    path.write_text(text, encoding="utf-8")
    assert as_read(path) == as_jupytext_reads(text)
    for cell in read_cells(path)[0]:
        assert text.splitlines()[cell.line - 1].startswith(("# %%", "#%%"))


@pytest.mark.parametrize("name", ["lesson.py", "exercises.py"])
def test_the_course_is_read_as_jupytext_reads_it(name):
    for path in sorted(README.parent.glob(f"l*/{name}")):
        assert as_read(path) == as_jupytext_reads(path.read_text(encoding="utf-8")), path


STUBS = {
    "def f(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION": (
        'def f(x):\n    raise NotImplementedError("Exercise 03.1: f")'
    ),
    "class A:\n    def g(self):\n        y = 1\n        ### BEGIN SOLUTION\n        return y\n"
    "        ### END SOLUTION\n\n    def h(self):\n        ### BEGIN SOLUTION\n        pass\n"
    "        ### END SOLUTION\n\nprint(A)": (
        "class A:\n    def g(self):\n        y = 1\n"
        '        raise NotImplementedError("Exercise 03.1: A.g")\n\n    def h(self):\n'
        '        raise NotImplementedError("Exercise 03.1: A.h")\n\nprint(A)'
    ),
    "def f(x):\n    def inner(y):\n        ### BEGIN SOLUTION\n        return y\n"
    "        ### END SOLUTION\n    return inner(x)": (
        "def f(x):\n    def inner(y):\n"
        '        raise NotImplementedError("Exercise 03.1: f.inner")\n    return inner(x)'
    ),
    "n = 2\n### BEGIN SOLUTION\na = n * 2\nb, c = a, 3\n### END SOLUTION\nprint(n)": (
        "n = 2\na = ...  # Exercise 03.1: your answer here\n"
        "b = ...  # Exercise 03.1: your answer here\n"
        "c = ...  # Exercise 03.1: your answer here\nprint(n)"
    ),
}


@pytest.mark.parametrize(("source", "expected"), STUBS.items())
def test_a_stub_keeps_all_but_the_solution(source, expected):
    assert make_stub(source, "03.1") == expected


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def f():\n### BEGIN SOLUTION\n    return 1\n### END SOLUTION", "indent the marks"),
        ("class A:\n    ### BEGIN SOLUTION\n    x = 1\n    ### END SOLUTION", "top level"),
        ("def f(:\n    ### BEGIN SOLUTION\n    pass\n    ### END SOLUTION", "not valid Python"),
        ("### END SOLUTION", "where '### BEGIN SOLUTION' is due"),
        ("a = 1 ### BEGIN SOLUTION\n### END SOLUTION", "alone on its line"),
    ],
)
def test_a_cell_that_makes_no_stub_is_refused(source, words):
    with pytest.raises(StubError, match=words):
        make_stub(source, "03.1")


# --------------------------------------------------------------------------------- building


def test_the_lesson_and_both_exercise_notebooks_are_built(course):
    report = build(["03"], root=course)
    assert [(item.path.parent.name, item.status) for item in report.notebooks] == [
        ("notebooks", "written"),
        ("exercises", "written"),
        ("solutions", "written"),
    ]
    exercise, solution = notebook(course, "exercises"), notebook(course, "solutions")
    ids = [cell.id for cell in exercise.cells]
    assert ids == [cell.id for cell in solution.cells]
    assert [name for name in ids if name.startswith("03-2")] == [
        "03-2-statement",
        "03-2-solution",
        "03-2-check",
    ]
    text = str(exercise)
    for hidden in ("SOLUTION", "wrong", "logarithm is forgotten", "uniform guess", "1 point: one"):
        assert hidden not in text, hidden
    statement = exercise.cells[ids.index("03-2-statement")].source
    assert statement.startswith("## Exercise 03.2: The symmetric loss\n\n**3 points, about 10 min")
    assert "medium.** Goal: Write the loss" in statement and 'hint("03.2")' in statement
    assert exercise.cells[ids.index("03-2-check")].metadata.tags == ["nbval-check-output"]
    answer = solution.cells[ids.index("03-3-answer")].source
    assert "With the number" in answer and "How the points are given" in answer
    assert exercise.cells[ids.index("03-3-answer")].source == notebooks.ANSWER_STUB
    for tree in builder.TREES:
        made = notebook(course, tree)
        nbformat.validate(made)
        assert made.metadata.kernelspec.name == "python3"
        assert len({cell.id for cell in made.cells}) == len(made.cells)
    assert notebook(course, "notebooks").cells[1].metadata.tags == ["nbval-check-output"]


def test_two_builds_are_the_same_bytes_and_the_second_writes_nothing(course):
    build(root=course)
    first = contents(course)
    again = build(root=course)
    assert {item.status for item in again.notebooks} == {"unchanged"}
    for path in course.rglob("*.ipynb"):
        path.unlink()
    build(root=course)
    assert contents(course) == first and len(first) == 3


def test_outputs_of_unchanged_cells_stay_and_no_other_id_moves(course):
    build(root=course, execute=True)
    before = notebook(course, "notebooks")
    change(course, "lesson.py", "# ## More", "# ## Put in between\n\n# %%\nx = 100\n\n# %%\n")
    change(course, "lesson.py", "x = 7\n", "x = 70\n")
    build(root=course)
    after = {cell.id: cell for cell in notebook(course, "notebooks").cells}
    kept = [cell for cell in before.cells if cell.id in after]
    assert len(kept) == len(before.cells) - 2  # the heading and x = 7
    assert all(after[cell.id] == cell for cell in kept)
    assert after[before.cells[1].id].outputs[0].text == "42\n"
    changed = next(cell for cell in after.values() if cell.source == "x = 70")
    assert changed.execution_count is None and changed.outputs == []


def test_numbers_and_kinds_choose_what_is_built(course):
    (course / "clipedu_lessons" / "l04_next").mkdir()
    (course / "clipedu_lessons" / "l04_next" / "lesson.py").write_text(LESSON)
    (course / "clipedu_lessons" / "notes").mkdir()
    for numbers in (["04"], [4], ["4"], ["04_next"]):
        made = build(numbers, root=course).notebooks
        assert [item.path.name for item in made] == ["04_next.ipynb"]
    assert [item.path.parent.name for item in build(root=course, only="exercises").notebooks] == [
        "exercises",
        "solutions",
    ]
    assert len(build(root=course, only="lessons").notebooks) == 2
    with pytest.raises(ValueError, match="no lesson '05'.*03_loss, 04_next"):
        build(["05"], root=course)
    with pytest.raises(ValueError, match="only is 'widgets'"):
        build(root=course, only="widgets")
    with pytest.raises(ValueError, match="--check changes nothing"):
        build(root=course, check=True, execute=True)


def test_copies_elsewhere_leave_the_course_alone(course, tmp_path):
    build(root=course)
    before = contents(course)
    build(root=course, out=tmp_path / "copies")
    assert contents(course) == before
    made = read_notebook(tmp_path / "copies" / "notebooks" / f"{NAME}.ipynb")
    assert made is not None and made.cells[1].execution_count == 1


def test_a_notebook_that_fails_keeps_its_file_and_the_others_are_built(course, monkeypatch):
    build(root=course, execute=True)
    before = contents(course)
    change(course, "lesson.py", "x = 1\n", "x = 1 / 0\n")

    def fails(nb: NotebookNode, **options: object) -> NotebookNode:
        if "1 / 0" in str(nb):
            raise NotebookError("notebooks/03_loss.ipynb: cell 5 raised ZeroDivisionError", 5)
        return pretend_to_execute(nb)

    monkeypatch.setattr(builder, "execute_notebook", fails)
    report = build(root=course, execute=True)
    assert not report.ok and "cell 5 raised" in str(report)
    assert [item.status for item in report.notebooks] == ["failed", "executed", "executed"]
    assert contents(course) == before


def test_one_unreadable_text_stops_no_other_lesson(course):
    (course / "clipedu_lessons" / "l04_next").mkdir()
    (course / "clipedu_lessons" / "l04_next" / "lesson.py").write_text(LESSON)
    change(course, "exercises.py", "### END SOLUTION", "")
    report = build(root=course)
    assert not report.ok and "'### BEGIN SOLUTION' without '### END SOLUTION'" in str(report)
    assert [item.path.name for item in report.notebooks] == ["03_loss.ipynb", "04_next.ipynb"]


def test_the_course_is_found_from_inside_it(course, monkeypatch):
    monkeypatch.delenv("CLIPEDU_COURSE", raising=False)
    assert course_root(course / "clipedu_lessons" / f"l{NAME}") == course
    monkeypatch.setenv("CLIPEDU_COURSE", str(course))
    assert course_root() == course
    monkeypatch.setenv("CLIPEDU_COURSE", str(course / "nowhere"))
    with pytest.raises(FileNotFoundError, match="CLIPEDU_COURSE"):
        course_root()


# --------------------------------------------------------------------------------- nbgrader


def test_cells_carry_nbgraders_marks(course):
    build(root=course)
    marks = {cell.id: cell.metadata.get("nbgrader") for cell in notebook(course, "exercises").cells}
    kinds = {
        name: (mark.grade, mark.solution, mark.locked, mark.get("points"))
        for name, mark in marks.items()
        if mark
    }
    assert kinds["03-1-statement"] == (False, False, True, None)
    assert kinds["03-1-solution"] == (False, True, False, None)
    assert kinds["03-1-check"] == (True, False, True, 1)
    assert kinds["03-3-answer"] == (True, True, False, 4)
    assert all(
        mark.schema_version == 3 and mark.grade_id == name for name, mark in marks.items() if mark
    )


def test_nbgrader_makes_the_same_release_of_the_solutions(course):
    preprocessors = pytest.importorskip("nbgrader.preprocessors")
    from nbgrader.nbgraderformat.v3 import MetadataValidatorV3

    build(root=course)
    released, ours = notebook(course, "solutions"), notebook(course, "exercises")
    for made in (released, ours):
        MetadataValidatorV3().validate_nb(made)
    for step in ("LockCells", "ClearSolutions", "ClearOutput", "CheckCellMetadata"):
        released, _ = getattr(preprocessors, step)().preprocess(released, {})
    assert "BEGIN SOLUTION" not in str(released) and "How the points" not in str(released)
    released, _ = preprocessors.ComputeChecksums().preprocess(released, {})
    for theirs, our in zip(released.cells, ours.cells, strict=True):
        assert theirs.id == our.id
        if not our.metadata.get("nbgrader", {}).get("solution"):  # the stubs differ in words
            assert (theirs.source, theirs.metadata) == (our.source, our.metadata)
        else:
            assert set(theirs.metadata.nbgrader) == set(our.metadata.nbgrader)
    ours, _ = preprocessors.ComputeChecksums().preprocess(copy.deepcopy(ours), {})
    assert ours == notebook(course, "exercises"), "our checksums are nbgrader's"


# --------------------------------------------------------------------------------- checking


def test_what_was_built_and_run_is_fresh(course):
    build(root=course, execute=True)
    before = contents(course)
    report = build(root=course, check=True)
    assert report.ok, report
    assert {item.status for item in report.notebooks} == {"fresh"}
    assert contents(course) == before


def test_what_was_built_and_not_run_is_not_fresh(course):
    build(root=course)
    text = checked(course)
    assert "cell 2 ('print(6 * 7)'): it has no stored run" in text
    assert "(33 cells like it). Mend it with: clipedu build 03 --execute" in text


def test_a_missing_notebook_and_one_without_a_lesson_are_found(course):
    build(root=course, execute=True)
    (course / "solutions" / f"{NAME}.ipynb").rename(course / "solutions" / "99_old.ipynb")
    text = checked(course)
    assert "03_loss.ipynb: the notebook does not exist" in text
    assert "99_old.ipynb: no lesson makes this notebook" in text
    assert "99_old" not in str(build(["03"], root=course, check=True))


def test_a_change_of_the_text_is_found(course):
    build(root=course, execute=True)
    change(course, "lesson.py", "x = 5\n", "x = 55\n")
    change(course, "exercises.py", "to two decimals", "to three decimals")
    text = checked(course)
    assert "cell 9 ('x = 5'): its id is not what clipedu_lessons/l03_loss/lesson.py says" in text
    assert text.count("03-1") == 0 and text.count("its text is not what clipedu_lessons/l03_") == 2
    assert "Mend it with: clipedu build 03" in text


def stored_cell(made: NotebookNode, name: str) -> NotebookNode:
    return next(cell for cell in made.cells if cell.id == name)


def spoil_source(made: NotebookNode) -> None:
    stored_cell(made, "03-2-solution").source += "\n# mine"


def spoil_leak(made: NotebookNode) -> None:
    stored_cell(made, "03-2-solution").source = "def contrastive_loss(logits):\n    return 1"


def spoil_tags(made: NotebookNode) -> None:
    stored_cell(made, "03-2-check").metadata.tags = []


def spoil_points(made: NotebookNode) -> None:
    stored_cell(made, "03-2-check").metadata.nbgrader.points = 30


def spoil_id(made: NotebookNode) -> None:
    stored_cell(made, "03-2-check").id = "mine"


def spoil_deleted(made: NotebookNode) -> None:
    made.cells.pop()


def spoil_added(made: NotebookNode) -> None:
    made.cells.append(nbformat.v4.new_markdown_cell("More", id="more"))


def spoil_kernel(made: NotebookNode) -> None:
    made.metadata.kernelspec.name = "conda-env-mine"


def spoil_metadata(made: NotebookNode) -> None:
    made.metadata.language_info.version = "3.11.7"


def spoil_unrun(made: NotebookNode) -> None:
    stored_cell(made, "03-2-check").execution_count = None


def spoil_order(made: NotebookNode) -> None:
    stored_cell(made, "03-2-check").execution_count = 40


def spoil_outputs(made: NotebookNode) -> None:
    stored_cell(made, "03-2-check").outputs = []


def spoil_status(made: NotebookNode) -> None:
    stored_cell(made, "03-2-check").outputs[0].data["text/plain"] = "Exercise: failed."


def spoil_error(made: NotebookNode) -> None:
    error = new_output("error", ename="NameError", evalue="x", traceback=[])
    stored_cell(made, "03-2-solution").outputs = [error]


def spoil_figure(made: NotebookNode) -> None:
    figure = new_output("display_data", data={"image/png": "AAAA", "text/plain": "<Figure>"})
    stored_cell(made, "03-2-solution").outputs = [figure]


def spoil_path(made: NotebookNode) -> None:
    text = f"reading {Path(sys.prefix)}/share\n"
    stored_cell(made, "03-2-solution").outputs = [new_output("stream", name="stdout", text=text)]


def spoil_size(made: NotebookNode) -> None:
    text = "x" * SIZE_LIMIT
    stored_cell(made, "03-2-solution").outputs = [new_output("stream", name="stdout", text=text)]


SPOILT = [
    (spoil_source, "cell 7 .*its text is not what"),
    (spoil_leak, "cell 7 .*its text is not what"),
    (spoil_tags, "cell 8 .*its metadata is not what"),
    (spoil_points, "cell 8 .*its metadata is not what"),
    (spoil_id, "cell 8 .*its id is not what"),
    (spoil_deleted, r"the notebook has 10 cells, .* makes 11"),
    (spoil_added, r"the notebook has 12 cells, .* makes 11"),
    (spoil_kernel, "the kernel, other metadata"),
    (spoil_metadata, "metadata or the file's layout"),
    (spoil_unrun, "cell 8 .*no stored run"),
    (spoil_order, "cell 8 .*run number 40 is stored where 5 is due"),
    (spoil_outputs, "cell 8 .*tagged nbval-check-output and has no output"),
    (spoil_status, "cell 8 .*does not say '(not attempted|passed)': 'Exercise: failed"),
    (spoil_error, "cell 7 .*it failed with NameError"),
    (spoil_figure, "cell 7 .*no description in words"),
    (spoil_path, "cell 7 .*this machine's path"),
    (spoil_size, r"1,0\d\d,\d\d\d bytes, the limit is 1,000,000"),
]


@pytest.mark.parametrize(("spoil", "words"), SPOILT)
def test_each_fault_of_a_committed_notebook_is_found(course, spoil, words):
    build(root=course, execute=True)
    for tree in ("exercises", "solutions"):
        path = course / tree / f"{NAME}.ipynb"
        made = notebook(course, tree)
        spoil(made)
        path.write_text(notebooks.text_of(made), encoding="utf-8")
    report = build(root=course, check=True)
    assert not report.ok
    for tree in ("exercises", "solutions"):
        said = [str(item) for item in report.problems if item.path.parent.name == tree]
        assert any(re.search(words, text) for text in said), (tree, said)


def test_a_figure_with_words_is_let_through(course):
    build(root=course, execute=True)
    made = notebook(course, "exercises")
    spoil_figure(made)
    stored_cell(made, "03-2-solution").outputs[0].metadata = {"image/png": {"alt": "A curve."}}
    (course / "exercises" / f"{NAME}.ipynb").write_text(notebooks.text_of(made), encoding="utf-8")
    assert build(root=course, check=True).ok


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"cells": 3}', '{"nbformat": 4}'])
def test_a_broken_file_is_named_and_built_anew(course, broken):
    build(root=course, execute=True)
    path = course / "notebooks" / f"{NAME}.ipynb"
    whole = path.read_bytes()
    path.write_text(broken, encoding="utf-8")
    assert "not a notebook" in checked(course)
    build(root=course, execute=True)
    assert path.read_bytes() == whole


# -------------------------------------------------------------------------- the command line


def run(*words: str) -> int:
    return main(["build", *words])


def test_the_verb_builds_checks_and_writes_json(course, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("CLIPEDU_COURSE", str(course))
    assert run("03") == 0
    assert run("--check", "--json", str(tmp_path / "report.json")) == 1
    shown = capsys.readouterr().out
    assert "written" in shown and "not fresh" in shown
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["ok"] is False and report["problems"][0]["mend"].startswith("clipedu build 03")
    assert run("--execute") == 0 and run("--check") == 0
    assert "all notebooks are what clipedu_lessons/ says" in capsys.readouterr().out
    assert run("77") == 1 and "no lesson '77'" in capsys.readouterr().err


def test_a_report_is_ok_only_without_faults():
    assert BuildReport().ok
    assert not BuildReport(failures=["cell 1 failed"]).ok


# -------------------------------------------------------------------------------- for real


@pytest.mark.timeout(600)  # waiting, not work: a busy machine starts kernels slowly
def test_a_lesson_built_for_real_repeats_and_passes_nbval(tmp_path):
    """Kernels of the builder and of nbval agree; nbval notices an output that is not so."""
    folder = tmp_path / "clipedu_lessons" / f"l{NAME}"
    folder.mkdir(parents=True)
    (folder / "lesson.py").write_text(LESSON.partition("\n# %% [markdown]\n# ## More")[0])
    assert build(root=tmp_path, execute=True, progress=False).ok
    path = tmp_path / "notebooks" / f"{NAME}.ipynb"
    first = path.read_bytes()
    assert build(root=tmp_path, check=True).ok
    build(root=tmp_path, execute=True, progress=False)
    assert path.read_bytes() == first
    other = path.with_name("other.ipynb")
    other.write_text(path.read_text().replace("42\\n", "43\\n"))
    words = "-q -p no:cacheprovider --nbval-lax --nbval-current-env --nbval-cell-timeout=60"
    command = [sys.executable, "-m", "pytest", *words.split(), str(path), str(other)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=550)
    assert "1 failed, 1 passed" in done.stdout
    assert "other.ipynb" in done.stdout.partition("short test summary")[2]


def test_a_run_into_another_folder_repeats_its_summaries(
    course: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`make course` ends with what the cells tagged `summary` printed, in this run only."""

    def execute(notebook: NotebookNode, **settings: object) -> NotebookNode:
        done = pretend_to_execute(notebook, **settings)
        for cell, text, tags in (
            (done.cells[0], "lucide 61 %\n", ["summary"]),
            (done.cells[1], "chatter\n", []),
        ):
            outputs = [new_output("stream", name="stdout", text=text)]
            cell.update(cell_type="code", execution_count=1, outputs=outputs)
            cell.metadata = {"tags": tags}
        return done

    monkeypatch.setattr(builder, "execute_notebook", execute)
    monkeypatch.chdir(course)
    old = tmp_path / "out" / "notebooks" / "old.ipynb"
    old.parent.mkdir(parents=True)
    old.write_text("last year's")
    assert main(["build", "--only", "lessons", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert said.endswith("\n\nlucide 61 %\n") and "chatter" not in said
    assert main(["build", "--only", "lessons", "--execute"]) == 0
    assert "lucide" not in capsys.readouterr().out
