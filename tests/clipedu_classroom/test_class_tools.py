"""What an instructor does around the grading: late work, tables for a learning platform, a class
graded again, statistics, answers that are alike, bundles."""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from clipedu_classroom import bundle, class_statistics, gradebook, writers
from clipedu_classroom.assignment import Assignment, read_assignment
from clipedu_classroom.exercise_reader import parse_text
from clipedu_classroom.grade_cli import add_grade_parser
from clipedu_classroom.gradebook import Result, Written, file_name
from clipedu_classroom.lateness import Policy, apply_policy, local_time, parse_time
from clipedu_classroom.report import Report
from clipedu_classroom.roster import Roster
from clipedu_classroom.source import course_root
from clipedu_classroom.stubs import solution_lines
from clipedu_classroom.submissions import find_submissions

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="workers need POSIX"),
    pytest.mark.timeout(300),
]


@pytest.fixture
def assignment(notebooks: dict[str, Path]) -> Assignment:
    return read_assignment(notebooks["exercises"])


def result(student: str, passed: str = "", **more: Any) -> Result:
    """One who passed the exercises named by their last digit, and failed the rest."""
    points = {"1": 1.0, "2": 3.0, "3": 2.0, "4": 2.0}
    reports = [
        Report(f"90.{n}", "passed" if n in passed else "failed", "", value * (n in passed), value)
        for n, value in points.items()
    ]
    return Result(student, "a.ipynb", "graded", 8, reports, **more)


def table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# Late work


@pytest.mark.parametrize(
    ("written", "local"),
    [
        ("2026-12-01 23:59:00.123456789 Z", "2026-12-01T23:59:00+00:00"),
        ("2015-02-02 15:58:23.948203 America/Los_Angeles", "2015-02-02T15:58:23-08:00"),
        ("2026-12-01 12:00:00 -0800", "2026-12-01T12:00:00-08:00"),
        ("2026-12-01T12:00:00", "2026-12-01T12:00:00"),
        ("yesterday", ""),
        ("2026-13-01 12:00:00", ""),
        ("2026-12-01 12:00:00 Nowhere/Never", ""),
    ],
)
def test_times_are_read_in_any_zone(written: str, local: str) -> None:
    wanted = datetime.fromisoformat(local).astimezone().replace(tzinfo=None) if local else None
    assert parse_time(written) == (wanted.isoformat() if wanted else "")


def test_a_deadline_is_local_time_or_says_its_zone() -> None:
    assert local_time("2026-12-01T23:59") == datetime(2026, 12, 1, 23, 59)
    aware = datetime.fromisoformat("2026-12-01T23:59+05:00").astimezone()
    assert local_time("2026-12-01T23:59+05:00") == aware.replace(tzinfo=None)
    with pytest.raises(ValueError):
        local_time("tomorrow")


def test_late_days_cost_after_the_free_ones() -> None:
    policy = Policy(datetime(2026, 12, 1, 23, 59), late_days=1, penalty=30)
    times = {"on time": "01T23:59:00", "a minute": "02T00:00:00", "two days": "03T20:00:00"}
    times |= {"a week": "08T20:00:00", "marked": "", "unknown": ""}
    results = [
        result(name, "1234", handed_in=f"2026-12-{time}" if time else "", late=name == "marked")
        for name, time in times.items()
    ]
    results[2].by_hand["90.5"] = Written(4, "x", given=2.0)
    apply_policy(policy, results)
    found = {r.student: (r.late_days, r.penalty, r.total) for r in results}
    assert found == {
        "on time": (0, 0, 8),
        "a minute": (1, 0, 8),
        "two days": (2, 30, 7),
        "a week": (7, 100, 0),
        "marked": (1, 0, 8),
        "unknown": (0, 0, 8),
    }
    apply_policy(Policy(), results)
    assert {r.penalty for r in results} == {0.0}


