"""An exercise solved by typing in a real JupyterLab arrives in `my_clip.py`."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = float(os.environ.get("CLIPEDU_BROWSER_PATIENCE", "280"))  # as in conftest.py

ANSWER = '''def merge_pair(symbols: tuple, pair: tuple) -> tuple:
    """Typed in a browser."""
    merged, i = [], 0
    while i < len(symbols):
        found = symbols[i : i + 2] == pair
        merged.append(pair[0] + pair[1] if found else symbols[i])
        i += 2 if found else 1
    return tuple(merged)'''


def test_a_typed_answer_arrives(page: Any, lab: tuple[str, Path], tmp_path: Path) -> None:
    address, work = lab
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "clipedu_lessons").symlink_to(ROOT / "clipedu_lessons")
    stored = json.loads((ROOT / "exercises" / "01_words_to_vectors.ipynb").read_text("utf-8"))
    code = [cell for cell in stored["cells"] if cell["cell_type"] == "code"]
    wanted = [cell for cell in code if cell["id"] in ("01-2-solution", "01-2-check")]
    here = {"CLIPEDU_COURSE": str(tmp_path), "CLIPEDU_STATE": str(tmp_path / "progress.json")}
    first = {**code[0], "source": f"import os\nos.environ |= {here}\n" + "".join(code[0]["source"])}
    first["metadata"] = {}
    for cell in (first, *wanted):
        cell["outputs"], cell["execution_count"] = [], None
    stored["cells"] = [first, *wanted]
    (work / "typed.ipynb").write_text(json.dumps(stored), "utf-8")
    page.goto(f"{address}/lab/tree/notebooks/typed.ipynb?reset")
    page.wait_for_selector("#jp-main-statusbar :text('| Idle')")
    cells = page.locator(".jp-CodeCell")

    def run(number: int) -> None:
        cells.nth(number).locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")

    for number in range(3):  # the setup, the stub as it comes, its check
        run(number)
    output = cells.nth(2).locator(".jp-Cell-outputArea")
    output.get_by_text(re.compile("not attempted")).first.wait_for(timeout=1000 * PATIENCE)
    cells.nth(1).locator(".cm-content").click()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.insert_text(ANSWER)
    run(1)
    run(2)
    said = output.get_by_text("my_clip.py: merge_pair is now yours (exercise 01.2).")
    said.first.wait_for(timeout=1000 * PATIENCE)
    text = (tmp_path / "my_clip.py").read_text("utf-8")
    assert f"# ---- exercise 01.2: merge_pair ----\n{ANSWER}\n" in text
