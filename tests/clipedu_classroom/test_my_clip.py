"""`my_clip.py` grows out of passed answers, and nothing that a student wrote is ever lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clipedu_classroom import my_clip
from clipedu_classroom.checks import check
from clipedu_classroom.exercise_reader import course_record, parse_text
from clipedu_classroom.hints import progress

HEADER = '''"""my_clip.py: a CLIP of my own."""

from __future__ import annotations

import math
from itertools import pairwise

from torch import nn
from torch.nn import functional as F
'''
EXERCISE = """
# %% tags=["exercise"]
EXERCISE = dict(
    id="91.{number}", title="Part {number}", points=1, minutes=5, difficulty="easy", goal="Write.",
    hints=["one hint", "another hint"], my_clip="{module}",
)

# %% [markdown]
# Write it.

# %%
{code}

# %%
check("91.{number}", {name})
"""
MERGE = '''def merge_pair(symbols: tuple, pair: tuple) -> tuple:
    """Join every occurrence."""
    ### BEGIN SOLUTION
    merged, i = [], 0
    while i < len(symbols):
        found = symbols[i : i + 2] == pair
        merged.append(pair[0] + pair[1] if found else symbols[i])
        i += 2 if found else 1
    return tuple(merged)
    ### END SOLUTION'''
ENCODE = '''def encode_word(symbols: tuple, ranks: dict) -> tuple:
    """Apply the merges in the order in which they were learned."""
    ### BEGIN SOLUTION
    while len(symbols) > 1:
        best = min(pairwise(symbols), key=lambda pair: ranks.get(pair, math.inf))
        if best not in ranks:
            break
        symbols = merge_pair(symbols, best)
    return symbols
    ### END SOLUTION'''
MLP = '''class MLP(nn.Module):
    """(B, L, W) -> (B, L, W)."""

    def __init__(self, width: int, activation: str):
        super().__init__()
        ### BEGIN SOLUTION
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        return self.c_proj(F.gelu(self.c_fc(x)))
        ### END SOLUTION'''
SPECS = """
import torch
from clipedu.models.transformer import MLP
from clipedu.tokenizer.bpe import encode_word, merge_pair
from clipedu_classroom.spec import FunctionExercise, ModuleExercise, whole

def word(g):
    return tuple("ab"[whole(g, 0, 1)] for _ in range(whole(g, 5, 9)))

EXERCISES = [
    FunctionExercise(
        id="91.1", name="merge_pair", reference=merge_pair,
        inputs=lambda g: {"symbols": word(g), "pair": ("a", "b")},
    ),
    FunctionExercise(
        id="91.3", name="encode_word", reference=encode_word,
        inputs=lambda g: {"symbols": word(g), "ranks": {("a", "b"): 0, ("ab", "a"): 1}},
    ),
    ModuleExercise(
        id="91.2", name="MLP", reference=MLP, init={"width": 8, "activation": "gelu"},
        inputs=lambda g: {"x": torch.randn(2, 3, 8, generator=g)},
    ),
]
"""
SETUP = """
import torch
from torch import nn
from torch.nn import functional as F
from itertools import pairwise
import math
from clipedu.tokenizer.bpe import merge_pair
from clipedu_classroom import check
"""
MINE = MERGE.replace("    ### BEGIN SOLUTION\n", "    # my own way\n").replace(
    "\n    ### END SOLUTION", ""
)
FILES = {"parts.json", ".lock"}


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course of three parts, whose third comes before its second."""
    root = tmp_path / "course"
    lesson = root / "clipedu_lessons" / "l91_parts"
    lesson.mkdir(parents=True)
    (root / "pyproject.toml").touch()
    (lesson.parent / "common").mkdir()
    (lesson.parent / "common" / "my_clip_header.txt").write_text(HEADER)
    bpe, transformer = "clipedu.tokenizer.bpe", "clipedu.models.transformer"
    rows = [
        (1, "merge_pair", bpe, MERGE),
        (3, "encode_word", bpe, ENCODE),
        (2, "MLP", transformer, MLP),
    ]
    words = ("number", "name", "module", "code")
    cells = [EXERCISE.format(**dict(zip(words, row, strict=True))) for row in rows]
    text = f"# %% [markdown]\n# # Exercises 91\n\n# %%\n{SETUP.strip()}\n"
    (lesson / "exercises.py").write_text(text + "".join(cells))
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "lesson_91.py").write_text(SPECS)
    monkeypatch.setenv("CLIPEDU_SPECS", str(specs))
    monkeypatch.setenv("CLIPEDU_COURSE", str(root))
    return root