def test_each_platform_tells_the_time_in_its_own_way(tmp_path: Path) -> None:
    files = {
        "submission_31/hw.ipynb": "{}",
        "submission_32/hw.ipynb": "{}",
        "submission_metadata.yml": "submission_31:\n  :submitters:\n  - :name: Ann\n"
        "    :sid: '1'\n  - :name: 'Zoë Li'\n  :created_at: 2026-12-01 10:00:00.5 Z\n  :score: 1\n"
        "  :results:\n    :tests:\n    - :name: Exercise 90.1\nsubmission_32:\n"
        "  :submitters: []\n  :created_at: 2026-12-02 10:00:00 Z\n",
        "eva/90_small/hw.ipynb": "{}",
        "eva/90_small/timestamp.txt": "2026-12-03 10:00:00 UTC",
        "leecarl_LATE_12_3456_hw.ipynb": "{}",
        "doedana_77_3457_hw.ipynb": "{}",
        "Bo_789_assignsubmission_file_/hw.ipynb": "{}",
        "fay.ipynb": "{}",
    }
    for name, content in files.items():
        path = tmp_path / "class" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        os.utime(path, (1.8e9, 1.8e9))
    written = datetime.fromtimestamp(1.8e9).isoformat(timespec="seconds")
    shutil.make_archive(str(tmp_path / "class"), "zip", tmp_path / "class")
    expected = {
        "Ann and Zoë Li": (parse_time("2026-12-01 10:00:00 Z"), "Gradescope"),
        "submission_32": (parse_time("2026-12-02 10:00:00 Z"), "Gradescope"),
        "eva": (parse_time("2026-12-03 10:00:00 Z"), "timestamp.txt"),
        "leecarl": ("", "Canvas's file name"),
        "doedana": ("", "Canvas's file name"),
        "Bo": (written, "the file's time"),
        "fay": (written, "the file's time"),
    }
    for place in (tmp_path / "class", tmp_path / "class.zip"):
        found = find_submissions(place)
        assert {s.student: (s.handed_in, s.handed_in_by) for s in found} == expected
        assert [s.student for s in found if s.late] == ["leecarl"]
        assert all(file.name != "timestamp.txt" for s in found for file in s.files)


# Tables for a learning platform

CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,90_small (4711),Final Score\n"
    "    Points Possible,,,,,12,(read only)\n"
    '"Lee, Emil",456,s1,emil,A,,9\n"Doe, Dana",77,s2,dana,A,,9\n"Poe, Pia",78,s3,pia,B,,9\n'
)
MOODLE = (
    "Identifier,Full name,Email address,Status,Grade,Maximum grade,Feedback comments\n"
    "Participant 123,Ann Lee,ann@example.org,Submitted,,12,\n"
    "Participant 124,Bo Poe,bo@example.org,Submitted,,12,\n"
)


def test_canvas_gets_its_own_ids_back(assignment: Assignment, tmp_path: Path) -> None:
    (tmp_path / "export.csv").write_text(CANVAS, encoding="utf-8-sig")
    class_ = [result("leeemil", "12", lms_id="456"), result("Dana Doe", "1")]
    class_.append(result("Zoe", "1", lms_id="78", handed_in_by="Gradescope"))  # not Pia's id
    out = tmp_path / "upload.csv"
    assert writers.write_upload(out, Roster(tmp_path / "export.csv"), assignment, class_) == ["Zoe"]
    rows = table(out)
    assert list(rows[0]) == [
        *("Student", "ID", "SIS User ID", "SIS Login ID", "Section", "90_small (4711)")
    ]
    grades = [(row["Student"], row["ID"], row["90_small (4711)"]) for row in rows]
    assert grades == [
        ("Points Possible", "", "12"),
        ("Lee, Emil", "456", "4"),
        ("Doe, Dana", "77", "1"),
        ("Poe, Pia", "78", ""),
    ]


def test_moodle_gets_its_own_ids_and_comments_back(assignment: Assignment, tmp_path: Path) -> None:
    (tmp_path / "export.csv").write_text(MOODLE)
    ann = result("Ann Lee (123)", "1234", lms_id="123")
    ann.by_hand["90.5"] = Written(4, "x", given=1.5, comment="Why?")
    class_ = [ann, result("bo", message="90.1: =wrong", problem="for the grader only")]
    out = tmp_path / "upload.csv"
    assert writers.write_upload(out, Roster(tmp_path / "export.csv"), assignment, class_) == []
    found = [(r["Identifier"], r["Grade"], r["Feedback comments"]) for r in table(out)]
    assert found == [
        ("Participant 123", "9.5", "Why?"),
        ("Participant 124", "0", "90.1: =wrong"),
    ]


