"""Takes the README's pictures out of the lessons' notebooks: one figure each.

python docs/make_pictures.py
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from clipedu.files import write_whole

ROOT = Path(__file__).resolve().parents[1]
#: Which figure of a lesson stands for it, counted from 0.
WHICH = {"00": 2, "01": 1, "02": 0, "03": 2, "04": 6}


def main() -> None:
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        pictures = figures(path)
        if pictures:
            number = path.name[:2]
            target = ROOT / "docs" / "pictures" / f"{path.stem}.png"
            write_whole(target, pictures[min(WHICH.get(number, 0), len(pictures) - 1)])
            print(f"{target.relative_to(ROOT)}: one of {len(pictures)} figures")


def figures(path: Path) -> list[bytes]:
    """The PNG outputs of a notebook, in order."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    texts = [
        output["data"]["image/png"] for output in outputs if "image/png" in output.get("data", {})
    ]
    return [base64.b64decode("".join(text)) for text in texts]


if __name__ == "__main__":
    main()
