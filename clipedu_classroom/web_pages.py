"""Notebooks as web pages: `clipedu build --html DIR`, with a description at every figure."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path

from clipedu.files import write_whole


def write_pages(folder: Path, paths: Iterable[Path]) -> list[Path]:
    """Write each of the paths that is a notebook as `folder/TREE/NAME.html`; returns the pages."""
    from nbconvert import HTMLExporter

    templates = [str(Path(__file__).parent / "templates")]
    exporter = HTMLExporter(template_name="clipedu", extra_template_basedirs=templates)
    pages = []
    for path in [path for path in paths if path.suffix == ".ipynb" and path.is_file()]:
        with warnings.catch_warnings():  # it tells of outputs that show nothing
            warnings.filterwarnings("ignore", "Your element with mimetype")
            text, _ = exporter.from_filename(str(path))
        pages.append(folder / path.parent.name / f"{path.stem}.html")
        pages[-1].parent.mkdir(parents=True, exist_ok=True)
        write_whole(pages[-1], text)
    return pages