def test_a_roster_of_neither_is_refused(assignment: Assignment, tmp_path: Path) -> None:
    (tmp_path / "export.csv").write_text("name,grade\nann,3\n")
    with pytest.raises(ValueError, match="neither a Canvas"):
        Roster(tmp_path / "export.csv")


# Statistics


def test_an_exercise_that_sorts_students_discriminates(assignment: Assignment) -> None:
    blank = Result("hal", "h", "blank", 8, [Report(f"90.{n}", "not attempted") for n in "1234"])
    class_ = [
        result("ann", "1234"),
        result("bob", "134"),
        result("cem", "1"),
        result("dan", ""),
        blank,
    ]
    class_[1].reports[1] = Report("90.2", "failed", max_points=3, diagnosis="only the rows")
    summary = class_statistics.summarize(assignment, class_)
    one, two, three, _, written = summary["exercises"]
    assert (one["attempts"], one["mean"]) == (4, 0.75)
    assert two["mean"] == 0.75  # of 3 points
    assert {"diagnosis": "only the rows", "students": 1} in two["diagnoses"]
    assert 1 > three["discrimination"] > one["discrimination"] > 0
    assert written == {
        **{"exercise": "90.5", "title": "What does a bigger batch buy?"},
        **{"by_hand": True, "answered": 0},
    }
    assert class_statistics.correlation([1, 1, 1], [3, 2, 1]) is None
    assert class_statistics.correlation([], []) is None
    assert class_statistics.correlation([0, 0, 1, 1], [1, 2, 3, 4]) == pytest.approx(
        0.894, abs=1e-3
    )


LONG = """
def contrastive_loss(logits):
    n = logits.shape[0]
    total = 0.0
    for i in range(n):
        row = logits[i] - logits[i].logsumexp(dim=0)
        total = total - row[i] / (2 * n)
    for j in range(n):
        column = logits[:, j] - logits[:, j].logsumexp(dim=0)
        total = total - column[j] / (2 * n)
    return total
"""
RENAMED = LONG.replace("total", "acc").replace("row", "r").replace("range(n):", "range(n):  # mine")
OTHER = """
def contrastive_loss(logits):
    scores = torch.stack([logits, logits.T])
    normalized = scores - torch.logsumexp(scores, dim=2, keepdim=True)
    diagonals = torch.diagonal(normalized, dim1=1, dim2=2)
    return -(diagonals.sum() / diagonals.numel())
"""


def test_answers_that_are_alike_are_shown_and_obvious_ones_are_not(
    assignment: Assignment, notebooks: dict[str, Path]
) -> None:
    solved = json.loads(notebooks["solutions"].read_text())
    usual = next(c["source"] for c in solved["cells"] if c["id"] == "90-2-solution")
    codes = {"ann": LONG, "bob": RENAMED, "cem": OTHER, "dan": usual, "eva": usual, "fay": "x ="}
    codes |= {f"s{n}": usual for n in range(4)}
    class_ = [result(name, code={"90.2": "".join(code)}) for name, code in codes.items()]
    (pair,) = class_statistics.similar_answers(assignment, class_)
    assert pair["students"] == ["ann", "bob"] and pair["exercise"] == "90.2"
    assert pair["share"] == 1


# A class graded again


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    add_grade_parser(parser.add_subparsers())
    arguments = parser.parse_args(["grade", *words])
    return int(arguments.run(arguments))


