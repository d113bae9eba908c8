"""Sphinx's settings. make.py lays out the sources and runs Sphinx; nothing here needs a network."""

import inspect
import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from docstrings import as_rst  # noqa: E402

project, author, language = "clipedu", "The clipedu authors", "en"
copyright = author
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.viewcode"]

# The notebooks are committed with their outputs, which a test holds fresh: they are never run here.
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
suppress_warnings = ["myst.header"]  # a notebook may begin a section two levels down

html_theme = "furo"
html_title = "clipedu"
html_favicon = str(HERE / "static" / "favicon.svg")
html_static_path = [str(HERE / "static")]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": False}
if "CLIPEDU_SITE_STATIC" in os.environ:  # the model, onnxruntime-web and MathJax
    html_static_path.insert(0, os.environ["CLIPEDU_SITE_STATIC"])

mathjax_path = "vendor/mathjax/tex-svg-full.js"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True


def setup(app: Any) -> None:
    """Figures of the notebooks are beside the sources; docstrings are plain text, not reST."""
    figures = Path(app.srcdir) / "_static"
    if figures.is_dir():
        app.config.html_static_path.append(str(figures))

    def convert(_app, what: str, _name, thing: object, _options, lines: list[str]) -> None:
        inherited = (inspect.getdoc(type(thing)) or "").strip()
        if what == "data" and "\n".join(lines).strip() == inherited:
            lines.clear()  # a table's own words, not those of Python's `dict`
        lines[:] = as_rst(lines)

    app.connect("autodoc-process-docstring", convert)
