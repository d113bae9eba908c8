"""Grading a class: statuses, points, files, resuming; and the reading of odd notebooks."""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from clipedu_classroom import grade_cli, protocol, sandbox
from clipedu_classroom.answers import read_cells, take_answers
from clipedu_classroom.assignment import read_assignment
from clipedu_classroom.gradebook import Result, file_name, read_result, result_path, status_of
from clipedu_classroom.grading import Request, grade
from clipedu_classroom.remote import Client, RemoteSubject, usage
from clipedu_classroom.report import Report
from clipedu_classroom.roster import plain_cell
from clipedu_classroom.sandbox import Limits
from clipedu_classroom.student_code import clean, suspicions
from clipedu_classroom.submissions import Unreadable, find_submissions

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="workers need POSIX"),
    pytest.mark.timeout(300),
]
LIMITS = Limits(call_seconds=5, wall_seconds=60)
ROWS_ONLY = (
    "def contrastive_loss(logits):\n"
    "    return nn.functional.cross_entropy(logits, torch.arange(len(logits)))"
)


def notebook_with(path: Path, **sources: str) -> dict[str, Any]:
    """The notebook with some cells replaced: `solution_2="..."` is cell 90-2-solution."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for name, source in sources.items():
        role, number = name.split("_")
        for cell in notebook["cells"]:
            if cell["id"] == f"90-{number}-{role}":
                cell["source"] = source
    return notebook


@pytest.fixture(scope="module")
def class_folder(notebooks: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("class")
    stubs, solved = notebooks["exercises"], notebooks["solutions"]
    everybody: dict[str, dict[str, Any]] = {
        "ann": notebook_with(solved),
        "bob <b>": notebook_with(solved, solution_1="loss_at_start = 6.0", solution_2=ROWS_ONLY),
        "cem": notebook_with(stubs, solution_1="loss_at_start = 4.16"),
        "dan": notebook_with(stubs),
        "eva": notebook_with(solved, solution_2="def contrastive_loss(logits)\n    return 1"),
        "fay": notebook_with(
            solved,
            solution_2="%matplotlib inline\nhelper()\n" + ROWS_ONLY,
            answer_5="=cmd('calc')",
        ),
    }
    for name, notebook in everybody.items():
        path = folder / "submissions" / f"{name}.ipynb"
        if name == "ann":  # nbgrader's layout
            path = folder / "submissions" / "ann" / "90_small" / "90_small.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(notebook), encoding="utf-8")
    (folder / "submissions" / "readme.txt").write_text("not a submission")
    (folder / "submissions" / ".hidden.ipynb").write_text("{}")
    (folder / "submissions" / "gus").mkdir()
    return folder


@pytest.fixture(scope="module")
def graded(notebooks: dict[str, Path], class_folder: Path) -> subprocess.CompletedProcess[str]:
    """`clipedu grade` as an instructor runs it."""
    command = [sys.executable, "-m", "clipedu_classroom.grade_cli", str(notebooks["exercises"])]
    command += ["submissions", "--csv", "out/grades.csv", "--json", "out/json"]
    command += ["--html", "out/html", "--gradescope", "out/gradescope", "--seed", "5"]
    return subprocess.run(
        command, cwd=class_folder, capture_output=True, text=True, env=environment(), timeout=280
    )


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(sandbox.__file__).parents[2])}


def rows(folder: Path) -> dict[str, dict[str, str]]:
    with open(folder / "out" / "grades.csv", newline="", encoding="utf-8") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_every_student_has_a_row(
    graded: subprocess.CompletedProcess[str], class_folder: Path
) -> None:
    assert graded.returncode == 0, graded.stderr
    found = {name: (row["status"], row["points"]) for name, row in rows(class_folder).items()}
    assert found == {
        "ann": ("graded", "8"),
        "bob <b>": ("graded", "4"),
        "cem": ("partial", "1"),
        "dan": ("blank", "0"),
        "eva": ("graded", "5"),
        "fay": ("graded", "5"),
        "gus": ("unreadable", "0"),
        "readme": ("unreadable", "0"),
    }


def test_rows_say_what_was_wrong(
    graded: subprocess.CompletedProcess[str], class_folder: Path
) -> None:
    table = rows(class_folder)
    assert table["bob <b>"]["message"] == (
        "90.1: the logarithm has base 2; 90.2: only the rows are scored, not the columns"
    )
    assert "the cell raises SyntaxError" in table["eva"]["message"]
    assert "the cell raises NameError" in table["fay"]["message"]
    assert table["ann"]["by_hand"] == "4" and table["dan"]["by_hand"] == "0"
    assert {row["max_points"] for row in table.values()} == {"8"}
    assert all(row["protection"] for row in table.values())


def test_summary_counts_misconceptions(
    graded: subprocess.CompletedProcess[str], class_folder: Path
) -> None:
    assert "1 x only the rows are scored, not the columns" in graded.stdout
    assert "8 submissions" in graded.stdout and "Protection:" in graded.stdout
    summary = json.loads((class_folder / "out" / "json" / "summary" / "class.json").read_text())
    loss = next(item for item in summary["exercises"] if item["exercise"] == "90.2")
    assert (loss["passed"], loss["failed"], loss["not_attempted"]) == (1, 3, 4)


def test_results_and_gradescope(
    graded: subprocess.CompletedProcess[str], class_folder: Path
) -> None:
    result = read_result(result_path(class_folder / "out" / "json", "bob <b>"))
    assert result is not None and result.seed == 5 and result.points == 4
    name = file_name("bob <b>")
    scope = json.loads((class_folder / "out" / "gradescope" / f"{name}.json").read_text())
    assert scope["score"] == sum(test["score"] for test in scope["tests"]) == 4
    assert {test["status"] for test in scope["tests"]} == {"passed", "failed"}
    assert set(scope["tests"][0]) >= {"name", "score", "max_score", "output", "visibility"}


def test_pages_escape_what_students_wrote(
    graded: subprocess.CompletedProcess[str], class_folder: Path
) -> None:
    class Reader(HTMLParser):
        tags: set[str] = set()

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            self.tags.add(tag)

    pages = list((class_folder / "out" / "html").rglob("*.html"))
    assert len(pages) == 9
    for page in pages:
        reader = Reader()
        text = page.read_text(encoding="utf-8")
        reader.feed(text)
        assert not reader.tags & {"b", "script"}
        assert '<html lang="en">' in text and "role" in text or page.name == "index.html"
    feedback = class_folder / "out" / "html" / "students" / f"{file_name('bob <b>')}.html"
    text = feedback.read_text()
    assert "only the rows are scored" in text
    assert "4.15" not in text and "fay" not in text  # no reference value, nobody else


def test_grading_again_runs_only_what_changed(
    graded: subprocess.CompletedProcess[str], notebooks: dict[str, Path], class_folder: Path
) -> None:
    submissions, folder = class_folder / "submissions", class_folder / "again"

    def run(**changes: Any) -> dict[str, Result]:
        request = Request(
            notebooks["exercises"], submissions, folder, LIMITS, progress=False, **changes
        )
        return {result.student: result for result in grade(request)[1]}

    only = {path for path in submissions.iterdir() if path.stem in ("cem", "dan")}
    small = class_folder / "two"
    small.mkdir()
    for path in only:
        (small / path.name).write_bytes(path.read_bytes())
    submissions = small
    first = run(seed=1)
    assert run() == first  # the seconds too: nothing was run
    changed = notebook_with(notebooks["exercises"], solution_1="loss_at_start = 6.0")
    (small / "cem.ipynb").write_text(json.dumps(changed))
    third = run()
    assert third["dan"] == first["dan"] and third["cem"].points == 0
    assert {result.seed for result in third.values()} == {1}  # whoever is late gets the same inputs
    (folder / "dan.json").write_text("{broken")
    assert run()["dan"].seed == 1
    again = run(fresh=("dan",))
    assert again["cem"] == third["cem"] and again["dan"].seed == 1
    assert {result.seed for result in run(seed=6).values()} == {6}
    assert {result.seed for result in run(fresh=True).values()} != {6}
    with pytest.raises(ValueError, match="cem, dan"):
        run(fresh=("nobody",))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.ipynb", "submissions"], "clipedu build"),
        (["{exercises}", "nowhere"], "alice.ipynb"),
        (["{exercises}", "empty"], "alice.ipynb"),
        (["submissions/dan.ipynb.txt", "submissions"], "clipedu build"),
    ],
)
def test_wrong_paths_are_told(
    notebooks: dict[str, Path],
    class_folder: Path,
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from argparse import ArgumentParser

    from clipedu_classroom.grade_cli import add_grade_parser

    monkeypatch.chdir(class_folder)
    (class_folder / "empty").mkdir(exist_ok=True)
    parser = ArgumentParser()
    add_grade_parser(parser.add_subparsers())
    filled = [word.format(exercises=notebooks["exercises"]) for word in arguments]
    parsed = parser.parse_args(["grade", *filled])
    assert parsed.run(parsed) == 2
    assert words in capsys.readouterr().err


# The parts


def test_assignment(notebooks: dict[str, Path]) -> None:
    assignment = read_assignment(notebooks["exercises"])
    assert [(q.id, q.points, q.by_hand) for q in assignment.questions] == [
        ("90.1", 1, False),
        ("90.2", 3, False),
        ("90.3", 2, False),
        ("90.4", 2, False),
        ("90.5", 4, True),
    ]
    assert assignment.max_points == 8 and assignment.points_by_hand == 4
    assert assignment.questions[1].title == "The symmetric loss"
    run = [part for part in assignment.parts if part.role in ("setup", "solution")]
    assert [part.exercise for part in run] == ["", "90.1", "90.2", "90.3", "90.4"]


def cells(*sources: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"cell_type": "code", "id": name, "source": source} for name, source in sources]


def test_answers_are_found_by_id_then_by_name(notebooks: dict[str, Path]) -> None:
    assignment = read_assignment(notebooks["exercises"])

    def loss(*sources: tuple[str, str]) -> str | None:
        return take_answers(assignment, cells(*sources)).code.get("90.2")

    good, other = "def contrastive_loss(x): return 1", "def contrastive_loss(x): return 2"
    assert loss(("90-2-solution", good)) == good
    assert loss(("x", good)) == good
    assert loss(("x", good), ("90-2-solution", "y = 1")) == good
    assert loss(("90-2-solution", good), ("x", other)) == good
    assert loss(("x", good), ("y", other)) == other
    assert loss(("90-2-solution", good), ("90-2-solution", other)) == other
    assert loss(("90-3-solution", good), ("90-2-solution", "class Scale: pass")) == good
    assert loss(("90-2-solution", "def contrastive_loss(x) return")) is not None
    assert loss(("90-1-check", good)) == good  # cells that were joined
    assert loss(("x", "y = 1")) is None
    stub = assignment.questions[1].stub
    assert loss(("90-2-solution", good), ("90-2-solution", stub)) == good
    assert loss(("90-2-solution", stub), ("x", good)) == good
    both = take_answers(assignment, cells(("90-2-solution", good), ("x", "import os")))
    assert both.dropped == 1


def test_open_answers_are_kept(notebooks: dict[str, Path]) -> None:
    assignment = read_assignment(notebooks["exercises"])
    entry = {"cell_type": "markdown", "id": "90-5-answer", "source": ["It ", "rises."]}
    assert take_answers(assignment, [entry]).text == {"90.5": "It rises."}
    entry["source"] = assignment.questions[-1].stub
    assert take_answers(assignment, [entry]).text == {}


@pytest.mark.parametrize(
    "content",
    [b"", b" \n", b"{", b"[]", b"3", b"null", b'{"cells": 1}', "{}".encode("utf-16"), b"\xff\x00"],
)
def test_unreadable_files_say_so(content: bytes) -> None:
    with pytest.raises(Unreadable, match=r"\w+ \w+"):
        read_cells(content)


def test_one_submission_per_student(tmp_path: Path) -> None:
    for name in ("a.ipynb", "b/x.ipynb", "c/90/90_small.ipynb", "c/old.ipynb", "d/1.ipynb"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    (tmp_path / "d/2.ipynb").write_text("{}")
    (tmp_path / "b/.ipynb_checkpoints").mkdir()
    (tmp_path / "b/.ipynb_checkpoints/x-checkpoint.ipynb").write_text("{}")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "y.ipynb").write_text("{}")
    found = {s.student: s for s in find_submissions(tmp_path)}
    assert list(found) == ["a", "b", "c", "d"]
    assert not any(submission.problem for submission in found.values())
    names = {student: [file.name for file in s.files] for student, s in found.items()}
    assert names == {
        "a": ["a.ipynb", "y.ipynb"],
        "b": ["x.ipynb"],
        "c": ["old.ipynb", "90/90_small.ipynb"],
        "d": ["1.ipynb", "2.ipynb"],
    }


def test_magics_do_not_cost_points() -> None:
    assert compile(clean("%time x = 1\n!ls\ny = 2"), "x", "exec")
    assert clean("x = 5 % 3") == "x = 5 % 3"


def test_statuses() -> None:
    def status(*statuses: str, found: tuple[str, ...] = ()) -> str:
        return status_of([Report("90.1", status) for status in statuses], list(found))

    assert status("passed", "failed") == "graded"
    assert status("passed", "not attempted") == "partial"
    assert status("not attempted", "not attempted") == "blank"
    assert status("passed", "timeout", found=("x",)) == "timeout"
    assert status("crashed", "not attempted") == "crashed"
    assert status("passed", found=("x",)) == "suspicious"
    assert status() == "blank"


def test_suspicion_is_quiet_about_ordinary_code() -> None:
    ordinary = (
        "import math\nimport torch\nfrom torch import nn\nimport torch.nn.functional as F\n"
        "from clipedu_classroom import check, hint\n"
        "class A(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.w = nn.Parameter(torch.ones(2))\n"
        "x = torch.ones(2)\nx.grad = None\nx.data[0] = 1\nopen('notes.txt')\n"
    )
    assert suspicions(ordinary) == []
    for code in (
        "import os\nos._exit(0)",
        "torch.allclose = 1",
        "setattr(torch, 'allclose', 1)",
        "from clipedu.objectives import info_nce",
        "import clipedu\nclipedu.objectives.info_nce",
        "import subprocess",
        "def check(): pass",
        "__import__('os')",
        "open('../solutions/03.ipynb')",
        "from os import fork",
    ):
        assert suspicions(code), code


def test_cells_of_a_spreadsheet_are_no_formulas() -> None:
    assert plain_cell("=cmd()") == "'=cmd()"
    assert plain_cell("-3.5") == "-3.5"
    assert plain_cell("a\nb") == "a b"


def test_file_names_are_safe_and_different() -> None:
    names = ["a", "a b", "a/b", "../a", "", ".", "é", "=1", "a" * 300, "a" * 301, "con\n"]
    made = [file_name(name) for name in names]
    assert len(set(made)) == len(names)
    assert all("/" not in name and len(name) < 120 and not name.startswith(".") for name in made)


# The protocol


def test_values_travel() -> None:
    tree = {
        "t": torch.arange(6.0).reshape(2, 3),
        "half": torch.ones(2, dtype=torch.bfloat16),
        "p": nn.Parameter(torch.zeros(3)),
        1: [None, True, 2**70, float("inf"), "é", b"\x00", (1, [2]), {"s"}],
        ("a", "b"): {},
        "empty": torch.zeros(0, 4),
    }
    back = protocol.decode(protocol.encode(tree))
    assert list(back) == list(tree)
    assert torch.equal(back["t"], tree["t"]) and back["half"].dtype == torch.bfloat16
    assert isinstance(back["p"], nn.Parameter)
    assert back[1] == tree[1] and back["empty"].shape == (0, 4)
    assert protocol.decode(protocol.encode(object())) == protocol.Opaque("object")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x00\x00\x00\x05hello",
        protocol.encode([1])[:-3],
        protocol.encode(torch.ones(3))[:-5],
        protocol.encode(torch.ones(3)).replace(b'"0"', b'"5"', 1),
        protocol.encode({"a": 1}).replace(b"tuple", b"bytes"),
        protocol.encode({"a": 1}).replace(b'["a", 1]', b'{"a": 1}'),
        protocol.encode([[]] * protocol.MAX_NODES),
        protocol.encode(1)[:5] + b"\xff" * 8,
    ],
)
def test_malformed_messages_are_refused(message: bytes) -> None:
    with pytest.raises(protocol.ProtocolError):
        protocol.decode(message)


def test_pickles_are_refused() -> None:
    import io

    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, np.array([print], dtype=object), allow_pickle=True)
    head = json.dumps(["array", "0"]).encode()
    with pytest.raises(protocol.ProtocolError):
        protocol.decode(len(head).to_bytes(4, "big") + head + buffer.getvalue())
    assert isinstance(protocol.decode(protocol.encode(np.array([print]))), protocol.Opaque)


# The sandbox


def test_protections() -> None:
    assert sandbox.choose() in sandbox.KINDS
    with pytest.raises(ValueError, match="unknown"):
        sandbox.choose("prayer")


@pytest.mark.parametrize("kind", sandbox.KINDS)
def test_worker_answers_under_every_protection(kind: str, tmp_path: Path) -> None:
    if not sandbox.works(kind):
        pytest.skip(f"{kind} does not work here")
    client = Client(kind, LIMITS, time.monotonic() + 60)
    try:
        source = "def f(g, x): return g(x) + x"
        assert client.ask("load", id="c", source=source, kind="answer") == {}
        subject = RemoteSubject(client, "f")
        from clipedu_classroom.calling import Trial

        x = torch.ones(2, dtype=torch.float64)
        outcome = subject.run(Trial({"g": lambda x: 2 * x, "x": x}, grad=("x",)))
        assert torch.equal(outcome.value, 3 * x)
        assert outcome.grads is not None and outcome.grads["x"] is not None
        missing = RemoteSubject(client, "h")
        assert missing.describe().kind == "missing"
        network = "import socket\nsocket.create_connection(('127.0.0.1', 9), 1)"
        refused = {
            "n": network,
            "r": f"open({str(Path(__file__))!r}).read()",
            "w": f"open({str(tmp_path / 'was_here')!r}, 'w')",
            "i": "from clipedu.objectives import info_nce",
        }
        for name, source in refused.items():
            assert "error" in client.ask("load", id=name, source=source, kind="answer"), name
        assert client.notes and not (tmp_path / "was_here").exists()
        allowed = "from clipedu_classroom import check, hint\nimport math, statistics, csv\n"
        allowed += "check('03.1', 1)\nopen('mine.txt', 'w').write('x')\nprint('x' * 10**6)"
        assert client.ask("load", id="a", source=allowed, kind="answer") == {}
    finally:
        client.stop()
    assert client.process.returncode is not None
    assert not client.folder.exists()


def test_a_checkout_below_tmp_is_not_covered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """bubblewrap mounts in the order of its words, so the empty /tmp comes first."""
    below = Path("/tmp") / "course"
    monkeypatch.setattr(sandbox, "python_folders", lambda: [below / ".venv"])
    words = sandbox.bubblewrap(tmp_path)
    assert words.index("/tmp") < words.index(str(below)) < words.index(str(below / ".venv"))
    assert words.count("/tmp") == 1


def test_library_of_a_worker_is_a_copy_of_what_is_named(tmp_path: Path) -> None:
    sandbox.copy_library(("clipedu.device",), tmp_path)
    found = {path.relative_to(tmp_path).as_posix(): path for path in tmp_path.rglob("*.py")}
    assert found["clipedu/device.py"].stat().st_size > 0 and "clipedu/files.py" not in found
    for stands_in in ("clipedu_classroom", "clipedu/classroom"):
        assert "give_up" in found[f"{stands_in}/__init__.py"].read_text()
    with pytest.raises(ValueError, match="no such module"):
        sandbox.copy_library(("clipedu.nothing",), tmp_path / "b")


@pytest.mark.skipif(not os.path.exists("/proc/self/schedstat"), reason="needs Linux's /proc")
def test_time_in_which_others_had_the_processor_is_known() -> None:
    busy = [sys.executable, "-c", "import os\nos.fork()\nwhile True: pass"]
    sleeps = [sys.executable, "-c", "import time; time.sleep(60)"]
    *crowd, idle = [
        subprocess.Popen(command, start_new_session=True)
        for command in [busy] * (os.cpu_count() or 1) + [sleeps]
    ]
    try:
        deadline = time.monotonic() + 60
        while usage(crowd[0].pid)[0] < 1 and time.monotonic() < deadline:
            time.sleep(0.1)
        waited, megabytes = usage(crowd[0].pid)
        assert waited >= 1 and 5 < megabytes < 500
        assert usage(idle.pid)[0] < waited
    finally:
        for process in [*crowd, idle]:
            for child in (
                Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            ):
                os.kill(int(child), signal.SIGKILL)
            process.kill()
            process.wait()


def test_an_interruption_keeps_what_is_graded_and_leaves_no_worker(
    notebooks: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "class"
    folder.mkdir()
    quick = notebook_with(notebooks["exercises"], solution_1="loss_at_start = 4.16")
    code = "import time\ntime.sleep(600)\nloss_at_start = 4.16"
    endless = notebook_with(notebooks["exercises"], solution_1=code)
    for name, notebook in (("ann", quick), ("bob", endless), ("cem", endless)):
        (folder / f"{name}.ipynb").write_text(json.dumps(notebook))
    command = [sys.executable, "-m", "clipedu_classroom.grade_cli", str(notebooks["exercises"])]
    command += [str(folder), "--csv", str(tmp_path / "g.csv"), "--jobs", "1"]
    command += ["--call-seconds", "500", "--protection", "limits"]
    own = tmp_path / "own"  # where the workers' folders are made
    own.mkdir()
    process = subprocess.Popen(
        command, env=environment() | {"TMPDIR": str(own)}, stderr=subprocess.PIPE
    )
    results = tmp_path / "g-results"
    deadline = time.monotonic() + 200
    while not (results / "ann.json").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.2)
    time.sleep(3)  # bob is being read, or his worker starts, or it sleeps
    process.send_signal(signal.SIGTERM)  # as Ctrl-C, which a job in the background ignores
    process.communicate(timeout=120)
    assert process.returncode != 0
    assert [path.name for path in results.glob("*.json")] == ["ann.json"]
    listing = subprocess.run(["ps", "-eo", "args="], capture_output=True, text=True).stdout
    assert str(own) not in listing and not list(own.glob("clipedu-grade-*"))


def test_being_ended_from_outside_ends_like_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Else the processes that run submissions would be left behind."""

    def ended(request: Request) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(grade_cli, "grade", ended)
    parser = argparse.ArgumentParser()
    grade_cli.add_grade_parser(parser.add_subparsers())
    arguments = parser.parse_args(["grade", "a.ipynb", str(tmp_path)])
    with pytest.raises(KeyboardInterrupt):
        arguments.run(arguments)
    assert signal.getsignal(signal.SIGTERM) is before
