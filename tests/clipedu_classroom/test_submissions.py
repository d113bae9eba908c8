"""Submissions as they come: cells, layouts and written answers, read as the student meant them; and
files that would end a batch or take forever to read.
"""

from __future__ import annotations

import copy
import io
import json
import os
import time
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import PythonExporter

from clipedu_classroom import answers, class_statistics, gradebook, pages, submissions, writers
from clipedu_classroom.answers import (
    MAX_CODE,
    Answers,
    choose_answers,
    read,
    read_cells,
    script_cells,
    take_answers,
)
from clipedu_classroom.assignment import Assignment, read_assignment
from clipedu_classroom.gradebook import Result, Written, file_name
from clipedu_classroom.grading import Request, grade
from clipedu_classroom.sandbox import Limits
from clipedu_classroom.student_code import clean
from clipedu_classroom.submissions import Unreadable, find_submissions

pytestmark = [pytest.mark.skipif(os.name != "posix", reason="workers need POSIX")]
LIMITS = Limits(call_seconds=5, wall_seconds=40)
ROWS = "def rows_loss(logits, labels):\n    return cross(logits, labels)\n"
WITH_HELPER = (
    "def contrastive_loss(logits):\n    labels = torch.arange(len(logits))\n"
    "    return (rows_loss(logits, labels) + rows_loss(logits.T, labels)) / 2\n"
)
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"


class Handed:
    """A solved notebook to change."""

    def __init__(self, path: Path) -> None:
        self.notebook = json.loads(path.read_text(encoding="utf-8"))
        self.cells: list[dict[str, Any]] = self.notebook["cells"]
        for cell in self.cells:
            cell["source"] = "".join(cell["source"])

    def at(self, name: str) -> int:
        return next(n for n, cell in enumerate(self.cells) if cell["id"] == name)

    def __getitem__(self, name: str) -> dict[str, Any]:
        return self.cells[self.at(name)]

    def add(self, name: str, source: str, kind: str = "code", after: int = 0) -> None:
        """A cell of the student's, before the named one."""
        cell = {"cell_type": kind, "id": f"own-{len(self.cells)}", "metadata": {}, "source": source}
        self.cells.insert(self.at(name) + after, cell)

    def text(self) -> str:
        return json.dumps(self.notebook)


@pytest.fixture
def solved(notebooks: dict[str, Path]) -> Handed:
    return Handed(notebooks["solutions"])


@pytest.fixture
def stubs(notebooks: dict[str, Path]) -> Handed:
    return Handed(notebooks["exercises"])


@pytest.fixture
def assignment(notebooks: dict[str, Path]) -> Assignment:
    return read_assignment(notebooks["exercises"])


def taken(assignment: Assignment, handed: Handed) -> Answers:
    return take_answers(assignment, read_cells(handed.text().encode()))


# Cells


@pytest.mark.parametrize(
    ("line", "python"),
    [
        ("f?", "None"),
        ("?f", "None"),
        ("t = %timeit -o f(1)", "t = None"),
        ("files = !ls *.py", "files = []"),
        ("!pip install x", "None"),
        ("%time y = 2", "y = 2"),
        ("if True:\n    !ls\n    %time z = 3", "if True:\n    None\n    z = 3"),
    ],
)
def test_ipython_lines_do_nothing(line: str, python: str) -> None:
    assert clean(f'x = """\n!keep\n"""\n{line}').strip() == f'x = """\n!keep\n"""\n{python}'


def test_cell_magics_keep_python_only() -> None:
    assert clean("%%time\nx = 1") == "x = 1"
    assert clean("%%capture out\n!ls\nx = (5\n  % 3)") == "None\nx = (5\n  % 3)\n"
    assert clean("%%bash\nls") == ""
    assert clean("x = 5 % 3  # why?") == "x = 5 % 3  # why?"


