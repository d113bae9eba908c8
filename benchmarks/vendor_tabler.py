"""Packs Tabler's drawings into clipedu/assets/tabler.json.xz, from the wheel that carries them.

The wheel is `pytablericons` 1.0.1 (MIT). It can't be a dependency of the course, since it asks for
pygame: 14 MB for a window that no lesson opens, and not built for every Python. Firms' logos are
left out, and drawings that are byte-equal to an earlier one.

    pip download --no-deps pytablericons==1.0.1
    python benchmarks/vendor_tabler.py pytablericons-1.0.1-py3-none-any.whl
"""

from __future__ import annotations

import argparse
import json
import lzma
import re
import zipfile
from pathlib import Path

from clipedu.files import write_whole

OUT = Path(__file__).parents[1] / "clipedu" / "assets" / "tabler.json.xz"
WHEEL = "pytablericons-1.0.1-py3-none-any.whl"


def rows(wheel: Path) -> list[list[object]]:
    """[style, name, category, tags, body of the SVG] of every drawing, in a fixed order."""
    found: dict[str, list[object]] = {}
    with zipfile.ZipFile(wheel) as archive:
        for path in sorted(archive.namelist(), reverse=True):  # outline before filled
            inside = re.fullmatch(r"pytablericons/icons/(outline|filled)/(.+)\.svg", path)
            if not inside or inside[2].startswith("brand-"):
                continue
            text = archive.read(path).decode("utf-8")
            body = re.sub(r"\s+", " ", text.partition("<svg")[2].partition(">")[2]).strip()
            body = body.removesuffix("</svg>").strip()
            category = re.search(r"^category: *(.+)$", text, re.M)
            tags = re.search(r"^tags: *\[(.*?)\]", text, re.M | re.S)
            words = [word.strip(" \"'\n") for word in tags[1].split(",")] if tags else []
            about = [category[1].strip() if category else "", [word for word in words if word]]
            found.setdefault(body, [inside[1], inside[2], *about, body])
    return sorted(found.values(), key=lambda row: row[:2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("wheel", type=Path, help=WHEEL)
    wheel = parser.parse_args().wheel
    if wheel.name != WHEEL:
        raise SystemExit(f"The course pins {WHEEL}; got {wheel.name}.")
    table = rows(wheel)
    write_whole(OUT, lzma.compress(json.dumps(table).encode(), preset=9 | lzma.PRESET_EXTREME))
    print(f"{len(table):,} drawings in {OUT.stat().st_size / 1e6:.2f} MB: {OUT.name}")


if __name__ == "__main__":
    main()
