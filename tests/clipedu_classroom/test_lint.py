"""Each rule fires on a text that breaks it, names the line, and is silent on a good text.

The good text is the example in the lessons' README.md, so the one that authors copy is proved
sound.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clipedu_classroom.lint import lint

README = Path(__file__).parents[2] / "clipedu_lessons" / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S)
EXERCISES = next(block for block in BLOCKS if "BEGIN SOLUTION" in block)
LESSON = next(block for block in BLOCKS if "info_nce" in block)
LESSON += "\n# %% [markdown]\n# ## Next\n" + "# %%\nx = 1\n" * 30


def found(tmp_path: Path, text: str, name: str) -> list[tuple[str, int, str]]:
    """(rule, line, level) of every finding."""
    path = tmp_path / "clipedu_lessons" / "l03_loss" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    problems = lint(path)
    assert all(
        problem.path == path and str(problem).count(f":{problem.line}:") for problem in problems
    )
    return [(problem.rule, problem.line, problem.level) for problem in problems]


def line_of(text: str, words: str) -> int:
    """The line (from 1) on which `words` starts."""
    return text[: text.index(words)].count("\n") + 1


def test_the_example_for_authors_has_nothing_wrong(tmp_path):
    assert found(tmp_path, EXERCISES, "exercises.py") == []
    assert found(tmp_path, LESSON, "lesson.py") == []


# rule, what is replaced, by what, words on the line that must be named ("" for: any line)
BAD_EXERCISES = [
    ("title", 'title="The symmetric loss"', 'title=""', '# %% tags=["exercise"]'),
    ("goal", 'goal="Know the number that a training run starts from."', 'goal=" "', ""),
    ("points", "points=1,\n", "", '# %% tags=["exercise"]'),
    ("points", "points=1,\n", "points=True,\n", ""),
    ("minutes", "minutes=5,\n", "", ""),
    ("minutes", "minutes=5,\n", "minutes=90,\n", ""),
    ("difficulty", 'difficulty="easy"', "difficulty=2", ""),
    ("difficulty", 'difficulty="easy",\n', "", ""),
    ("hints", '        "The cross-entropy of a uniform guess among N is ln N.",\n', "", ""),
    ("hints", "hints=[\n", "hints=[7,\n", ""),
    ("kind", 'kind="predict"', 'kind="essay"', ""),
    ("id", 'id="03.1"', 'id="04.1"', ""),
    ("id", 'id="03.1"', 'id="first"', ""),
    ("duplicate-id", 'id="03.2"', 'id="03.1"', ""),
    ("my_clip", 'kind="predict"', 'kind="predict",\n    my_clip="torch.nn"', ""),
    ("my_clip", 'kind="predict"', 'my_clip="no module"', ""),
    ("description", "points=1", "marks=1", "marks=1"),
    ("description", "points=1", "points=one", "points=one"),
    ("description", "EXERCISE = dict(\n    id", "EXERCISE = print(\n    id", ""),
    ("description", 'id="03.1",', 'id="03.1" oops', 'id="03.1" oops'),
    ("no-statement", "# %% [markdown]\n# A fresh model meets", "# %%\n# A fresh model meets", ""),
    (
        "repeated-heading",
        "# A fresh model meets",
        "# ## Predict\n# A fresh model meets",
        "# ## Predict",
    ),
    ("no-check", 'check("03.2", contrastive_loss)', "contrastive_loss", ""),
    ("check-id", 'check("03.2", contrastive_loss)', 'check("03.1", contrastive_loss)', ""),
    (
        "no-solution",
        "### BEGIN SOLUTION\nloss_at_start = 4.16\n### END SOLUTION",
        "loss_at_start = 4",
        "",
    ),
    ("no-rubric", '# %% [markdown] tags=["rubric"]', "# %% [markdown]", ""),
    ("no-answer", '# %% [markdown] tags=["answer"]', "# %% [markdown]", ""),
    ("variants", '# %% the logarithm has base 2 tags=["wrong"]\nloss_at_start = 6.0\n', "", ""),
    (
        "variant-name",
        "# %% the logarithm has base 2 tags",
        "# %% tags",
        '# %% tags=["wrong"]\nloss_at_start = 6.0',
    ),
    (
        "variant-name",
        "# %% the logarithm has base 2 tags",
        "# %% The logarithm has base 2. tags",
        "# %% The log",
    ),
    ("variant-code", "loss_at_start = 6.0", "loss = 6.0", "# %% the logarithm has base 2"),
    ("variant-code", "loss_at_start = 6.0", "loss_at_start = = 6.0", "loss_at_start = = 6.0"),
    (
        "solution-marks",
        '### END SOLUTION\n\n# %%\ncheck("03.1"',
        '\n# %%\ncheck("03.1"',
        "### BEGIN",
    ),
    ("solution-marks", "loss_at_start = 4.16\n", "loss_at_start = 4.16\n### BEGIN SOLUTION\n", ""),
    (
        "solution-marks",
        "### BEGIN SOLUTION\nloss_at_start = 4.16",
        "## begin solution\nloss_at_start = 4.16",
        "",
    ),
    (
        "solution-marks",
        "### BEGIN SOLUTION\nloss_at_start = 4.16",
        "### BEGIN SOLUTION\n# 4.16",
        "",
    ),
    (
        "solution-marks",
        "loss_at_start = 4.16",
        "def loss():\n    return 4.16",
        "### BEGIN SOLUTION",
    ),
    (
        "solution-marks",
        "### BEGIN SOLUTION\nloss_at_start = 4.16",
        "if True:\n### BEGIN SOLUTION\n    x = 1",
        "",
    ),
    (
        "two-solutions",
        '# %%\ncheck("03.1"',
        '# %%\n### BEGIN SOLUTION\nx = 1\n### END SOLUTION\n\n# %%\ncheck("03.1"',
        "",
    ),
    (
        "outside-exercise",
        "# %%\nimport torch\n",
        '# %%\ncheck("03.1", 1)\n\n# %%\nimport torch\n',
        '# %%\ncheck("03.1", 1)',
    ),
    ("cell-kind", '# %% [markdown] tags=["answer"]', '# %% tags=["answer"]', ""),
    (
        "leak",
        "# Return the mean",
        "# `columns = nn.functional.cross_entropy(logits.T, labels)`. Return the mean",
        "",
    ),
    (
        "leak",
        "# Choose three batch sizes",
        "# * 2 points: a figure or table with units, and the loss compared with ln N.\n# Choose",
        "",
    ),
    (
        "heading",
        "# Choose three batch sizes",
        "# #### Setup\n# Choose three batch sizes",
        "# #### Setup",
    ),
    (
        "text-before-cells",
        "# %% [markdown]\n# # Exercises 03",
        "import os\n# %% [markdown]\n# # Exercises 03",
        "",
    ),
    ("cell-option", "# %%\nimport torch", "# %% a = b\nimport torch", "# %% a = b"),
    (
        "unknown-tag",
        "# %%\nimport torch",
        '# %% tags=["nbval-check-ouput"]\nimport torch',
        '# %% tags=["nbval',
    ),
]


@pytest.mark.parametrize(("rule", "old", "new", "at"), BAD_EXERCISES)
def test_a_rule_for_exercises_fires_and_names_the_line(tmp_path, rule, old, new, at):
    assert old in EXERCISES
    text = EXERCISES.replace(old, new, 1)
    problems = found(tmp_path, text, "exercises.py")
    assert rule in {name for name, _, level in problems if level == "error"}
    if at and at != '# %% tags=["exercise"]':
        assert line_of(text, at) in {line for name, line, _ in problems if name == rule}


BAD_LESSONS = [
    ("alt-text", "# Two pictures", "# ![ ](https://x.example/a.png)\n# Two pictures", "# ![ ]("),
    ("alt-text", "# Two pictures", '# <img src="a.png" alt="A">\n# Two pictures', "# <img"),
    ("missing-picture", "# Two pictures", "# ![A loss](../a.png)\n# Two pictures", "# ![A loss]"),
    ("link-text", "# Two pictures", "# See [here](05.ipynb). Two pictures", "# See [here]"),
    ("link-text", "# Two pictures", "# [**Click here**](05.ipynb) Two pictures", "# [**Click"),
    ("heading", "# ## By hand", "# ### By hand", "# ### By hand"),
    ("heading", "# # 03", "# ## 03", "# ## 03"),
    ("long-cell", "x = 1\n", "x = 1\n" * 16, "# %%\nx = 1\nx = 1"),
    ("empty-cell", "# %%\nx = 1\n", "# %%\n# %%\nx = 1\n", "# %%\n# %%"),
    ("unknown-tag", "nbval-check-output", "nbval-chek-output", "# %% tags"),
    ("cell-option", "# %%\nx = 1\n", "# %% colour=3\nx = 1\n", "# %% colour"),
]


@pytest.mark.parametrize(("rule", "old", "new", "at"), BAD_LESSONS)
def test_a_rule_for_lessons_fires_and_names_the_line(tmp_path, rule, old, new, at):
    assert old in LESSON
    text = LESSON.replace(old, new, 1)
    problems = found(tmp_path, text, "lesson.py")
    assert (rule, line_of(text, at), "error") in problems
    assert {name for name, _, _ in problems} == {rule}


ALLOWED = [
    "# ```python\n# # a comment, no heading; ![](x.png) and [here](y)\n# ```",
    "# `![](x.png)` is how a picture is written, `[here](y)` a link",
    "# [Lesson 05](05_zero_shot.ipynb) goes on",
    "# #hashtags are no headings",
]


@pytest.mark.parametrize("line", ALLOWED)
def test_what_only_looks_like_a_fault_is_let_through(tmp_path, line):
    assert found(tmp_path, LESSON.replace("# Two pictures", f"{line}\n# Two", 1), "lesson.py") == []


def test_a_picture_that_exists_with_words_is_let_through(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "a.png").write_bytes(b"")
    text = LESSON.replace("# Two pictures", "# ![A falling loss](a.png)\n# Two", 1)
    assert found(tmp_path, text, "lesson.py") == []


def test_a_lesson_of_unusual_length_is_a_warning(tmp_path):
    short = LESSON.replace("# %%\nx = 1\n", "", 10)
    assert found(tmp_path, short, "lesson.py") == [("lesson-length", 1, "warning")]
    long = LESSON + "# %%\nx = 1\n" * 40
    assert found(tmp_path, long, "lesson.py") == [("lesson-length", 1, "warning")]


def test_files_that_cannot_be_read_are_named(tmp_path):
    assert found(tmp_path, "", "lesson.py")[0] == ("lesson-length", 1, "warning")
    assert ("no-cells", 1, "error") in found(tmp_path, "x = 1\n", "lesson.py")
    assert ("cell-option", 1, "error") in found(tmp_path, "# %% active=true\nx = 1\n", "lesson.py")
    path = tmp_path / "clipedu_lessons" / "l03_loss" / "lesson.py"
    path.write_bytes("# %%\n# é".encode("latin-1"))
    assert [problem.rule for problem in lint(path)] == ["encoding"]
    other = tmp_path / "clipedu_lessons" / "Third" / "lesson.py"
    other.parent.mkdir()
    other.write_text(LESSON)
    assert [problem.rule for problem in lint(other)] == ["folder-name"]
    with pytest.raises(FileNotFoundError, match="there is no"):
        lint(path.with_name("exercises.py"))


def test_this_course_is_sound():
    """The lessons of this repository, as far as they are written."""
    texts = [path for name in ("lesson", "exercises") for path in README.parent.rglob(f"{name}.py")]
    problems = [problem for text in texts for problem in lint(text)]
    errors = [problem for problem in problems if problem.level == "error"]
    assert len(texts) > 20
    assert not errors, "\n".join(map(str, errors))
