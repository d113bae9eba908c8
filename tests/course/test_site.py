"""The website: what becomes a page, that no page has a fault, and that a fault is found.

`make site` makes all of it; here a site of three pages goes the same way.
"""

from __future__ import annotations

import base64
import importlib
import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "docs" / "site"
PNG = base64.b64encode(b"the bytes of a picture").decode()


@pytest.fixture(scope="module")
def modules() -> Iterator[dict[str, ModuleType]]:
    """make.py, page.py and docstrings.py, which are scripts beside each other."""
    sys.path.insert(0, str(SITE))
    try:
        yield {name: importlib.import_module(name) for name in ("make", "page", "docstrings")}
    finally:
        sys.path.remove(str(SITE))


# ------------------------------------------------------------------------------ what is a page
def test_every_notebook_and_guide_is_a_page(modules: dict[str, ModuleType]) -> None:
    known = modules["make"].pages(ROOT)
    assert len(known) == len(set(known))
    for folder in ("notebooks/*.ipynb", "exercises/*.ipynb", "docs/*.md", "docs/guides/*.md"):
        found = {path.relative_to(ROOT).as_posix() for path in ROOT.glob(folder)}
        assert found <= set(known), folder
    make = modules["make"]
    listed = {name: make.section(name, known, ROOT) for name in make.SECTIONS}
    everything = "".join(listed.values())
    assert [page for page in known[1:] if page.rsplit(".", 1)[0] not in everything] == []
    assert listed["lessons"].count("?\n") == 14  # each with its question


def test_every_stable_name_is_in_the_reference(modules: dict[str, ModuleType]) -> None:
    table = (ROOT / "docs" / "API.md").read_text("utf-8")
    made = modules["make"].api_pages(table)
    assert ".. autofunction:: build" in made["api/clipedu.models.md"]
    assert ".. autoclass:: CLIP\n   :members:" in made["api/clipedu.models.md"]
    assert ".. autodata:: PRESETS" in made["api/clipedu.models.md"]
    rows = re.findall(r"^\| `(clipedu[\w.]*)` \| (.*?) \|", table, re.M)
    names = [name for _, names in rows for name in re.findall(r"`(\w+)`", names)]
    assert sum(page.count(".. auto") - 1 for page in made.values()) == len(names)


def test_links_to_code_become_words(modules: dict[str, ModuleType]) -> None:
    known = ["README.md", "docs/API.md", "notebooks/03_the_contrastive_loss.ipynb"]

    def linked(text: str) -> str:
        return str(modules["make"].linked(text, "docs/API.md", known, ROOT))

    assert linked("see [the code](../course.py) there") == "see the code there"
    for kept in (
        "[lesson](../notebooks/03_the_contrastive_loss.ipynb)",
        "[start](../README.md#where)",
        "[paper](https://arxiv.org/abs/2103.00020)",
        "[below](#rooms)",
        "![curve](pictures/04_train_a_clip.png)",
        "[a slip](../corse.py)",  # Sphinx will warn of it
        "```\n[in code](../course.py)\n```",
    ):
        assert linked(kept) == kept


