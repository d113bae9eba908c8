"""What the guides and the README name exists: files, headings, sections of lessons, commands with
their options, exercises, misconceptions; minutes add up. Each rule is shown to fail."""

from __future__ import annotations

import argparse
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from clipedu.cli.main import all_verbs, make_parser
from clipedu_classroom.exercise_reader import course_records

ROOT = Path(__file__).resolve().parents[2]
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "docs/GRADING.md")]
PAGES += [ROOT / "docs" / "INSTALL.md", *GUIDES]
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
#: Anything of this form in a guide is an exercise; lesson 14 is the example of contributor.md.
EXERCISE = re.compile(r"(?<![\d.])(?:0\d|1[0-3])\.\d{1,2}(?![\d.]|\s?%)")


def headings(path: Path) -> list[str]:
    """Of a page, or of a lesson's text, where each line begins with '# '."""
    mark = r"^# #+ (.+)$" if path.suffix == ".py" else r"^#+ (.+)$"
    return re.findall(mark, FENCED.sub("", path.read_text("utf-8")), re.MULTILINE)


def anchor(heading: str) -> str:
    """As GitHub and MyST make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


@cache
def lesson_headings(number: str) -> list[str]:
    (path,) = (ROOT / "clipedu_lessons").glob(f"l{number}_*/lesson.py")
    return headings(path)


@cache
def options_of(verb: str) -> set[str] | None:
    """A verb's options, those of its own verbs included; None if clipedu has no such verb."""
    if verb not in all_verbs():
        return None
    found: set[str] = set()
    waiting = [subparsers(make_parser(verb))[verb]]
    while waiting:
        parser = waiting.pop()
        found |= set(parser._option_string_actions)
        waiting += subparsers(parser).values()
    return found


def subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    choices = [a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(choices[0]) if choices else {}


@cache
def course_verbs() -> set[str]:
    text = (ROOT / "course.py").read_text("utf-8")
    return set(re.findall(r'^    "([\w-]+)": \(', text, re.MULTILINE))


def wrong_links(text: str, page: Path) -> list[str]:
    found = []
    for words, target in LINK.findall(FENCED.sub("", text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, fragment = unquote(target).partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists():
            found.append(f"{target} is not there")
        elif fragment and fragment not in map(anchor, headings(path)):
            found.append(f"{target}: no such heading")
        if part := re.fullmatch(r"(\d\d), (?:section (\d+)|(.+))", words):
            number, section, title = part.groups()
            if not path.name.startswith(f"{number}_"):
                found.append(f"{words} leads to {path.name}")
            elif not any(
                h.startswith(f"{section}. ") or h == title for h in lesson_headings(number)
            ):
                found.append(f"lesson {number} has no section {section or title}")
    return found


def wrong_commands(text: str) -> list[str]:
    """In fenced blocks and in `code` that begins with clipedu or make."""
    text, found = re.sub(r"\\\n", " ", text), []
    blocks = "\n".join(FENCED.findall(text)).replace(" && ", "\n")
    inline = "\n".join(re.findall(r"`((?:clipedu|make) [^`]+)`", FENCED.sub("", text)))
    for line in f"{blocks}\n{inline}".splitlines():
        line = re.sub(r"^[\w./-]*bin/|.*-m (?=clipedu )|\s#.*", "", line.strip())
        if run := re.match(r"clipedu ([a-z]+)\b(.*)", line):
            verb, rest = run.groups()
            known = options_of(verb)
            if known is None:
                found.append(f"clipedu {verb} is no verb")
            else:
                asked = re.findall(r"(?<=\s)--[a-z][\w-]*", rest)
                found += [f"clipedu {verb} has no {o}" for o in asked if o not in known]
        for verb in re.findall(r"^(?:make|python course\.py) ([a-z][\w-]*)", line):
            found += [] if verb in course_verbs() else [f"make {verb} is no verb"]
    return found


def wrong_exercises(text: str) -> list[str]:
    known = course_records()
    return [f"there is no exercise {id}" for id in EXERCISE.findall(text) if id not in known]


def minutes_of(ids: list[str]) -> str:
    return f"{sum(course_records()[id].minutes for id in ids):g}"


def wrong_minutes(text: str) -> list[str]:
    """A table row of exercises ends with the sum of their minutes; a row of a lesson in syllabi.md
    says all its minutes and those of my_clip.py; the notes say them in a sentence."""
    found, records = [], course_records()
    for row in re.findall(r"^\|.+\|$", text, re.MULTILINE):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        ids = EXERCISE.findall(row) if cells[-1].isdigit() else []
        if ids and cells[-1] != minutes_of(ids):
            found.append(f"{ids} take {minutes_of(ids)} minutes, not {cells[-1]}")
        if lesson := re.match(r"(\d\d) [a-z]", cells[0]):
            all_ids = [id for id in records if id.startswith(f"{lesson[1]}.")]
            parts = [id for id in all_ids if records[id].my_clip]
            if cells[2:] != [minutes_of(all_ids), minutes_of(parts)]:
                found.append(f"{lesson[1]}: {minutes_of(all_ids)}, {minutes_of(parts)}")
    for lesson, section in re.findall(r"^## (\d\d) (.+?)(?=^## |\Z)", text, re.M | re.S):
        told = re.findall(r"reading, (\d+) minutes of exercises", section)
        wanted = minutes_of([id for id in records if id.startswith(f"{lesson}.")])
        found += [] if told == [wanted] else [f"lesson {lesson}: {wanted} minutes, not {told}"]
    return found


def wrong_titles(text: str) -> list[str]:
    """Misconceptions that the notes quote and no check prints."""
    quoted = re.findall(r'^\* (\d\d\.\d+): "(.+)"$', text, re.MULTILINE)
    found = []
    for id, title in quoted:
        record = course_records().get(id)
        if record is None or title not in [wrong.name for wrong in record.wrong]:
            found.append(f"no wrong variant of {id} is called {title!r}")
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_what_a_page_names_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    wrong = wrong_links(text, page) + wrong_commands(text)
    if page in GUIDES:
        wrong += wrong_exercises(text) + wrong_minutes(text) + wrong_titles(text)
    assert wrong == []


def test_the_guides_are_all_there() -> None:
    names = {page.stem for page in GUIDES}
    assert names >= {"student", "instructor", "contributor", "teaching-notes", "syllabi"}
    assert "questions" in names
    notes = headings(ROOT / "docs" / "guides" / "teaching-notes.md")
    assert [h[:2] for h in notes if h[:2].isdigit()] == [f"{n:02}" for n in range(14)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[a lesson](../../notebooks/99_none.ipynb)", "../../notebooks/99_none.ipynb is not there"),
        ("[late](../GRADING.md#early-work)", "../GRADING.md#early-work: no such heading"),
        ("[03, section 99](../../notebooks/03_the_contrastive_loss.ipynb)", "has no section 99"),
        ("[04, A title](../../notebooks/04_train_a_clip.ipynb)", "lesson 04 has no section A ti"),
        ("[05, section 1](../../notebooks/04_train_a_clip.ipynb)", "05, section 1 leads to 04_"),
        ("```\nclipedu begin DIR\n```", "clipedu begin is no verb"),
        ("`clipedu grade --fast`", "clipedu grade has no --fast"),
        ("```\n.venv/bin/clipedu bundle 03 \\\n    --zip x\n```", "clipedu bundle has no --zip"),
        ("run `make coffee` first", "make coffee is no verb"),
        ("```\npython course.py brew\n```", "make brew is no verb"),
        ("do exercise 03.99, then 01.2", "there is no exercise 03.99"),
        ("| 1 | 00.1, 00.3 | 7 |", "take 20 minutes, not 7"),
        ("| 00 pictures and words | 75 | 124 | 3 |", "00: 124, 0"),
        ("## 00 · Pictures\n75 minutes of reading, 5 minutes of exercises.", "minutes, not ['5']"),
        ('* 01.2: "pairs are ignored"', "no wrong variant of 01.2 is called 'pairs are ignored'"),
    ],
)
def test_what_is_planted_is_found(text: str, words: str) -> None:
    page = ROOT / "docs" / "guides" / "student.md"
    wrong = wrong_links(text, page) + wrong_commands(text) + wrong_exercises(text)
    wrong += wrong_minutes(text) + wrong_titles(text)
    assert len(wrong) == 1 and words in wrong[0]


def test_what_is_right_is_left_alone() -> None:
    text = "in 68.3 % and arXiv 2103.00020 [x](https://example.org) `make sure` of it\n"
    text = text.replace("`make sure` of it", "`make course ARGS=05`")
    text += "```\nclipedu bundle 00 01 --out week1.zip   # a comment --with words\n```\n"
    assert wrong_links(text, ROOT / "README.md") + wrong_commands(text) == []
    assert wrong_exercises("12.5 % of 13.4 %, and exercise 01.2") == []