def in_all_sorts(solved: Handed) -> dict[str, Handed]:
    """Notebooks that ran: each must get all of its points."""
    made: dict[str, Handed] = {}

    def new(name: str) -> Handed:
        made[name] = copy.deepcopy(solved)
        return made[name]

    tail = "\nf = !ls\nt = %timeit -n1 -r1 1\ncontrastive_loss?\ndisplay(labels)\n"
    new("ipython")["90-2-solution"]["source"] += tail.replace("display(labels)", "display(f)")
    shows = new("shows")["90-2-solution"]
    shows["source"] = shows["source"].replace("    return", "    display(rows)\n    return")
    helper = new("helper")
    helper.add("90-1-statement", "from torch.nn.functional import cross_entropy as cross")
    helper.add("90-2-solution", "raise ValueError('an experiment')\n" + ROWS + "while True: pass")
    helper["90-2-solution"]["source"] = WITH_HELPER
    edited = new("edited setup")
    first = next(cell for cell in edited.cells if cell["cell_type"] == "code")
    first["source"] += "\nfrom torch.nn.functional import cross_entropy as cross\n"
    edited["90-2-solution"]["source"] = ROWS + WITH_HELPER
    new("renamed later").add(
        "90-4-solution", "def contrastive_loss(x):\n    return x\nloss_at_start = 0"
    )
    later = made["renamed later"]["90-4-solution"]
    later["source"] += "\n    contrastive_loss(1)\n"
    split = new("split")
    split["90-2-solution"]["source"] = "labels = None\n"
    split.add("90-2-check", solved["90-2-solution"]["source"])
    joined = new("joined")
    joined["90-2-solution"]["source"] += "\n\n" + joined["90-3-solution"]["source"]
    del joined.cells[joined.at("90-3-solution")]
    moved = new("moved")
    moved.cells.insert(2, moved.cells.pop(moved.at("90-4-solution")))
    for kind in ("markdown", "raw"):
        new(kind)["90-2-solution"]["cell_type"] = kind
    bare = new("no ids")
    for number, cell in enumerate(bare.cells):
        cell["id"], cell["metadata"] = f"c{number}", {}
    for name, end in (("crlf", "\r\n"), ("cr", "\r")):
        for cell in new(name).cells:
            cell["source"] = cell["source"].replace("\n", end)
    return made


@pytest.mark.timeout(300)
def test_whatever_ran_in_the_notebook_gets_its_points(
    notebooks: dict[str, Path], solved: Handed, tmp_path: Path
) -> None:
    folder = tmp_path / "class"
    folder.mkdir()
    for name, handed in in_all_sorts(solved).items():
        (folder / f"{name}.ipynb").write_text(handed.text(), encoding="utf-8")
    request = Request(
        notebooks["exercises"], folder, tmp_path / "out", LIMITS, jobs=2, progress=False
    )
    lost = {
        result.student: f"{result.points}: {result.message} {result.remarks}"
        for result in grade(request)[1]
        if result.points != 8 or "90.5" not in result.by_hand
    }
    assert not lost


def test_an_exercise_is_judged_with_the_cells_up_to_it(
    assignment: Assignment, solved: Handed
) -> None:
    solved.add("90-2-check", "import math")
    solved.add("90-4-solution", "def contrastive_loss(x):\n    return x")
    solved["90-4-solution"]["source"] += "\n    contrastive_loss(rows)\n    math.pi\n"
    loads = taken(assignment, solved).loads
    keys = [load.key for load in loads]
    assert keys.index("90-2-solution") < keys.index("90-4-solution")
    assert next(load.judged for load in loads if "import math" in load.source) == ("90.2",)
    later = next(place for place, load in enumerate(loads) if "return x" in load.source)
    assert not any("90.2" in load.judged for load in loads[later:])


def test_added_cells_give_only_what_answers_need(assignment: Assignment, solved: Handed) -> None:
    solved.add("90-2-solution", "table = {}\ntable['a'] = 1\nother = train()\nprint(table)")
    solved.add("90-2-solution", "for step in range(10**9): pass")
    solved["90-2-solution"]["source"] += "\n    table\n"
    answers = taken(assignment, solved)
    added = [load.source for load in answers.loads if not load.setup and not load.exercises]
    assert added == ["table = {}\ntable['a'] = 1"]
    assert any("1 added cell was not run" in remark for remark in answers.remarks)


