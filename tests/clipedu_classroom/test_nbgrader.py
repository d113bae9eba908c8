"""A course that uses nbgrader gets the same points from it: the real program, our notebooks."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clipedu_classroom.grading import Request, grade

pytest.importorskip("nbgrader")
pytestmark = pytest.mark.timeout(600)


def nbgrader(folder: Path, *words: str) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "CLIPEDU_STATE": "off",
        # it runs alembic, which an environment that is not activated does not find
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    command = [sys.executable, "-m", "nbgrader", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def own(source: str) -> dict[str, Any]:
    """A cell that a student added."""
    more: dict[str, Any] = {"metadata": {}, "outputs": [], "execution_count": None}
    return {"cell_type": "code", "id": f"own-{len(source)}", "source": source, **more}


def test_nbgrader_and_clipedu_grade_give_the_same_points(
    notebooks: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "nbgrader_config.py").write_text(
        f'c = get_config()\nc.CourseDirectory.course_id = "c"\n'
        f"c.CourseDirectory.root = {str(tmp_path)!r}\n"
    )
    (tmp_path / "source" / "ps1").mkdir(parents=True)
    solved = notebooks["solutions"].read_text(encoding="utf-8")
    (tmp_path / "source" / "ps1" / "90_small.ipynb").write_text(solved, encoding="utf-8")
    nbgrader(tmp_path, "generate_assignment", "ps1", "--create", "--force")
    released = (tmp_path / "release" / "ps1" / "90_small.ipynb").read_text()
    sources = {cell["id"]: cell["source"] for cell in json.loads(solved)["cells"]}

    def hand_in(student: str, change: Callable[[list[dict[str, Any]]], None]) -> None:
        notebook = json.loads(released)
        for cell in notebook["cells"]:
            if cell["id"] in ("90-1-solution", "90-3-solution"):
                cell["source"] = sources[cell["id"]]
            if cell["id"] == "90-2-solution":
                cell["source"] = "def contrastive_loss(logits):\n    return logits.sum()"
        change(notebook["cells"])
        path = tmp_path / "submitted" / student / "ps1" / "90_small.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(notebook), encoding="utf-8")

    def helper(cells: list[dict[str, Any]]) -> None:
        """A helper, an import and an experiment in cells of one's own, a name used again later."""
        at = next(n for n, cell in enumerate(cells) if cell["id"] == "90-2-solution")
        cells[at]["source"] = (
            "def contrastive_loss(logits):\n    labels = torch.arange(len(logits))\n"
            "    return (half(logits, labels) + half(logits.T, labels)) / 2"
        )
        half = "def half(logits, labels):\n    return ce(logits, labels)\nprint(half)"
        cells.insert(at, own(half))
        cells.insert(at, own("from torch.nn.functional import cross_entropy as ce"))
        cells.append(own("def contrastive_loss(x):\n    return x\nloss_at_start = 0"))

    hand_in("ann", lambda cells: None)
    hand_in("bea", helper)
    nbgrader(tmp_path, "autograde", "ps1", "--create", "--force")
    nbgrader(tmp_path, "export", "--to=grades.csv")
    with open(tmp_path / "grades.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {float(row["max_score"]) for row in rows} == {12.0}
    theirs = {row["student_id"]: float(row["score"]) for row in rows}
    request = Request(
        notebooks["exercises"], tmp_path / "submitted", tmp_path / "out", progress=False
    )
    ours = {result.student: result.points for result in grade(request)[1]}
    assert ours == theirs == {"ann": 3.0, "bea": 6.0}