class Notebook:
    """What IPython remembers of the cells that were run, without a kernel."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cells: list[str] = []
        self.space: dict[str, object] = {"__name__": "__main__"}
        monkeypatch.setattr(my_clip, "executed_cells", self.executed)
        self.run(SETUP)

    def executed(self, space: dict[str, object]) -> list[str]:
        return [my_clip.without_marks(my_clip.clean(cell)) for cell in self.cells]

    def run(self, cell: str) -> None:
        self.cells.append(cell)
        exec(compile(my_clip.clean(cell), "cell", "exec"), self.space)

    def check(self, exercise_id: str, name: str, capsys: pytest.CaptureFixture[str]) -> str:
        """What is printed above the report of an answer that passes."""
        self.run(f"report = check({exercise_id!r}, {name})")
        printed = capsys.readouterr().out.strip()
        assert self.space["report"].passed, self.space["report"]  # type: ignore[attr-defined]
        return printed


@pytest.fixture
def notebook(course: Path, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    return Notebook(monkeypatch)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Without the second process, which most of these tests do not need; the texts it would get."""
    texts: list[str] = []
    monkeypatch.setattr(my_clip, "_check_again", lambda key, text: texts.append(text))
    return texts


def the_file(course: Path) -> str:
    return (course / "my_clip.py").read_text()


def versions(course: Path) -> list[str]:
    names = {path.name for path in (course / "my_clip_versions").glob("*")}
    return sorted(names - FILES - {".lock"})


# ------------------------------------------------------------------------- the way it should go


def test_three_answers_become_a_file_that_stands_alone(course, notebook, capsys):
    """The real thing, with the second process."""
    notebook.run("def glue(pair):\n    return pair[0] + pair[1]  # together")
    notebook.run("%%time\n# how it works\n" + MINE.replace("pair[0] + pair[1]", "glue(pair)"))
    said = notebook.check("91.1", "merge_pair", capsys)
    assert said == "my_clip.py: merge_pair is now yours (exercise 91.1)."
    text = the_file(course)
    assert text.startswith(HEADER.rstrip())
    assert "# ---- exercise 91.1: merge_pair ----\ndef glue(pair):" in text
    assert "  # together\n\n\n# how it works\ndef merge_pair" in text
    assert "\nfrom clipedu.tokenizer.bpe import encode_word  # not yours yet\n" in text
    notebook.run(MLP)
    notebook.run("import numpy as np, os\n" + ENCODE.replace("math.inf", "np.inf"))
    notebook.check("91.2", "MLP", capsys)
    notebook.check("91.3", "encode_word", capsys)
    text = the_file(course)
    assert text.index("merge_pair ----") < text.index("encode_word ----") < text.index("MLP ----")
    assert "import numpy as np\n" in text and "import os" not in text and "clipedu" not in text
    assert "SOLUTION" not in text and "check" not in text and "%%time" not in text
    assert versions(course) == []
    space: dict[str, object] = {}
    exec(text, space)
    assert space["encode_word"](("a", "b", "a"), {("a", "b"): 0}) == ("ab", "a")  # type: ignore[operator]


def test_passing_again_changes_nothing_and_checks_nothing(course, notebook, at_once, capsys):
    notebook.run(MINE)
    notebook.check("91.1", "merge_pair", capsys)
    before = the_file(course)
    said = notebook.check("91.1", "merge_pair", capsys)
    assert said == "my_clip.py: merge_pair is yours already (exercise 91.1)."
    assert (the_file(course), len(at_once), versions(course)) == (before, 1, [])


def test_a_new_answer_replaces_the_old_one_which_is_kept(course, notebook, at_once, capsys):
    notebook.run(MINE)
    notebook.check("91.1", "merge_pair", capsys)
    before = the_file(course)
    notebook.run(MINE.replace("my own way", "another way"))
    said = notebook.check("91.1", "merge_pair", capsys)
    assert said == (
        "my_clip.py: merge_pair is replaced by your new answer; the file before is "
        "my_clip_versions/my_clip_0001.py (exercise 91.1)."
    )
    assert "another way" in the_file(course)
    assert (course / "my_clip_versions" / "my_clip_0001.py").read_text() == before


def test_the_solution_word_for_word_is_counted_apart(course, notebook, at_once, capsys):
    notebook.run(MERGE)
    notebook.check("91.1", "merge_pair", capsys)
    notebook.run(MLP.replace("F.gelu", "nn.functional.gelu"))
    notebook.check("91.2", "MLP", capsys)
    line = "my_clip.py  ▒░█  1 of 3 parts are yours, 1 the course's solutions. Next: exercise 91.3"
    assert line in progress("91").text