def test_another_notebook_is_told(assignment: Assignment) -> None:
    remarks = take_answers(assignment, [{"cell_type": "code", "source": "x = 1"}]).remarks
    assert "another notebook" in remarks[0]


# Written answers


def test_a_written_answer_is_found_wherever_it_is(assignment: Assignment, stubs: Handed) -> None:
    def text(handed: Handed) -> str:
        return taken(assignment, handed).text.get("90.5", "")

    assert text(stubs) == ""
    asked = copy.deepcopy(stubs)
    asked.add("90-5-answer", 'hint("90.5")')
    assert text(asked) == ""
    below = copy.deepcopy(stubs)
    below.add("90-5-answer", "It rises.", "markdown", after=1)
    assert text(below) == "It rises."
    bare = copy.deepcopy(below)
    for number, cell in enumerate(bare.cells):
        cell["id"], cell["metadata"] = f"c{number}", {}
    assert text(bare) == "It rises."
    code = copy.deepcopy(stubs)
    code["90-5-answer"].update(cell_type="code", source="# It rises.", outputs=[])
    assert text(code) == "# It rises."
    typed = copy.deepcopy(stubs)
    typed["90-5-statement"]["source"] += "\n\nIt rises."
    assert "It rises." in text(typed)
    above = copy.deepcopy(stubs)
    above.add("90-1-statement", "My answer to 90.5: it rises.", "markdown")
    answers = taken(assignment, above)
    assert "it rises" in answers.text["90.5"] and "90.5" in answers.remarks[0]


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        self.attributes |= dict(attrs)


def written_page(assignment: Assignment, stubs: Handed) -> tuple[Tags, str]:
    table = "| n | loss |\n|---|---|\n| 2 | 0.7 |\n\n![f](attachment:a.png)<script>x</script>"
    stubs["90-5-answer"]["source"] = (
        table + "\n\n[x](javascript:alert(1)) " + "word " * 5000 + "END"
    )
    stubs["90-5-answer"]["attachments"] = {"a.png": {"image/png": PNG}}
    outputs = [
        {"output_type": "stream", "text": ["<b>3.5\n"]},
        {"output_type": "display_data", "data": {"image/png": [PNG]}},
        {"output_type": "execute_result", "data": {"text/html": "<script>y</script><table>"}},
        {"output_type": "display_data", "data": {"image/svg+xml": "<svg onload='z'/>"}},
        {"output_type": "error", "ename": "ValueError", "evalue": "too small"},
        3,
    ]
    stubs.cells.append({"cell_type": "code", "source": "plot()", "outputs": outputs})
    page = taken(assignment, stubs).pages["90.5"]
    reader = Tags()
    reader.feed(page)
    return reader, page


def test_tables_figures_and_outputs_are_shown(assignment: Assignment, stubs: Handed) -> None:
    reader, page = written_page(assignment, stubs)
    assert {"table", "td", "img", "pre", "iframe"} <= reader.tags
    assert page.count(f"data:image/png;base64,{PNG}") == 2
    for words in ("END", "plot()", "&lt;b&gt;3.5", "ValueError: too small"):
        assert words in page


def test_what_is_shown_runs_nothing(assignment: Assignment, stubs: Handed) -> None:
    reader, page = written_page(assignment, stubs)
    assert not reader.tags & {"script", "b", "svg"}
    assert "href" not in reader.attributes and reader.attributes["sandbox"] == ""
    result = Result("ann", "a", "graded", 8, by_hand={"90.5": Written(4, "x", page)})
    whole = pages.class_page(assignment, [result], class_statistics.summarize(assignment, [result]))
    assert "default-src 'none'" in whole and page in whole


