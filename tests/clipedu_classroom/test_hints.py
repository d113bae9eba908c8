"""Hints one at a time, solutions when earned, progress in a local file that may break."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from clipedu_classroom import check, give_up, hint, progress, reset, solution, state
from clipedu_classroom.exercise_reader import (
    course_record,
    course_records,
    parse_text,
)

SOLVED = "labels = torch.arange"


@pytest.fixture(autouse=True)
def course(small_course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPEDU_COURSE", str(small_course))


@pytest.fixture
def state_file() -> Path:
    path = state.state_path()
    assert path is not None
    return path


def test_hints_come_one_at_a_time_and_stay() -> None:
    assert repr(hint("90.2")) == "Hint 1 of 3: Which axis?"
    assert repr(hint("90.2")).splitlines()[-1] == "Hint 2 of 3: Both."
    last = repr(hint("90.2"))
    assert last.splitlines()[:3][2] == "Hint 3 of 3: Take the mean."
    assert 'give_up("90.2")' in last
    assert repr(hint("90.2")) == last
    assert SOLVED not in last


def test_solution_opens_after_a_pass() -> None:
    assert SOLVED not in repr(solution("90.1")) and "opens when" in repr(solution("90.1"))
    check("90.1", 6.0)
    assert "opens when" in repr(solution("90.1"))
    check("90.1", 4.16)
    assert "loss_at_start = 4.16" in repr(solution("90.1"))
    check("90.1", 6.0)  # having passed once is enough
    assert "loss_at_start = 4.16" in repr(solution("90.1"))
    assert "### BEGIN" not in repr(solution("90.1"))


def test_an_open_question_says_where_its_model_answer_is() -> None:
    words = repr(solution("90.5"))
    assert "open question" in words and "opens when" not in words
    assert "by hand" in repr(progress()) and 'give_up("90.5")' in words
    assert state.load()[0].get("90.5") is None
    record = course_records()["90.5"]
    told = repr(give_up("90.5"))
    assert record.answer in told and record.rubric in told and record.rubric not in words


def test_a_table_is_read_from_the_left() -> None:
    assert progress()._repr_html_().count("text-align:left") > 6


def test_giving_up_opens_it_and_is_recorded() -> None:
    assert SOLVED in repr(give_up("90.2"))
    assert SOLVED in repr(solution("90.2"))
    assert state.load()[0]["90.2"].gave_up
    assert "given up" in repr(progress())


def test_giving_up_after_a_pass_is_no_giving_up() -> None:
    check("90.1", 4.16)
    give_up("90.1")
    assert not state.load()[0]["90.1"].gave_up


def test_progress_counts_points_of_checked_exercises() -> None:
    assert repr(progress()).splitlines()[0].startswith("0 of 8 points")
    check("90.1", 4.16)
    check("90.2", lambda x: x.sum())
    hint("90.3")
    text = repr(progress())
    assert text.startswith("1 of 8 points")
    rows = {line.split()[0]: line for line in text.splitlines() if line.startswith("90.")}
    assert list(rows) == ["90.1", "90.2", "90.3", "90.4", "90.5"]
    assert "passed" in rows["90.1"] and "1 of 1" in rows["90.1"]
    assert "failed" in rows["90.2"] and "0 of 3" in rows["90.2"]
    assert "not attempted" in rows["90.3"]
    assert "read by a person" in rows["90.5"]
    html = progress()._repr_html_()
    assert 'role="status"' in html and html.count('<th scope="col"') == 6


@pytest.mark.parametrize("lesson", ["90", 90, "90.2"])
def test_progress_of_one_lesson(lesson: str | int) -> None:
    check("90.1", 4.16)
    note = progress(lesson)
    assert repr(note).startswith("1 of 8 points in lesson 90, ")
    assert note.rows[1:] == progress().rows[1:]  # this course has one lesson
    assert "No lesson '04' has exercises. These have: 90." in repr(progress("04"))


def test_reset_forgets_and_shows_the_stub() -> None:
    check("90.1", 4.16)
    hint("90.1")
    text = repr(reset("90.1"))
    assert "loss_at_start = ...  # Exercise 90.1" in text and "4.16" not in text
    assert "90.1" not in state.load()[0]
    assert "opens when" in repr(solution("90.1"))


def test_running_a_fresh_notebook_is_no_progress(state_file: Path) -> None:
    check("90.1", ...)
    assert not state_file.exists()


@pytest.mark.parametrize("verb", [hint, solution, give_up, reset])
def test_unknown_exercises_are_answered_with_the_known_ones(verb: object) -> None:
    assert "90.1, 90.2" in repr(verb("90.77"))  # type: ignore[operator]
    assert "no exercise" in repr(verb("what"))  # type: ignore[operator]


@pytest.mark.parametrize(
    "broken",
    ["", "{", "[]", '{"exercises": []}', '{"exercises": {"90.1": {"attempts": "many"}}}', "\x00"],
)
def test_a_broken_file_is_put_aside_with_a_message(
    state_file: Path, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    state_file.parent.mkdir(parents=True)
    state_file.write_text(broken)
    text = repr(progress())
    aside = state_file.with_name(state_file.name + ".broken")
    assert str(aside) in text
    assert aside.read_text() == broken
    assert check("90.1", 4.16).passed
    assert repr(progress()).startswith("1 of 8")


def test_a_newer_file_with_more_fields_is_read(state_file: Path) -> None:
    check("90.1", 4.16)
    content = json.loads(state_file.read_text())
    content["exercises"]["90.1"]["mood"] = "good"
    state_file.write_text(json.dumps(content))
    assert repr(progress()).startswith("1 of 8")


def test_files_are_written_whole(state_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check("90.1", 4.16)
    before = state_file.read_text()

    def fail(*paths: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    assert "No space left" in state.record_check("90.1", "failed", "")
    assert state_file.read_text() == before
    kept = [path.name for path in state_file.parent.iterdir()]
    assert sorted(kept) == [f".{state_file.name}.lock", state_file.name]


def test_check_survives_a_state_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CLIPEDU_STATE", str(tmp_path / "file" / "progress.json"))
    assert check("90.1", 4.16).passed
    assert "could not be saved" in capsys.readouterr().out


def test_state_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, state_file: Path) -> None:
    monkeypatch.setenv("CLIPEDU_STATE", "off")
    assert check("90.1", 4.16).passed
    assert repr(progress()).startswith("0 of 8")
    assert not state_file.exists()


def test_without_a_course_folder_checks_still_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPEDU_COURSE", str(tmp_path))
    assert check("90.1", 4.16).passed
    assert "course" in repr(hint("90.1"))
    assert "course" in repr(progress())


def test_a_check_reads_the_builders_record(small_course: Path) -> None:
    path = small_course / "clipedu_lessons" / "l90_small" / "exercises.py"
    parsed = list(parse_text(path).exercises)
    assert list(course_records().values()) == parsed
    assert [course_record(exercise.id) for exercise in parsed] == parsed
    assert course_record("91.1").title == "" and course_record("what").points == 1


def test_a_file_that_windows_saved_with_a_bom_is_read(state_file: Path) -> None:
    check("90.1", 4.16)
    state_file.write_text(state_file.read_text(), encoding="utf-8-sig")
    assert repr(progress()).startswith("1 of 8")


def test_a_lesson_with_a_bom_is_read(
    small_course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = small_course / "clipedu_lessons" / "l90_small" / "exercises.py"
    folder = tmp_path / "clipedu_lessons" / "l90_small"
    folder.mkdir(parents=True)
    (folder / "exercises.py").write_text(source.read_text(), encoding="utf-8-sig")
    (folder / "lesson.py").write_text("# %% [markdown]\n# # A lesson\n", encoding="utf-8-sig")
    monkeypatch.setenv("CLIPEDU_COURSE", str(tmp_path))
    assert len(parse_text(folder / "lesson.py").items) == 1
    assert list(course_records()) == [e.id for e in parse_text(folder / "exercises.py").exercises]


@pytest.fixture(params=["no home", "unwritable"])
def no_place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A container whose user has no home, or a home that cannot be written."""
    if request.param == "no home":

        def no_home() -> Path:
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.delenv("CLIPEDU_STATE")
        monkeypatch.setattr(Path, "home", no_home)
        return "There is no home folder"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CLIPEDU_STATE", str(tmp_path / "file" / "progress.json"))
    return "could not be saved"