def test_a_script_is_read_where_there_is_no_notebook(course, tmp_path, at_once, capsys):
    script = tmp_path / "answer.py"
    script.write_text(f"{SETUP}\n{MINE}\nreport = check('91.1', merge_pair)\n")
    space = {"__name__": "__main__", "__file__": str(script)}
    exec(compile(script.read_text(), script, "exec"), space)
    assert "is now yours" in capsys.readouterr().out
    assert "check" not in the_file(course)


def test_without_a_text_it_says_how(course, at_once, capsys):
    space: dict[str, object] = {"__name__": "__main__"}
    exec(f"{SETUP}\n{MINE}\nreport = check('91.1', merge_pair)\n", space)
    assert "run the answer's cell in its notebook" in capsys.readouterr().out
    assert not (course / "my_clip.py").exists()


def test_nothing_is_kept_where_no_progress_is(course, notebook, at_once, capsys, monkeypatch):
    monkeypatch.setenv("CLIPEDU_STATE", "off")
    notebook.run(MINE)
    assert "is now yours" in notebook.check("91.1", "merge_pair", capsys)
    assert not (course / "my_clip.py").exists() and (my_clip.folder() / "my_clip.py").exists()
    (my_clip.folder() / "my_clip.py").unlink()


def test_grading_keeps_nothing(course, notebook, at_once, capsys, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    notebook.run(MINE)
    assert notebook.check("91.1", "merge_pair", capsys) == ""
    assert not (course / "my_clip.py").exists()


def test_a_file_of_the_solutions(course):
    text = my_clip.complete()
    assert "SOLUTION" not in text and "clipedu" not in text
    header, parts = my_clip.parse(text)
    assert (header, list(parts)) == (HEADER.rstrip(), ["91.1", "91.3", "91.2"])
    assert my_clip.render(header, parts.values()) == text


def test_the_statement_says_where_the_answer_goes(course):
    from clipedu_classroom.notebooks import make_notebook

    text = parse_text(course / "clipedu_lessons" / "l91_parts" / "exercises.py")
    assert "part of your `my_clip.py`" in make_notebook(text).cells[2].source


# ------------------------------------------------------------------------- bad input


def broken(course: Path, find: str, put: str) -> str:
    """Edit the student's file by hand; returns the new text."""
    text = the_file(course)
    assert find in text
    (course / "my_clip.py").write_text(text.replace(find, put))
    return the_file(course)


def started(course: Path, notebook: Notebook, capsys: pytest.CaptureFixture[str]) -> None:
    notebook.run(MINE)
    notebook.check("91.1", "merge_pair", capsys)
    notebook.run(MLP)


def test_an_edit_by_hand_is_respected(course, notebook, at_once, capsys):
    started(course, notebook, capsys)
    edited = broken(course, "# my own way", "# edited in the file")
    said = notebook.check("91.1", "merge_pair", capsys)
    assert said == "my_clip.py: merge_pair stays as you edited it there (exercise 91.1)."
    notebook.check("91.2", "MLP", capsys)
    assert "# edited in the file" in the_file(course)
    notebook.run(MINE.replace("my own way", "another way"))
    assert "my_clip_0001.py" in notebook.check("91.1", "merge_pair", capsys)
    kept = course / "my_clip_versions" / "my_clip_0001.py"
    assert "# edited in the file" in kept.read_text() and edited.startswith(HEADER)


def test_a_file_that_does_not_import_stays(course, notebook, capsys):
    started(course, notebook, capsys)
    for find, put, words in [
        ("merged, i = [], 0", "merged, i = [], 0)", "exercise 91.1: SyntaxError"),
        ("import math", "import maths", "line 5: ModuleNotFoundError: No module named 'maths'"),
    ]:
        whole = the_file(course)
        edited = broken(course, find, put)
        said = notebook.check("91.2", "MLP", capsys)
        assert words in said and "The file is as it was." in said
        assert the_file(course) == edited and versions(course) == []
        (course / "my_clip.py").write_text(whole)


def test_a_renamed_part_stays(course, notebook, at_once, capsys):
    started(course, notebook, capsys)
    edited = broken(course, "def merge_pair", "def merge")
    said = notebook.check("91.1", "merge_pair", capsys)
    assert "give it the exercise's name again" in said and "as it was" in said
    assert the_file(course) == edited


def test_a_part_under_no_heading_is_not_doubled(course, notebook, at_once, capsys):
    started(course, notebook, capsys)
    edited = broken(course, "# ---- exercise 91.1: merge_pair ----", "# mine:")
    said = notebook.check("91.1", "merge_pair", capsys)
    assert "also defined in the header" in said
    assert the_file(course) == edited


def test_parts_of_ones_own_stay_where_they_are(course, notebook, at_once, capsys):
    started(course, notebook, capsys)
    own = "# ---- exercise 77.1: play ----\nplay = 1\n\n"
    broken(course, "# ---- exercise 91.2", own + "# ---- exercise 91.2")
    notebook.check("91.2", "MLP", capsys)
    text = the_file(course)
    assert text.index("91.3: encode_word") < text.index(own) < text.index("exercise 91.2")


def test_the_same_heading_twice(course, notebook, at_once, capsys):
    started(course, notebook, capsys)
    text = the_file(course)
    (course / "my_clip.py").write_text(text + "\n# ---- exercise 91.1: again ----\n")
    assert "has two parts; join them" in notebook.check("91.2", "MLP", capsys)
    assert "cannot be read: exercise 91.1 has two parts" in progress().text


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"#" * 1_000_001, None])
def test_a_file_that_is_none(course, notebook, at_once, capsys, content):
    path = course / "my_clip.py"
    path.write_bytes(content) if content else path.mkdir()
    notebook.run(MINE)
    said = notebook.check("91.1", "merge_pair", capsys)
    assert said.startswith("my_clip.py: it is no") and "as it was" in said
    assert path.is_dir() if content is None else path.read_bytes() == content