@pytest.mark.parametrize(
    ("typed", "given", "told"),
    [("3", 3, 0), ("2,5", 2.5, 0), ("0", 0, 0), ("", None, 0), ("5", None, 1), ("good", None, 1)],
)
def test_points_and_comments_are_read_back(
    assignment: Assignment, tmp_path: Path, typed: str, given: float | None, told: int
) -> None:
    def result() -> Result:
        answer = Written(4, "It rises.", "<p>It rises.</p>")
        return Result("=Müller", "m", "graded", 8, by_hand={"90.5": answer})

    gradebook.apply_marks(tmp_path, gradebook.read_marks(tmp_path), [result()])
    path = tmp_path / gradebook.BY_HAND
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[1].startswith("'=Müller,Exercise 90.5,4,,,")
    cells = lines[1].split(",")
    cells[3:5] = [f'"{typed}"', "Why?"]
    # as a spreadsheet saves it: a BOM, semicolons, CRLF
    text = "\r\n".join([lines[0].replace(",", ";"), ";".join(cells)])
    path.write_text(text, encoding="utf-8-sig", newline="")
    for _ in range(2):  # what the first run wrote is read again
        marked = result()
        gradebook.apply_marks(tmp_path, gradebook.read_marks(tmp_path), [marked])
        assert marked.by_hand["90.5"].given == given
        assert marked.by_hand["90.5"].comment == "Why?"
        assert marked.total == (given or 0) and bool(marked.problem) == bool(told)
        assert marked.points_by_hand == (4 if given is None else 0)
    writers.write_csv(tmp_path / "g.csv", assignment, [marked])
    written = (tmp_path / "g.csv").read_text(encoding="utf-8")
    assert "Why?" in written and ("is not 0 to 4 points" in written) == bool(told)
    gradebook.apply_marks(tmp_path, gradebook.read_marks(tmp_path), [])
    assert "Why?" in path.read_text(encoding="utf-8")  # though the student is gone


def test_points_given_to_an_answer_that_changed_are_told(
    assignment: Assignment, tmp_path: Path
) -> None:
    for page, told in (("a", False), ("b", True)):
        result = Result("ann", "a", "graded", 8, by_hand={"90.5": Written(4, page, page)})
        gradebook.apply_marks(tmp_path, gradebook.read_marks(tmp_path), [result])
        assert ("has changed" in result.problem) == told and not result.remarks
        path = tmp_path / gradebook.BY_HAND
        path.write_text(path.read_text().replace(",4,,", ",4,3,"))


def test_a_file_of_marks_that_is_none_stops_the_grading(tmp_path: Path) -> None:
    (tmp_path / gradebook.BY_HAND).write_text("name,grade\nann,3\n")
    with pytest.raises(ValueError, match="columns"):
        gradebook.read_marks(tmp_path)


# Files and folders


def put(folder: Path, *names: str, content: bytes = b"{}") -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def test_what_learning_platforms_download(tmp_path: Path) -> None:
    put(
        tmp_path,
        "Ann Lee_123_assignsubmission_file_/hw.ipynb",
        "Ann Lee_456_assignsubmission_file_/hw.ipynb",
        "Bo_789_assignsubmission_file_hw.ipynb",
        "leecarl_LATE_12_3456_hw-1.ipynb",
        "doedana_77_3457_hw.ipynb",
        "submission_31/hw.ipynb",
        "eva/90_small/90_small.ipynb",
        "fay.ipynb.txt",
        "gus.IPYNB",
        "my_homework_1.ipynb",
        "__MACOSX/._fay.ipynb",
        "eva/__MACOSX/._x.ipynb",
        "eva/.ipynb_checkpoints/x.ipynb",
        ".DS_Store",
    )
    found = {s.student: (s.lms_id, s.late, len(s.files)) for s in find_submissions(tmp_path)}
    assert found == {
        "Ann Lee (123)": ("123", False, 1),
        "Ann Lee (456)": ("456", False, 1),
        "Bo": ("789", False, 1),
        "leecarl": ("12", True, 1),
        "doedana": ("77", False, 1),
        "submission_31": ("31", False, 1),
        "eva": ("", False, 1),
        "fay": ("", False, 1),
        "gus": ("", False, 1),
        "my_homework_1": ("", False, 1),
    }


def test_an_export_in_its_own_folder(tmp_path: Path) -> None:
    put(tmp_path, "assignment_9_export/submission_1/hw.ipynb", "assignment_9_export/x.yml")
    (tmp_path / "assignment_9_export" / "submission_2").mkdir()
    found = {s.student: s.problem for s in find_submissions(tmp_path)}
    assert set(found) == {"submission_1", "submission_2", "x"} and found["submission_2"]


