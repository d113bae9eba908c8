"""Predict exercises in which each student has numbers of their own: drawn, handed out, checked in
the notebook, and graded."""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from clipedu_classroom import bundle, specs
from clipedu_classroom.checks import check
from clipedu_classroom.exercise_reader import course_record, course_records, read_text
from clipedu_classroom.grade_cli import add_grade_parser
from clipedu_classroom.judge import add_judge_parser
from clipedu_classroom.roster import Roster
from clipedu_classroom.source import course_root
from clipedu_classroom.spec import ValueExercise
from clipedu_classroom.specs import spec_problems

PERSONAL = [record for record in course_records().values() if record.personal]
CLASS = 'Student,ID,SIS Login ID\n"Lee, Emil",456,emil\n"Doe, Dana",77,dana\n"Poe, Pia",78,pia\n'
ASSIGNMENT = course_root() / "exercises" / "00_pictures_and_words.ipynb"


def run(add_parser: Any, *words: Any) -> int:
    outer = argparse.ArgumentParser()
    add_parser(outer.add_subparsers())
    arguments = outer.parse_args([str(word) for word in words])
    return int(arguments.run(arguments))


def values(exercise_id: str, student: str = "") -> Any:
    exercise = specs.find(exercise_id, student)
    assert isinstance(exercise, ValueExercise)
    return exercise.value()


def test_several_exercises_are_personal_and_say_all_their_numbers() -> None:
    assert len(PERSONAL) >= 3
    for record in PERSONAL:
        assert isinstance(specs.find(record.id), ValueExercise)
        for name in record.personal:
            assert f"{{={name}}}" in record.statement
        for student in ("", "456"):
            assert "{=" not in record.stated(student)


@pytest.mark.parametrize("record", PERSONAL, ids=lambda record: record.id)
def test_checks_are_sound_for_everybodys_numbers(record: Any) -> None:
    drawn = set()
    for student in ["", *map(str, range(30))]:
        drawn.add(values(record.id, student))
        assert spec_problems(specs.find(record.id, student), range(1)) == [], student
    assert len(drawn) > 20, "neighbours seldom share an answer"
    assert values(record.id, "7") == values(record.id, "7")
    own = record.numbers()
    for student in map(str, range(30)):
        assert all(record.numbers(student)[name] != own[name] for name in own)


def test_a_bad_list_of_numbers_is_named(tmp_path: Path) -> None:
    path = tmp_path / "l90_small" / "exercises.py"
    path.parent.mkdir()
    for listed in ('{"n": 3}', '{"n": [3]}', "[3, 4]", '{"n": [3, 3]}'):
        path.write_text(
            f'# %% tags=["exercise"]\nE = dict(id="90.1", kind="predict", personal={listed})\n'
        )
        assert "personal" in [problem.rule for problem in read_text(path)[1]]


def solved(folder: Path, notebook: str, exercise_id: str, answer: Any) -> None:
    """Hand in a notebook in which the exercise's solution cell is filled in."""
    content = json.loads(notebook)
    names = course_record(exercise_id).names
    for cell in content["cells"]:
        if cell["id"] == f"{exercise_id.replace('.', '-')}-solution":
            cell["source"] = "\n".join(
                f"{name} = {value!r}" for name, value in zip(names, answer, strict=True)
            )
    folder.mkdir(parents=True)
    (folder / "hw.ipynb").write_text(json.dumps(content))