def test_an_answer_of_the_library_is_refused(course, notebook, at_once, capsys):
    notebook.run("from clipedu.models import transformer as t\nMLP = t.MLP")
    for cell in (
        "",
        "class MLP(t.MLP):\n    pass",
        "import functools\nMLP = functools.partial(MLP)",
    ):
        notebook.run(cell)
        notebook.run("report = check('91.2', MLP)")
        report = notebook.space["report"]
        assert report.status == "not attempted" and "comes from clipedu" in report.message  # type: ignore[attr-defined]
    inner = MINE.replace("# my own way", "return bpe.merge_pair(symbols, pair)")
    for way in ("import clipedu.tokenizer.bpe as bpe", "from clipedu.tokenizer import bpe"):
        notebook.run(f"{way}\n{inner}")
        assert "is to stand alone" in notebook.check("91.1", "merge_pair", capsys)
    assert not (course / "my_clip.py").exists()


def test_an_answer_that_needs_what_only_the_notebook_has(course, notebook, capsys):
    notebook.space["glue"] = lambda pair: pair[0] + pair[1]  # no cell defines it
    notebook.run(MINE.replace("pair[0] + pair[1]", "glue(pair)"))
    said = notebook.check("91.1", "merge_pair", capsys)
    assert "not by itself in the file: Calling it raised NameError" in said
    notebook.run("import os\n@(lambda f: os._exit(3) if __name__ == 'my_clip' else f)\n" + MINE)
    assert "ended before it answered" in notebook.check("91.1", "merge_pair", capsys)
    assert not (course / "my_clip.py").exists()


def test_an_answer_that_never_ends_in_the_file(course, notebook, capsys, monkeypatch):
    monkeypatch.setattr(my_clip, "SECONDS", 8)
    notebook.run("@(lambda f: [0 for _ in iter(int, 1)] if __name__ == 'my_clip' else f)\n" + MINE)
    assert "longer than 8 seconds" in notebook.check("91.1", "merge_pair", capsys)


def test_another_name(course, notebook, at_once, capsys):
    notebook.run(MINE.replace("def merge_pair", "def glue"))
    assert "your answer is called glue; call it merge_pair" in notebook.check(
        "91.1", "glue", capsys
    )


def test_two_helpers_of_one_name(course, notebook, at_once, capsys):
    notebook.run("def join(a, b):\n    return a + b")
    notebook.run(MINE.replace("pair[0] + pair[1]", "join(*pair)"))
    notebook.check("91.1", "merge_pair", capsys)
    notebook.run("def join(a, b):\n    return a, b")
    notebook.run("from clipedu.tokenizer.bpe import merge_pair")
    notebook.run(ENCODE.replace("merge_pair(symbols, best)", "merge_pair(*join(symbols, best))"))
    said = notebook.check("91.3", "encode_word", capsys)
    assert "join is also defined in the part of exercise 91.1" in said
    notebook.run("def join(a, b):\n    return a + b")
    notebook.run(ENCODE.replace("len(symbols)", "len(join(symbols, ()))"))
    assert "is now yours" in notebook.check("91.3", "encode_word", capsys)