def test_a_flood_of_files_costs_its_student_alone(tmp_path: Path) -> None:
    put(tmp_path, *(f"ann/{n}.txt" for n in range(2100)), "ann/hw.ipynb", "bob/hw.ipynb")
    ann, bob = find_submissions(tmp_path)
    assert len(ann.files) == submissions.MAX_FILES and ann.files[0].name == "hw.ipynb"
    assert "Only 50 of" in ann.remarks[0]
    assert len(bob.files) == 1 and not bob.remarks


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_a_zip_of_the_whole_class(assignment: Assignment, solved: Handed, tmp_path: Path) -> None:
    text = solved.text().encode()
    own = zipped({"hw/hw.ipynb": text, "__MACOSX/hw/._hw.ipynb": b"\0\5"})
    whole = zipped(
        {
            "assignment_9_export/submission_1/hw.ipynb": text,
            "assignment_9_export/submission_2/hw.zip": own,
            "assignment_9_export/submission_2/notes.txt": b"hello",
            "assignment_9_export/submission_metadata.yml": b"x: 1",
            "assignment_9_export/submission_3/hw.ipynb": text,
        }
    )
    put(tmp_path, "download.zip", content=whole)
    for place in (tmp_path, tmp_path / "download.zip"):
        found = find_submissions(place)
        assert [s.student for s in found] == ["submission_1", "submission_2", "submission_3"]
    answers = choose_answers(assignment, found[1])
    assert set(answers.code) == {"90.1", "90.2", "90.3", "90.4"}
    assert "Not read: notes.txt" in answers.remarks[0]


def test_the_solved_notebook_is_taken_and_the_rest_told(
    assignment: Assignment, solved: Handed, stubs: Handed, tmp_path: Path
) -> None:
    put(tmp_path, "ann/90_small.ipynb", content=stubs.text().encode())
    put(tmp_path, "ann/90_small (1).ipynb", content=solved.text().encode())
    put(tmp_path, "ann/figure.png", content=b"\x89PNG\r\n\x1a\n\0\0")
    answers = choose_answers(assignment, find_submissions(tmp_path)[0])
    assert "4.16" in answers.code["90.1"]
    assert answers.remarks[0] == ("Read: 90_small (1).ipynb. Not read: 90_small.ipynb, figure.png.")


@pytest.mark.parametrize("marker", ["# %%", "# In[1]:\n"])
def test_a_script_is_read(
    assignment: Assignment, solved: Handed, tmp_path: Path, marker: str
) -> None:
    parts = [
        f"{marker}\n{cell['source']}"
        if cell["cell_type"] == "code"
        else "# %% [markdown]\n# " + cell["source"].replace("\n", "\n# ")
        for cell in solved.cells
    ]
    put(tmp_path, "ann.py", content="\n\n".join(parts).encode())
    answers = choose_answers(assignment, find_submissions(tmp_path)[0])
    assert len(answers.code) == 4 and "floor" in answers.text["90.5"]
    assert len(script_cells(b"x = 1")) == 1


def test_written_answers_in_nbconverts_script_are_read(
    assignment: Assignment, solved: Handed, stubs: Handed
) -> None:
    for handed, expected in ((solved, True), (stubs, False)):
        notebook = nbformat.reads(handed.text(), as_version=4)
        script, _ = PythonExporter().from_notebook_node(notebook)
        answers = take_answers(assignment, script_cells(script.encode()))
        assert len(answers.code) == 4
        assert ("floor" in answers.text.get("90.5", "")) is expected
        assert ("90.5" in answers.text) is expected


@pytest.mark.parametrize("name", ["a.html", "a.pdf", "a.docx", "a"])
def test_every_file_has_a_row(assignment: Assignment, tmp_path: Path, name: str) -> None:
    put(tmp_path, name, content=b"<html>no notebook</html>")
    (submission,) = find_submissions(tmp_path)
    with pytest.raises(Unreadable, match="not valid JSON"):
        read(assignment, submission)


# Nothing ends a batch