def test_a_class_with_numbers_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if os.name != "posix":
        pytest.skip("workers need POSIX")
    monkeypatch.chdir(tmp_path)
    Path("class.csv").write_text(CLASS)
    assert run(bundle.add_bundle_parser, "bundle", "00", "--personal", "class.csv") == 0
    with zipfile.ZipFile("course.zip") as archive:
        handed_out = {
            name.split("/")[0]: archive.read(name).decode() for name in archive.namelist()
        }
    assert len(handed_out) == 3 and len(set(handed_out.values())) == 3
    (dana,) = (text for name, text in handed_out.items() if "Dana" in name)
    (emil,) = (text for name, text in handed_out.items() if "Emil" in name)
    (calls,) = re.findall(r"check\('00.1'.*", dana)
    assert "student='77'" in calls
    assert f"{course_record('00.1').numbers('77')['features']} features" in dana

    solved(Path("in/Dana Doe_77_assignsubmission_file_"), dana, "00.1", values("00.1", "77"))
    solved(Path("in/Emil Lee"), dana, "00.1", values("00.1", "77"))  # a neighbour's notebook
    solved(Path("in/pia"), ASSIGNMENT.read_text("utf-8"), "00.1", values("00.1"))
    solved(Path("in/Zoe"), ASSIGNMENT.read_text("utf-8"), "00.1", values("00.1"))
    words = ("grade", ASSIGNMENT, "in", "--personal", "class.csv", "--seed", 1, "--jobs", 2)
    assert run(add_grade_parser, *words, "--html", "pages") == 0
    with open("grades.csv", newline="", encoding="utf-8") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert {name: row["00.1"] for name, row in rows.items()} == {
        **{"Dana Doe": "2", "Emil Lee": "0", "pia": "2", "Zoe": "2"}
    }
    assert rows["Dana Doe"]["remarks"] == rows["Dana Doe"]["suspicions"] == ""
    assert "00.1: the values are right for other numbers" in rows["Emil Lee"]["message"]
    assert rows["Emil Lee"]["suspicions"] == "00.1 is right for the numbers of Doe, Dana"
    (page,) = Path("pages/students").glob("Emil*.html")
    assert "right for other numbers than yours" in page.read_text()
    assert "Dana" not in page.read_text(), "no student sees another's name"
    assert "the course's numbers, not the student's own" in rows["pia"]["remarks"]
    assert "not in the list of the class" in rows["Zoe"]["remarks"]
    capsys.readouterr()
    assert run(add_grade_parser, "grade", "--regrade", "grades-results", "--student", "pia") == 0

    emils = values("00.1", "456")
    report = check("00.1", emils, student="456")
    assert report.passed and not check("00.1", emils).passed
    Path("answer.py").write_text(
        "; ".join(f"{n} = {v}" for n, v in zip(course_record("00.1").names, emils, strict=True))
    )
    capsys.readouterr()
    for student, status in (("456", "passed"), ("", "failed")):
        words = ("judge", "00.1", "answer.py", "--json", "--student", student)
        assert run(add_judge_parser, *words) == 0
        assert json.loads(capsys.readouterr().out)["status"] == status
    assert emil != dana


def test_a_lesson_without_such_exercises_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "class.csv").write_text("student\nann\n")
    words = ("bundle", "02", "--personal", tmp_path / "class.csv", "--out", tmp_path / "c.zip")
    assert run(bundle.add_bundle_parser, *words) == 2
    assert "lesson 02 has no exercise with personal numbers; 00," in capsys.readouterr().err


def test_a_roster_knows_students_by_any_of_their_names(tmp_path: Path) -> None:
    path = tmp_path / "class.csv"
    path.write_text("Student,ID,SIS Login ID\nPoints Possible,,\n" + CLASS.partition("\n")[2])
    roster = Roster(path)
    assert list(roster.students()) == ["456", "77", "78"]
    for student, lms_id in (("x", "456"), ("emil lee", ""), ("emil", ""), ("Lee, Emil", "")):
        assert roster.id_of(roster.find(student, lms_id)) == "456"
    assert roster.find("Zoe") == {} and roster.id_of({}) == ""
    path.write_text("student\nann\nAnn\nbo@example.org\n")
    own = Roster(path)
    assert own.find("ann") == {}, "two of that name"
    assert own.id_of(own.find("bo")) == "bo@example.org"
