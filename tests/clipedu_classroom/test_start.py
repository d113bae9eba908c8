"""A course folder of one's own: laid out once, renewed without losing work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clipedu.cli.main import main
from clipedu_classroom import start


def notebook(*sources: str, output: str = "") -> bytes:
    outputs = [{"output_type": "stream", "name": "stdout", "text": output}] if output else []
    cells = [{"cell_type": "code", "source": text, "outputs": outputs} for text in sources]
    return json.dumps({"cells": cells}).encode()


@pytest.fixture
def course(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What `start` and `update` lay out; tests change it between the two."""
    files = {"WELCOME.md": b"hello", "notebooks/01_a.ipynb": notebook("1 + 1")}
    files["exercises/01_a.ipynb"] = notebook("stub")
    monkeypatch.setattr(start, "course_files", lambda: files)
    return files


def test_start_lays_out_and_never_overwrites(
    course: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "a course"
    assert main(["start", str(folder)]) == 0
    assert {name: (folder / name).read_bytes() for name in course} == course
    assert main(["start", str(folder)]) == 2 and "`clipedu update`" in capsys.readouterr().err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    assert main(["start", str(tmp_path / "full")]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.txt"]
    assert main(["start", str(tmp_path / "full" / "thesis.txt")]) == 2


def test_update_replaces_what_nobody_changed_and_keeps_the_rest(
    course: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "course"
    start.start(folder)
    ran = notebook("1 + 1", output="2")  # the same text, run
    mine = notebook("my answer")
    (folder / "notebooks/01_a.ipynb").write_bytes(ran)
    (folder / "exercises/01_a.ipynb").write_bytes(mine)
    assert main(["update", str(folder)]) == 0  # nothing is newer
    assert (folder / "notebooks/01_a.ipynb").read_bytes() == ran
    course["notebooks/01_a.ipynb"] = notebook("2 + 2")
    course["exercises/01_a.ipynb"] = notebook("a better stub")
    course["notebooks/02_b.ipynb"] = notebook("b")
    capsys.readouterr()
    assert main(["update", str(folder)]) == 0
    assert capsys.readouterr().out.splitlines()[:3] == [
        "new: notebooks/02_b.ipynb", "updated: notebooks/01_a.ipynb", "kept: exercises/01_a.ipynb"
    ]  # fmt: skip
    assert (folder / "notebooks/01_a.ipynb").read_bytes() == notebook("2 + 2")
    assert (folder / "before_update/notebooks/01_a.ipynb").read_bytes() == ran
    assert (folder / "exercises/01_a.ipynb").read_bytes() == mine
    assert (folder / "exercises/01_a.new.ipynb").read_bytes() == notebook("a better stub")


def test_a_file_that_was_removed_comes_back(course: dict[str, bytes], tmp_path: Path) -> None:
    start.start(tmp_path / "course")
    (tmp_path / "course" / "WELCOME.md").unlink()
    start.update(tmp_path / "course")
    assert (tmp_path / "course" / "WELCOME.md").read_bytes() == b"hello"


@pytest.mark.parametrize("verb", ["update", "lab"])
@pytest.mark.parametrize("mark", [None, "no JSON", "[]", '{"files": 3}'])
def test_a_folder_without_a_sound_mark_is_told(
    verb: str, mark: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if mark is not None:
        (tmp_path / start.MARK).write_text(mark)
    assert main([verb, str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert ("is no course folder" if mark is None else "is damaged") in said and verb in said


def test_damaged_notebooks_count_byte_by_byte() -> None:
    assert start.digest("a.ipynb", b"{") != start.digest("a.ipynb", b"{ ")
    same = start.digest("a.ipynb", notebook("x", output="1"))
    assert same == start.digest("a.ipynb", notebook("x")) != start.digest("a.ipynb", notebook("y"))