def test_a_folder_that_cannot_be_written(course, notebook, at_once, capsys, monkeypatch):
    started(course, notebook, capsys)
    before = the_file(course)

    def full(path: Path, content: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(my_clip, "write_whole", full)
    said = notebook.check("91.2", "MLP", capsys)
    assert said.startswith("my_clip.py could not be written (No space left on device)")
    assert the_file(course) == before
    if os.geteuid():  # root may write everywhere
        monkeypatch.undo()
        course.chmod(0o500)
        assert "read-only" in notebook.check("91.2", "MLP", capsys)
        course.chmod(0o700)


def test_a_new_header_of_the_course_unless_it_was_edited(course, notebook, at_once, capsys):
    started(course, notebook, capsys)
    header = course / "clipedu_lessons" / "common" / "my_clip_header.txt"
    header.write_text(HEADER + "import regex\n")
    notebook.check("91.2", "MLP", capsys)
    assert "import regex" in the_file(course)
    broken(course, "import regex", "import regex as re")
    header.write_text(HEADER + "import regex\nimport string\n")
    notebook.run(MINE.replace("my own way", "another way"))
    notebook.check("91.1", "merge_pair", capsys)
    assert "import regex as re" in the_file(course) and "import string" not in the_file(course)


def test_only_so_many_versions_are_kept(tmp_path):
    for number in range(my_clip.MOST_VERSIONS + 3):
        name = my_clip._keep_version(tmp_path, str(number))
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert len(kept) == my_clip.MOST_VERSIONS and kept[-1] == name == "my_clip_0203.py"


# ------------------------------------------------------------------------- other processes

WRITER = """
import sys, time
from clipedu_classroom import my_clip
from clipedu_classroom.exercise_reader import course_record
my_clip._check_again = lambda key, text: time.sleep(0.2)
my_clip.executed_cells = lambda space: [my_clip.without_marks(open(sys.argv[3]).read())]
if sys.argv[4] == "dies":
    import os, clipedu.files
    clipedu.files.os.replace = lambda *paths: os._exit(9)
print(my_clip.keep(course_record(sys.argv[1]), [], {}))
"""


def write(course: Path, exercise_id: str, code: str, how: str = "") -> subprocess.Popen[str]:
    answer = course / f"{exercise_id}.txt"
    answer.write_text(code)
    command = [sys.executable, "-c", WRITER, exercise_id, "", str(answer), how]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_notebooks_at_once(course):
    others = [write(course, key, code) for key, code in (("91.1", MINE), ("91.2", MLP))]
    assert all("is now yours" in other.communicate(timeout=200)[0] for other in others)
    assert list(my_clip.standing().values()) == ["yours", "", "the course's"]


def test_killed_in_the_middle_of_a_write(course):
    write(course, "91.1", MINE).communicate(timeout=200)
    before = the_file(course)
    dead = write(course, "91.2", MLP, "dies")
    dead.communicate(timeout=200)
    assert dead.returncode == 9 and the_file(course) == before
    begin = time.monotonic()
    assert "is now yours" in write(course, "91.2", MLP).communicate(timeout=200)[0]
    assert time.monotonic() - begin < 100  # it left no lock behind
    assert json.loads((course / "my_clip_versions" / "parts.json").read_text())["91.2"]


def test_another_notebook_that_hangs(course, notebook, at_once, capsys, monkeypatch):
    from filelock import FileLock

    (course / "my_clip_versions").mkdir()
    monkeypatch.setattr(my_clip, "SECONDS", -29.9)  # seconds to wait: this and thirty
    notebook.run(MINE)
    with FileLock(course / "my_clip_versions" / ".lock"):
        said = notebook.check("91.1", "merge_pair", capsys)
    assert (
        said == "my_clip.py: another notebook is writing it; run this check again (exercise 91.1)."
    )


def test_the_course_knows_its_parts(course):
    assert course_record("91.3").my_clip == "clipedu.tokenizer.bpe"
    assert check("91.3").status == "not attempted"


def test_the_build_makes_it_and_checks_it(course):
    from clipedu_classroom.build import build

    assert any("not what the solutions make" in str(p) for p in build(check=True).problems)
    build()
    made = course / "solutions" / "my_clip.py"
    assert made.read_text() == my_clip.complete()
    assert not any(p.path == made for p in build(check=True).problems)
    made.write_text(made.read_text() + "# edited\n")
    assert any(p.path == made for p in build(check=True).problems)
