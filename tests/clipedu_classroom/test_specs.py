"""Checks of one's own (CLIPEDU_SPECS) override the course's, and `build --check` judges them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from clipedu.cli.main import main
from clipedu_classroom import specs
from clipedu_classroom.checks import report_on
from clipedu_classroom.specs import own_spec_problems, spec_fingerprint
from clipedu_classroom.subject import LocalSubject

GUIDE = Path(__file__).parents[2] / "docs" / "GRADING.md"
OWN = """
from clipedu_classroom.spec import Misconception, ValueExercise

LIBRARY_NEEDED = ("clipedu.files",)
EXERCISES = [
    ValueExercise(
        "03.1",
        "answer",
        expected=7,
        misconceptions=(
            Misconception("one is added", 8),
            Misconception("one is taken away", 6),
        ),
    ),
]
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A lesson_03.py of one's own."""
    path = tmp_path / "specs" / "lesson_03.py"
    path.parent.mkdir()
    path.write_text(OWN, encoding="utf-8")
    monkeypatch.setenv("CLIPEDU_SPECS", str(path.parent))
    forget()
    yield path
    monkeypatch.undo()
    forget()


def forget() -> None:
    specs.of_lesson.cache_clear()
    specs.lesson_specs.cache_clear()


def test_an_own_spec_takes_the_place_of_the_courses(own: Path) -> None:
    ids = list(specs.of_lesson("03"))
    order = ["03.1", "03.9", "03.10", "03.5", "03.6", "03.7", "03.11"]
    assert ids == order, "the course's order, nothing lost"
    report = report_on(specs.find("03.1"), LocalSubject(7), seed=0, points=1, title="")
    assert report.passed
    report = report_on(specs.find("03.1"), LocalSubject(8), seed=0, points=1, title="")
    assert report.diagnosis == "one is added"
    assert len(specs.find("03.9").all_misconceptions) > 5, "the others keep theirs"
    assert specs.library_needed("03")[-1:] == ("clipedu.files",)


def test_the_fingerprint_follows_the_text_that_decides(own: Path) -> None:
    first, other = spec_fingerprint("03.1"), spec_fingerprint("03.5")
    assert first != other and spec_fingerprint("03.1") == first
    own.write_text(OWN.replace("expected=7", "expected=9"), encoding="utf-8")
    forget()
    assert spec_fingerprint("03.1") != first and spec_fingerprint("03.5") == other
    own.unlink()
    forget()
    assert spec_fingerprint("03.1") == other, "the course's own text decides again"


def test_sound_specs_have_no_problems(own: Path) -> None:
    assert own_spec_problems() == []
    guide = GUIDE.read_text(encoding="utf-8")
    own.write_text(guide.partition("```python\n")[2].partition("```")[0], encoding="utf-8")
    forget()
    assert list(specs.of_lesson("03"))[-2:] == ["03.20", "03.21"], "new ones come last"
    assert own_spec_problems() == []


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        (
            "expected=7",
            "expected=8",
            7,
            "exercise 03.1: .*'one is added' is passed, expected failed",
        ),
        ('"one is taken away", 6', '"one is added", 9', 7, "'one is added' is listed twice"),
        ("EXERCISES = [", "EXERCISES = [[", 5, "cannot be loaded: SyntaxError"),
        ('"one is added"', '"One is added."', 11, "ValueError: .*no capital, no full stop"),
        ("expected=7", "expect=7", 6, "TypeError: .*'expect'"),
        ('"03.1"', '"04.1"', 1, "expected 03.something"),
        ("EXERCISES", "EXERCISE", 1, "declares no exercise"),
    ],
)
def test_a_mistake_gets_a_sentence_with_file_and_line(
    own: Path, old: str, new: str, line: int, words: str
) -> None:
    own.write_text(OWN.replace(old, new), encoding="utf-8")
    forget()
    [problem, *_] = own_spec_problems(["03"])
    assert (problem.path, problem.line) == (own, line)
    assert re.search(words, str(problem)), problem
    assert own_spec_problems(["04"]) == []


def test_a_folder_without_specs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPEDU_SPECS", str(tmp_path / "nowhere"))
    [problem] = own_spec_problems()
    assert problem.path.name == "nowhere" and "no file lesson_NN.py" in problem.message


def test_build_check_judges_own_specs(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "course" / "clipedu_lessons").mkdir(parents=True)
    monkeypatch.setenv("CLIPEDU_COURSE", str(tmp_path / "course"))
    assert main(["build", "--check"]) == 0
    own.write_text(OWN.replace("expected=7", "expected=8"), encoding="utf-8")
    forget()
    assert main(["build", "--check"]) == 1
    assert "lesson_03.py:7: error: exercise 03.1: " in capsys.readouterr().out
    assert main(["build", "--check", "--only", "lessons"]) == 0