def cell(kind: str, source: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    more = {"outputs": list(outputs), "execution_count": 1} if kind == "code" else {}
    return {
        "cell_type": kind,
        "id": f"c{abs(hash(source))}",
        "metadata": {},
        "source": source,
    } | more


def shown(data: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"output_type": "display_data", "data": data, "metadata": metadata}


def a_notebook(words: str) -> dict[str, Any]:
    picture = {"image/png": PNG, "text/plain": "Figure"}
    cells = [
        cell("markdown", f"# A lesson\n\n{words}\n\nThe loss is $\\ln N$ before training."),
        cell("markdown", "<details><summary>Answer</summary>\n\nIt is $\\ln 4$.\n\n</details>"),
        cell(
            "code",
            "show()",
            shown(picture, **{"image/png": {"alt": 'a "cat" & a dog'}}),
            shown({"application/vnd.clipedu.numbers+json": {"loss": "1.39"}}),
        ),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def test_a_figure_keeps_its_description(modules: dict[str, ModuleType]) -> None:
    found = modules["make"].notebook(a_notebook("Words."), "notebooks/00_a.ipynb", str.upper)
    (name,) = found["pictures"]
    assert found["pictures"][name] == b"the bytes of a picture"
    text, answer, code = found["notebook"]["cells"]
    assert text["source"].startswith("# A LESSON") and "<DETAILS>" in answer["source"]
    (output,) = code["outputs"]  # the numbers that the prose was filled with are none
    assert f'src="../{name}"' in output["data"]["text/html"]
    assert 'alt="a &quot;cat&quot; &amp; a dog"' in output["data"]["text/html"]


@pytest.mark.parametrize(
    ("plain", "wanted"),
    [
        ("`size` pixels", r"\ ``size``\  pixels"),
        ("uses :func:`held_out_names` here", r"uses \ ``held_out_names``\  here"),
        ("``loss`` and `a_b`s", r"\ ``loss``\  and \ ``a_b``\ s"),
        ("a * b, f(*args), x_ and N x N", r"a \* b, f(\*args), x\_ and N x N"),
        ("one `a\nb` two", r"one \ ``a b``\  two"),
        ("size: pixels\nscale: no unit", "size: pixels\n\nscale: no unit"),
        ("like\n    code", "::\n\n    like\n        code"),
        ("size: pixels,\n    squared", "size: pixels, squared"),
        (
            "Args:\n    out: a folder;\n        None: none\n    R: px\nRaises:\n    OSError: no",
            "**Args**\n\n* out: a folder; None: none\n\n* R: px\n\n**Raises**\n\n* OSError: no",
        ),
    ],
)
def test_docstrings_become_rest(modules: dict[str, ModuleType], plain: str, wanted: str) -> None:
    assert "\n".join(modules["docstrings"].as_rst(plain.split("\n"))).strip() == wanted


def test_the_front_page_says_what_the_card_says() -> None:
    card = json.loads((ROOT / "clipedu" / "assets" / "laptop.json").read_text("utf-8"))["shipped"]
    text = " ".join((SITE / "index.md").read_text("utf-8").split())
    assert f"has {card['parameters'] / 1e6:.1f} million parameters" in text
    assert f"was trained in {card['minutes']:.0f} minutes on a CPU" in text


# ------------------------------------------------------------------------------------- faults
PAGE = '<html><body><h1 id="a">A</h1>{}</body></html>'
FAULTS = {
    '<a href="b.html">b</a>': "b.html is not there",
    '<a href="#b">b</a>': "#b has no such heading",
    '<a href="sub/c.html#d">c</a>': "sub/c.html#d has no such heading",
    '<img src="b.png" alt="b">': "b.png is not there",
    '<img src="a.png">': "1 pictures without a description",
    '<script src="https://example.org/a.js"></script>': "from another machine",
    '<link rel="stylesheet" href="//example.org/a.css">': "from another machine",
}


def a_page(folder: Path, body: str) -> None:
    (folder / "sub").mkdir()
    (folder / "a.png").touch()
    (folder / "index.html").write_text(PAGE.format(body))
    (folder / "sub" / "c.html").write_text(PAGE.format('<a href="../index.html#a">up</a>'))


@pytest.mark.parametrize("body", FAULTS)
def test_a_fault_is_found(modules: dict[str, ModuleType], tmp_path: Path, body: str) -> None:
    a_page(tmp_path, body)
    (found,) = modules["make"].faults(tmp_path)
    assert found.startswith("index.html: ") and FAULTS[body] in found


def test_a_page_without_faults_has_none(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    a_page(
        tmp_path,
        '<a href="sub/c.html#a">c</a><a href="#a">a</a><img src="a.png?v=1" alt="a">'
        '<a href="https://arxiv.org/abs/2103.00020">paper</a><a href="">here</a>',
    )
    assert list(modules["make"].faults(tmp_path)) == []


# ------------------------------------------------------------------------------- a small site
def small_site(make: ModuleType, folder: Path, words: str) -> tuple[int, Path]:
    """A site of a lesson, the reference of one room and a start page; Sphinx's exit code."""
    root = folder / "root"
    for name in ("docs/site", "notebooks"):
        (root / name).mkdir(parents=True)
    (root / "README.md").write_text("# Start\n\nSee the [lesson](notebooks/00_a.ipynb).\n")
    table = "| room | names | for |\n|---|---|---|\n| `clipedu.tokenizer` | `Tokenizer` | words |\n"
    (root / "docs" / "API.md").write_text(f"# API\n\n{table}")
    (root / "notebooks" / "00_a.ipynb").write_text(json.dumps(a_notebook(words)))
    tree = "```{toctree}\nREADME\nlessons\nexercises\nguides\nresults\nreference\nproject\n```\n"
    raw = "```{raw} html\n:file: draw.html\n```\n"
    (root / "docs" / "site" / "index.md").write_text(f"# Draw\n\n{raw}\n{tree}")
    (root / "docs" / "site" / "draw.html").write_text("<p>A page to draw on.</p>\n")
    static = folder / "static" / "vendor" / "mathjax"
    static.mkdir(parents=True)
    (static / "tex-svg-full.js").write_text("// MathJax\n")
    return again(make, folder), folder / "html"


def again(make: ModuleType, folder: Path) -> int:
    make.lay_out(folder / "root", folder / "source", make.pages(folder / "root"))
    return int(make.run_sphinx(folder / "source", folder / "html", folder / "static"))


def test_a_small_site(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    pytest.importorskip("myst_nb", reason="the extra `site` is not installed")
    pytest.importorskip("furo", reason="the extra `site` is not installed")
    words = "[API](../docs/API.md) and [code](../docs/site/index.md)"
    code, out = small_site(modules["make"], tmp_path, words)
    assert code == 0
    assert list(modules["make"].faults(out)) == []
    assert "A page to draw on." in (out / "index.html").read_text("utf-8")
    lesson = (out / "notebooks" / "00_a.html").read_text("utf-8")
    assert r"\(\ln N\)" in lesson and r"\(\ln 4\)" in lesson  # for MathJax
    assert "<details><summary>Answer</summary>" in lesson and 'alt="a &quot;cat&quot;' in lesson
    assert "lesson" in (out / "searchindex.js").read_text("utf-8")
    reference = (out / "api" / "clipedu.tokenizer.html").read_text("utf-8")
    assert 'id="clipedu.tokenizer.Tokenizer.encode"' in reference


def test_a_broken_link_stops_the_site(
    modules: dict[str, ModuleType], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("myst_nb", reason="the extra `site` is not installed")
    pytest.importorskip("furo", reason="the extra `site` is not installed")
    code, out = small_site(modules["make"], tmp_path, "[gone](../docs/GRADING.md)")
    assert code != 0 and "docs/GRADING.md" in capfd.readouterr().err
    assert again(modules["make"], tmp_path) != 0  # also when nothing has changed since
    assert "docs/GRADING.md" in capfd.readouterr().err
    (tmp_path / "root" / "docs" / "GRADING.md").write_text("# Grading\n")
    assert again(modules["make"], tmp_path) == 0  # the page that links to it is read again
    assert list(modules["make"].faults(out)) == []


def test_a_page_without_a_source_goes(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "html"
    for name in ("source/notebooks", "html/notebooks", "html/_modules/clipedu"):
        (tmp_path / name).mkdir(parents=True)
    (source / "notebooks" / "00_a.ipynb").touch()
    kept = {"search.html", "_modules/clipedu/clip.html", "notebooks/00_a.html"}
    for name in {*kept, "notebooks/00_old.html"}:
        (out / name).touch()
    modules["make"].tidy(source, out)
    assert {path.relative_to(out).as_posix() for path in out.rglob("*.html")} == kept


# --------------------------------------------------------------------------- the drawing page
def test_another_release_is_refused(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    package = modules["page"].PACKAGES[0]
    (tmp_path / f"{package.name}-{package.version}.tgz").write_bytes(b"something else")
    with pytest.raises(ValueError, match="is not the release that page.py names"):
        modules["page"].fetch(package, tmp_path)


def test_what_the_site_serves_is_named_with_its_licence(modules: dict[str, ModuleType]) -> None:
    notice = (ROOT / "NOTICE.md").read_text("utf-8").lower()
    for package in modules["page"].PACKAGES:
        assert f"{package.name} {package.version} (" in notice


def test_without_npm_the_message_says_what_to_do(
    modules: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"Install Node\.js.*onnxruntime-web-[\d.]+\.tgz"):
        modules["page"].fetch(modules["page"].PACKAGES[0], tmp_path / "store")


def test_after_the_model_warnings_count_again(
    modules: dict[str, ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def write_page(*_folders: Path) -> None:
        raise ValueError("the image encoder in 8 bits differs")

    monkeypatch.setattr(modules["page"], "write_page", write_page)
    assert modules["make"].main([]) == 1
    assert "Stopped: the image encoder in 8 bits differs" in capsys.readouterr().err
    assert logging.root.manager.disable == logging.NOTSET  # or Sphinx would not see its own


def test_thousands_of_names(modules: dict[str, ModuleType]) -> None:
    names = modules["page"].names_to_rank()
    assert 2_000 < len(names) < 5_000 and names == sorted(set(names))
    assert {"umbrella", "house", "giraffe", "ice cream"} <= set(names)
    assert not {"france", "congo kinshasa"} & set(names)
    assert [name for name in names if "," in name or name != " ".join(name.lower().split())] == []


def test_embeddings_survive_16_bits(modules: dict[str, ModuleType]) -> None:
    rows = torch.nn.functional.normalize(torch.randn(50, 192), dim=1)
    stored = modules["page"].as_integers(rows)
    assert stored.dtype == np.dtype("<i2")
    back = torch.from_numpy(stored.astype(np.float32)) / modules["page"].ONE
    assert (back - rows).abs().max() <= 1.6e-5
    script = (SITE / "static" / "draw" / "draw.js").read_text("utf-8")
    assert f"const ONE = {modules['page'].ONE};" in script


def test_an_encoder_that_differs_is_refused(
    modules: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = modules["page"]

    def export(_model: Any, folder: str, int8: bool) -> list[Path]:
        path = Path(folder) / "image_encoder.int8.onnx"
        path.write_bytes(b"weights")
        return [path]

    monkeypatch.setattr(page, "export_onnx", export)
    monkeypatch.setattr(page, "largest_error", lambda model, encoder: 0.004)
    model, tokenizer, _ = page.load_pretrained()
    with pytest.raises(ValueError, match="differs by 4.0e-03 in cosine"):
        page.write_model(model, tokenizer, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_script_of_the_page_is_short_and_asks_nobody() -> None:
    script = (SITE / "static" / "draw" / "draw.js").read_text("utf-8")
    assert len(script.splitlines()) <= 250
    assert "http" not in script.replace("const HERE", "") and "eval(" not in script
