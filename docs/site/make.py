"""The course as a website: python docs/site/make.py writes it to build/site/html.

The executed lessons, the exercises, the guides and the tables are laid out as they are in the
repository, so that their links to each other hold, and Sphinx makes pages of them. Nothing is
executed. Two packages come by npm when they are not in build/site/npm; the rest needs no network.
"""

from __future__ import annotations

import argparse
import base64
import html
import importlib
import inspect
import json
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from clipedu.files import write_whole

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORK = ROOT / "build" / "site"

#: A page that lists others: its title, what it says, and the files of the repository in its list.
SECTIONS: dict[str, tuple[str, str, list[str]]] = {
    "lessons": (
        "Lessons",
        "Fourteen lessons, one question each. All outputs here were made by the code above them.",
        ["notebooks/*.ipynb"],
    ),
    "exercises": (
        "Exercises",
        "To read them. To solve them you need the course on your own machine: each check there "
        "says which mistake you made, and what passes becomes a part of your `my_clip.py`.",
        ["exercises/*.ipynb"],
    ),
    "guides": (
        "Guides",
        "For students, instructors and contributors.",
        [
            "docs/guides/student.md",
            "docs/INSTALL.md",
            "docs/guides/instructor.md",
            "docs/guides/*.md",
            "docs/GRADING.md",
            "clipedu_lessons/README.md",
            "CONTRIBUTING.md",
        ],
    ),
    "results": (
        "Results",
        "What the shipped model can do and what it cannot, how it was trained, and what was tried.",
        ["docs/MODEL_CARD.md", "docs/TASKS.md", "benchmarks/LEADERBOARD.md"],
    ),
    "reference": (
        "Reference",
        "The library's stable names, room by room, and the symbols of the formulas.",
        ["docs/API.md", "api/*.md", "docs/NOTATION.md"],
    ),
    "project": ("The project", "Versions and licences.", ["CHANGELOG.md", "NOTICE.md"]),
}


# -------------------- the sources, laid out for Sphinx
def pages(root: Path) -> list[str]:
    """The files of the repository that become pages, in order."""
    found = ["README.md"]
    for _, _, patterns in SECTIONS.values():
        for pattern in patterns:
            found += sorted(path.relative_to(root).as_posix() for path in root.glob(pattern))
    return list(dict.fromkeys(found))


def question(page: Path) -> str:
    """The question of a lesson, which its first cell asks below the title; "" for other pages."""
    if page.suffix != ".ipynb":
        return ""
    first = "".join(json.loads(page.read_text("utf-8"))["cells"][0]["source"])
    found = re.match(r"# .+\n\n\*\*(.+\?)\*\*\n", first)
    return found[1] if found else ""


def section(name: str, known: Sequence[str], root: Path) -> str:
    """The page that lists the pages of a section, lessons with their questions."""
    title, words, patterns = SECTIONS[name]
    found = [page for pattern in patterns for page in known if PurePosixPath(page).match(pattern)]
    listed = list(dict.fromkeys(found))
    asked = {page: question(root / page) for page in listed}
    rows = [f"* [](<{page}>): {asked[page]}" for page in listed if asked[page]]
    hidden = ":hidden:\n" if len(rows) == len(listed) else ""
    tree = "\n".join(page.rsplit(".", 1)[0] for page in listed)
    tree = f"```{{toctree}}\n{hidden}:maxdepth: 1\n\n{tree}\n```\n"
    return f"# {title}\n\n{words}\n\n" + "\n".join([*(rows if hidden else []), "", tree])


def api_pages(table: str) -> dict[str, str]:
    """A page for each room of the table in docs/API.md, with the docstrings of its names."""
    rooms: dict[str, list[str]] = {}
    for room, names in re.findall(r"^\| `(clipedu[\w.]*)` \| (.*?) \|", table, re.M):
        rooms.setdefault(room, []).extend(re.findall(r"`(\w+)`", names))
    made = {}
    for room, names in rooms.items():
        rows = [f".. automodule:: {room}", "   :no-members:", "", f".. currentmodule:: {room}", ""]
        for name in names:
            thing = getattr(importlib.import_module(room), name)
            if inspect.isclass(thing):
                rows += [f".. autoclass:: {name}", "   :members:", ""]
            elif callable(thing):
                rows += [f".. autofunction:: {name}", ""]
            else:
                rows += [f".. autodata:: {name}", "   :no-value:", ""]
        body = "\n".join(rows)
        made[f"api/{room}.md"] = f"# `{room}`\n\n```{{eval-rst}}\n{body}```\n"
    return made


