"""A course that uses nbgrader gets the same points from it: the real program, our notebooks."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("nbgrader")
pytestmark = pytest.mark.timeout(300)


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


def test_nbgrader_gives_points_for_what_passes_only(
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
    release = json.loads((tmp_path / "release" / "ps1" / "90_small.ipynb").read_text())
    sources = {cell["id"]: cell["source"] for cell in json.loads(solved)["cells"]}
    for cell in release["cells"]:
        if cell["id"] in ("90-1-solution", "90-3-solution"):
            cell["source"] = sources[cell["id"]]
        if cell["id"] == "90-2-solution":
            cell["source"] = "def contrastive_loss(logits):\n    return logits.sum()"
    submitted = tmp_path / "submitted" / "ann" / "ps1" / "90_small.ipynb"
    submitted.parent.mkdir(parents=True)
    submitted.write_text(json.dumps(release), encoding="utf-8")
    nbgrader(tmp_path, "autograde", "ps1", "--create", "--force")
    nbgrader(tmp_path, "export", "--to=grades.csv")
    with open(tmp_path / "grades.csv", newline="") as file:
        row = next(csv.DictReader(file))
    assert (row["student_id"], float(row["score"]), float(row["max_score"])) == ("ann", 3.0, 12.0)