def test_links_that_leave_the_students_folder_are_refused(
    assignment: Assignment, tmp_path: Path
) -> None:
    put(tmp_path, "secret.ipynb", "class/ann/hw.ipynb", "class/bob.ipynb")
    folder = tmp_path / "class"
    (folder / "ann" / "same.ipynb").symlink_to(folder / "ann" / "hw.ipynb")
    (folder / "ann" / "bobs.ipynb").symlink_to(folder / "bob.ipynb")
    (folder / "eve").mkdir()
    (folder / "eve" / "x.ipynb").symlink_to(tmp_path / "secret.ipynb")
    (folder / "fay").symlink_to(folder / "ann")
    (folder / "gil.ipynb").symlink_to(folder / "bob.ipynb")
    (folder / "loop.ipynb").symlink_to("loop.ipynb")
    os.mkfifo(folder / "pipe.ipynb")
    found = {s.student: s for s in find_submissions(folder)}
    assert [file.name for file in found["ann"].files] == ["hw.ipynb", "same.ipynb"]
    assert "bobs.ipynb is a link that leaves" in found["ann"].remarks[0]
    for name in ("eve", "fay", "gil", "loop"):
        assert "link that leaves" in found[name].problem
        with pytest.raises(Unreadable):
            read(assignment, found[name])
    assert "not a regular file" in found["pipe"].problem


def test_names_that_cannot_be_written_are_made_readable(tmp_path: Path) -> None:
    for name in (b"M\xfcller.ipynb", b"a\nb.ipynb", b"n" * 249 + b".ipynb", "é".encode() * 120):
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(b"{}")
    names = [submission.student for submission in find_submissions(tmp_path)]
    assert {"Müller", "a?b", "n" * 249, "é" * 120} == set(names)
    for name in names:
        assert len(file_name(name).encode()) < 200
    taken_name = file_name("a b")
    assert file_name(taken_name) != taken_name  # one student cannot have another's file


@pytest.mark.parametrize(
    ("name", "mode", "words"),
    [
        ("../up.ipynb", 0, "leads out"),
        ("/etc/x.ipynb", 0, "leads out"),
        ("l.ipynb", 0o120777, "link"),
    ],
)
def test_zips_that_lead_elsewhere(
    assignment: Assignment, tmp_path: Path, name: str, mode: int, words: str
) -> None:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    with zipfile.ZipFile(tmp_path / "ann.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(Unreadable, match=words):
        choose_answers(assignment, find_submissions(tmp_path)[0])


def test_a_zip_bomb_is_not_unpacked(
    assignment: Assignment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = zipped({f"{n}.ipynb": bytes(40 * 2**20) for n in range(3)})
    put(tmp_path, "ann.zip", content=zipped({"inner.ipynb": bomb}))
    put(tmp_path, "bob.zip", content=bomb)
    for submission in find_submissions(tmp_path):
        with pytest.raises(Unreadable):
            read(assignment, submission)


def notebook_of(*sources: str) -> bytes:
    cells = [{"cell_type": "code", "source": source} for source in sources]
    return json.dumps({"cells": cells}).encode()


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "source",
    [
        "\n" * 400_000 + "!x (",
        "a=1\n" * 700_000,
        "(" * 50_000,
        "!" * 50_000,
        "x = " + "-" * 50_000 + "1",
    ],
)
def test_text_that_takes_forever_to_parse_is_left_out(
    assignment: Assignment, tmp_path: Path, source: str
) -> None:
    put(tmp_path, "ann.ipynb", content=notebook_of(source, "loss_at_start = 4.16"))
    start = time.monotonic()
    answers = read(assignment, find_submissions(tmp_path)[0])
    assert answers.code["90.1"] == "loss_at_start = 4.16"
    assert time.monotonic() - start < 60
    if len(source) > MAX_CODE:
        assert "was not read" in answers.remarks[0]


@pytest.mark.timeout(120)
def test_a_submission_that_hangs_its_reader_costs_itself(
    assignment: Assignment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "ann.ipynb", content=b'{"cells": [' + b"{}," * 9_000_000 + b"{}]}")
    monkeypatch.setattr(answers, "READ_SECONDS", 0.05)
    with pytest.raises(Unreadable, match="cells|takes more than"):
        read(assignment, find_submissions(tmp_path)[0])