def linked(text: str, page: str, known: Sequence[str], root: Path) -> str:
    """Markdown whose links to files that are no pages, such as code, are their words alone.

    Links to pages, pictures, other websites and what is not there at all stay as they are: of the
    last, Sphinx warns.
    """

    def replace(found: re.Match[str]) -> str:
        target = found[2].split("#")[0]
        if not target or urlsplit(target).scheme or found[0].startswith("!"):
            return found[0]
        path = Path(os.path.normpath(root / page / ".." / target))
        inside = path.is_relative_to(root) and path.exists()
        return found[1] if inside and path.relative_to(root).as_posix() not in known else found[0]

    parts = re.split(r"(^```.*?^```$)", text, flags=re.M | re.S)
    return "".join(
        part if part.startswith("```") else re.sub(r"!?\[([^\]]*)\]\(([^)\s]+)\)", replace, part)
        for part in parts
    )


def notebook(data: dict[str, Any], page: str, link: Callable[[str], str]) -> dict[str, Any]:
    """A notebook for the site, and its pictures by file name under "pictures".

    A picture becomes a file and an <img> with the description that its output carries; numbers
    that the lesson's prose was filled with are no output to look at.
    """
    pictures: dict[str, bytes] = {}
    stem, up = PurePosixPath(page).stem, "../" * page.count("/")
    for cell in data["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = link("".join(cell["source"]))
        kept = []
        for output in cell.get("outputs", []):
            content = output.get("data", {})
            if "application/vnd.clipedu.numbers+json" in content:
                continue
            if "image/png" in content:
                name = f"_static/figures/{page.split('/')[0]}_{stem}_{len(pictures)}.png"
                pictures[name] = base64.b64decode("".join(content["image/png"]))
                said = output["metadata"].get("image/png", {}).get("alt", "")
                alt = html.escape(said or "".join(content.get("text/plain", "")), quote=True)
                img = f'<img class="figure" loading="lazy" src="{up}{name}" alt="{alt}">'
                output["data"], output["metadata"] = {"text/html": img}, {}
            kept.append(output)
        if cell["cell_type"] == "code":
            cell["outputs"] = kept
    return {"notebook": data, "pictures": pictures}


def lay_out(root: Path, source: Path, known: Sequence[str]) -> None:
    """Writes Sphinx's source folder for these pages; a file that has not changed is left alone."""
    own = root / "docs" / "site"
    files: dict[str, bytes] = {n: (own / n).read_bytes() for n in ("index.md", "draw.html")}
    made = api_pages((root / "docs" / "API.md").read_text("utf-8"))
    files |= {name: text.encode() for name, text in made.items()}
    for picture in root.glob("docs/pictures/*.png"):
        files[picture.relative_to(root).as_posix()] = picture.read_bytes()
    everything = [*known, *made]
    for name in SECTIONS:
        files[f"{name}.md"] = section(name, everything, root).encode()
    for page in known:
        text = (root / page).read_text("utf-8")

        def link(words: str, page: str = page) -> str:
            return linked(words, page, everything, root)

        if page.endswith(".ipynb"):
            found = notebook(json.loads(text), page, link)
            files[page] = json.dumps(found["notebook"]).encode()
            files |= found["pictures"]
        else:
            files[page] = link(text).encode()
    for old in [path for path in source.rglob("*") if path.is_file()]:
        if old.relative_to(source).as_posix() not in files:
            old.unlink()
    for name, content in files.items():
        path = source / name
        if not path.exists() or path.read_bytes() != content:
            write_whole(path, content)


# -------------------- Sphinx
def tidy(source: Path, out: Path) -> None:
    """Removes pages whose source is gone, which Sphinx would leave."""
    own = {"genindex", "py-modindex", "search"}
    for path in out.rglob("*.html"):
        name = path.relative_to(out).with_suffix("")
        has_source = any((source / f"{name}{kind}").exists() for kind in (".md", ".ipynb"))
        if not has_source and name.parts[0] != "_modules" and name.as_posix() not in own:
            path.unlink()


def run_sphinx(source: Path, out: Path, static: Path | None = None) -> int:
    """Makes the pages; 0 when there was no warning. `static`: the folder that page.py fills.

    Pages that have not changed are not read again, unless there are other pages than last time, to
    which they may link, or the last time ended with warnings, which would not be said again.
    """
    from sphinx.cmd.build import build_main

    tidy(source, out)
    if static:
        os.environ["CLIPEDU_SITE_STATIC"] = str(static)
    cache = out.with_name(out.name + "-doctrees")
    words = ["-c", str(HERE), "-b", "html", "-W", "--keep-going", "-q", "-d", str(cache)]
    well = cache / "read_without_warnings.txt"
    names = "\n".join(sorted(path.relative_to(source).as_posix() for path in source.rglob("*.*")))
    if not well.exists() or well.read_text("utf-8") != names:
        words.append("--fresh-env")
    well.unlink(missing_ok=True)
    code = int(build_main([*words, str(source), str(out)]))
    if code == 0:
        write_whole(well, names)
    return code


# -------------------- links
class _Page(HTMLParser):
    """What a page links to, what it loads, and where one can jump to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = {"", "top"}
        self.blind = 0  # pictures without a description
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        style = tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload")
        if style or tag in ("script", "img", "iframe", "source"):
            self.loads += [given[name] for name in ("src", "href") if given.get(name)]
        self.blind += tag == "img" and not given.get("alt")


def faults(out: Path) -> Iterator[str]:
    """Links that lead nowhere, things loaded from other machines, pictures without description."""
    read = {path: _Page(path.read_text("utf-8")) for path in sorted(out.rglob("*.html"))}
    for path, page in read.items():
        name = path.relative_to(out).as_posix()
        if page.blind:
            yield f"{name}: {page.blind} pictures without a description"
        for url in page.loads:
            if urlsplit(url).netloc:
                yield f"{name}: loads {url} from another machine"
        for url in [*page.links, *page.loads]:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            target = (
                Path(os.path.normpath(path.parent / unquote(parts.path))) if parts.path else path
            )
            if not target.is_file():
                yield f"{name}: {url} is not there"
            elif target in read and unquote(parts.fragment) not in read[target].anchors:
                yield f"{name}: {url} has no such heading"


# -------------------- all of it
def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=WORK / "html", help="folder of the website")
    out = parser.parse_args(argv).out.resolve()
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"  {time.monotonic() - began:5.1f} s  {what}", flush=True)

    from page import write_page

    logging.disable(logging.WARNING)  # torch's exporter names packages that nobody needs here
    say("the drawing page: onnxruntime-web, MathJax, the encoder and the names")
    try:
        made = write_page(WORK / "static", WORK / "npm")
    except (FileNotFoundError, ValueError) as problem:
        print(f"Stopped: {problem}", file=sys.stderr)
        # A CI machine that npm's packages don't reach says so, and its browser tests skip the site.
        return 0 if os.environ.get("CI") and "could not bring it" in str(problem) else 1
    finally:
        logging.disable(logging.NOTSET)  # Sphinx's warnings count
    size, error = made["encoder bytes"] / 1e6, made["encoder error"]
    say(f"{made['names']:,} names; encoder {size:.1f} MB, at most {error:.1e} from Python's cosine")
    known = pages(ROOT)
    lay_out(ROOT, WORK / "source", known)
    say(f"Sphinx: {len(known)} pages of the repository, and the API")
    if run_sphinx(WORK / "source", out, WORK / "static") != 0:
        print("Stopped: Sphinx has warnings, and each is a fault of a page", file=sys.stderr)
        return 1
    wrong = list(faults(out))
    print(*wrong, sep="\n", end="\n" if wrong else "", file=sys.stderr)
    say(f"{len(list(out.rglob('*.html')))} pages, {len(wrong)} faulty links or pictures: {out}")
    print(f"To see it: python -m http.server --bind 127.0.0.1 --directory {out}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