def test_a_class_is_graded_again_as_it_was(
    notebooks: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("class").mkdir()
    stub = json.loads(notebooks["exercises"].read_text())
    for name, value in (("ann", 4.16), ("bob", 6.0), ("cem", 4.16)):
        for cell in stub["cells"]:
            if cell["id"] == "90-1-solution":
                cell["source"] = f"loss_at_start = {value}"
        Path(f"class/{name}.ipynb").write_text(json.dumps(stub))
        os.utime(f"class/{name}.ipynb", (1.8e9, 1.8e9))
    deadline = datetime.fromtimestamp(1.8e9 - 3600).isoformat()
    words = [str(notebooks["exercises"]), "class", "--csv", "out/g.csv", "--html", "out/html"]
    words += ["--gradescope", "out/scope", "--deadline", deadline, "--penalty", "50"]
    assert run(*words) == 0
    results = Path("out/g-results")
    before = {path.name: path.read_text() for path in results.glob("*.json")}
    seed = json.loads(before["ann.json"])["seed"]
    assert [row["total"] for row in table(Path("out/g.csv"))] == ["0.5", "0", "0.5"]
    assert table(results / "summary" / "items.csv")[0]["attempts"] == "3"

    Path("class/cem.ipynb").unlink()
    shutil.move("class/bob.ipynb", "elsewhere.ipynb")
    stub["cells"][0]["source"] = "# changed"
    Path("class/bob.ipynb").write_text(json.dumps(stub))  # now right
    os.utime("class/bob.ipynb", (1.8e9, 1.8e9))
    capsys.readouterr()
    assert run("--regrade", str(results), "--student", "bob") == 0
    assert "nothing is handed in any more: cem" in capsys.readouterr().out
    after = {path.name: path.read_text() for path in results.glob("*.json")}
    assert after["ann.json"] == before["ann.json"]  # the seconds too: it was not run
    assert set(after) == {"ann.json", "bob.json"} and json.loads(after["bob.json"])["seed"] == seed
    assert [row["total"] for row in table(Path("out/g.csv"))] == ["0.5", "0.5"]
    pages = {path.name for path in Path("out/html/students").iterdir()}
    assert pages == {"ann.html", "bob.html"}
    assert {path.name for path in Path("out/scope").iterdir()} == {"ann.json", "bob.json"}

    assert run("--regrade", str(tmp_path)) == 2
    assert "holds no graded class" in capsys.readouterr().err
    assert run("--regrade", str(results), "--student", "zoe") == 2
    assert "zoe" in capsys.readouterr().err
    assert run(*words, "--student", "bob") == 2
    assert run() == 2


def test_a_result_of_other_checks_is_not_used(
    notebooks: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clipedu_classroom import grading
    from clipedu_classroom.grading import Request, content_key

    (tmp_path / "ann.ipynb").write_text("{}")
    (submission,) = find_submissions(tmp_path)
    assignment = read_assignment(notebooks["exercises"])

    def key(seed: int = 1) -> str:
        grading.fingerprint.cache_clear()
        return content_key(submission, assignment, Request(tmp_path, tmp_path, tmp_path, seed=seed))

    first = key()
    assert key() == first != key(2)
    monkeypatch.setattr(grading.specs, "spec_fingerprint", lambda exercise_id: "edited")
    edited = key()
    assert edited != first
    monkeypatch.setattr(grading, "versions", lambda: {"torch": "1.0"})
    assert key() not in (first, edited)


def test_the_result_of_a_student_who_is_gone_goes(tmp_path: Path) -> None:
    for name in ("ann", "b b"):
        gradebook.write_json(gradebook.result_path(tmp_path, name), result(name).to_dict())
    page = tmp_path / "pages" / f"{file_name('b b')}.html"
    page.parent.mkdir()
    page.write_text("x")
    (tmp_path / "notes.json").write_text("{}")
    assert gradebook.remove_others(tmp_path, [result("ann")], page.parent, None) == ["b b"]
    assert {path.name for path in tmp_path.glob("*.json")} == {"ann.json", "notes.json"}
    assert not page.exists()


# Bundles


def unpacked(folder: Path, *words: str) -> Path:
    parser = argparse.ArgumentParser()
    bundle.add_bundle_parser(parser.add_subparsers())
    out = folder / "made.zip"
    arguments = parser.parse_args(["bundle", *words, "--out", str(out)])
    assert arguments.run(arguments) == 0
    shutil.unpack_archive(out, folder / "made")
    with zipfile.ZipFile(out) as archive:
        for info in archive.infolist():  # shutil forgets what may be run
            os.chmod(folder / "made" / info.filename, info.external_attr >> 16)
    return folder / "made"


def test_students_get_what_runs_without_the_model_answers(tmp_path: Path) -> None:
    folder = unpacked(tmp_path, "03")
    root = course_root()
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    assert {"course.py", "pyproject.toml", "README.md", "clipedu", "clipedu_lessons"} <= names
    assert "exercises/03_the_contrastive_loss.ipynb" in names and "solutions" not in names
    assert {name for name in names if "04_" in name} == {
        "clipedu_lessons/l04_train_a_clip",
        "clipedu_lessons/l04_train_a_clip/__init__.py",  # these three for the parts of my_clip.py
        "clipedu_lessons/l04_train_a_clip/exercises.py",
        "clipedu_lessons/l04_train_a_clip/plain_training.py",
    }
    assert not any("tests" in name for name in names)
    inside = "clipedu_lessons/l03_the_contrastive_loss/exercises.py"
    given, full = parse_text(folder / inside), parse_text(root / inside)
    for mine, theirs in zip(given.exercises, full.exercises, strict=True):
        assert (mine.stub, mine.check, mine.hints) == (theirs.stub, theirs.check, theirs.hints)
        assert [w.source for w in mine.wrong] == [w.source for w in theirs.wrong]
        assert mine.names == theirs.names
        solution = "\n".join(solution_lines(theirs.solution))
        for part in filter(None, (solution, theirs.answer, theirs.rubric)):
            assert part not in (folder / inside).read_text()
    script = "from clipedu_classroom import check\nprint(check('03.7', lambda z: z / 2).status)"
    environment = {"PATH": os.environ["PATH"], "CLIPEDU_STATE": "off"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == "failed", done.stderr


def test_a_bundle_of_lesson_04_has_a_whole_my_clip(tmp_path: Path) -> None:
    """What the student has not written is imported, that of lessons outside the bundle, too."""
    folder = unpacked(tmp_path, "04")
    script = (
        "from clipedu_lessons.common.mine import load_my_clip\n"
        "file = load_my_clip()\n"
        "print(callable(file.CLIP(file.CLIPConfig())), file.Tokenizer.__module__.split('.')[0])"
    )
    environment = {"PATH": os.environ["PATH"], "CLIPEDU_STATE": "off"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.stdout.split()[-2:] == ["True", "clipedu"], done.stdout + done.stderr


def test_gradescope_gets_the_answers_to_earlier_parts_of_my_clip(tmp_path: Path) -> None:
    made = unpacked(tmp_path, "04", "--gradescope") / "course" / "clipedu_lessons"
    for name in ("l01_words_to_vectors", "l03_the_contrastive_loss", "l04_train_a_clip"):
        full = course_root() / "clipedu_lessons" / name / "exercises.py"
        assert (made / name / "exercises.py").read_bytes() == full.read_bytes()


def test_an_unknown_lesson_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    bundle.add_bundle_parser(parser.add_subparsers())
    for lesson in ("77", "../03"):
        arguments = parser.parse_args(["bundle", lesson, "--out", str(tmp_path / "x.zip")])
        assert arguments.run(arguments) == 2
        assert "number of a lesson" in capsys.readouterr().err
    assert not (tmp_path / "x.zip").exists()


def test_gradescopes_autograder_writes_its_results(tmp_path: Path) -> None:
    root = tmp_path / "autograder"
    root.mkdir()
    unpacked(tmp_path, "03", "--gradescope").rename(root / "source")
    pristine = root / "source" / "course" / "exercises" / "03_the_contrastive_loss.ipynb"
    notebook = json.loads(pristine.read_text(encoding="utf-8"))
    answer = "def floor_of(captions):\n    times = map(captions.count, captions)\n"
    answer += "    return sum(map(math.log, times)) / len(captions)"
    for cell in notebook["cells"]:
        if cell["id"] == "03-5-solution":
            cell["source"] = answer
    (root / "submission").mkdir()
    (root / "submission" / "hw.ipynb").write_text(json.dumps(notebook))
    environment = {**os.environ, "AUTOGRADER_ROOT": str(root), "AUTOGRADER_PYTHON": sys.executable}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [root / "source" / "run_autograder"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    scores = json.loads((root / "results" / "results.json").read_text())
    passed = [test["number"] for test in scores["tests"] if test["status"] == "passed"]
    assert passed == ["03.5"] and scores["score"] == sum(t["score"] for t in scores["tests"]) > 0
    assert subprocess.run(["bash", "-n", root / "source" / "setup.sh"]).returncode == 0