def test_what_cannot_be_saved_is_kept_until_the_kernel_ends(
    no_place: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "_unsaved", {})
    assert check("90.1", 4.16).passed
    assert no_place in capsys.readouterr().out
    assert repr(hint("90.2")).startswith("Hint 1 of 3: Which axis?")
    assert "Hint 2 of 3: Both." in repr(hint("90.2"))
    opened = repr(give_up("90.2"))
    assert SOLVED in opened and no_place in opened
    assert SOLVED in repr(solution("90.2"))
    assert repr(progress()).startswith("1 of 8 points")
    reset("90.1")
    assert repr(progress()).startswith("0 of 8 points")


def test_two_kernels_lose_no_pass(state_file: Path) -> None:
    code = (
        "import sys\nfrom clipedu_classroom import state\n"
        "for _ in range(60): state.record_check(sys.argv[1], 'failed', 'x')"
    )
    search = {**os.environ, "PYTHONPATH": str(Path(state.__file__).parents[1])}
    kernels = [
        subprocess.Popen([sys.executable, "-c", code, exercise], env=search)
        for exercise in ("90.1", "90.2")
    ]
    assert [kernel.wait(timeout=60) for kernel in kernels] == [0, 0]
    assert {key: item.attempts for key, item in state.load()[0].items()} == {
        "90.1": 60,
        "90.2": 60,
    }
    kept = [path.name for path in state_file.parent.iterdir()]
    assert sorted(kept) == [f".{state_file.name}.lock", state_file.name]


def test_a_kernel_that_died_with_the_lock_stops_nobody(
    state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "PATIENCE", 0.05)
    state_file.parent.mkdir(parents=True)
    (state_file.parent / f".{state_file.name}.lock").write_text("")
    assert check("90.1", 4.16).passed
    assert state.load()[0]["90.1"].passed
