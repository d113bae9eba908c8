"""Exercises 06.1 and 06.2: an ensemble on paper, and the prompts of a task."""

from __future__ import annotations

from typing import Any

from torch import Generator

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, ValueExercise, whole


def _near(value: Any, wanted: float, within: float = 0.006) -> bool:
    return abs(float(value) - wanted) < within


def _is(value: Any, word: str) -> bool:
    return str(value).strip().casefold() == word


ON_PAPER = ValueExercise(
    id="06.1",
    name=("bat_score", "owl_score", "winner", "winner_without", "p"),
    expected=(0.98995, 0.96, "bat", "owl", 0.0625),
    tolerance=0.006,
    misconceptions=(
        Misconception(
            "the mean of the prompts is not normalised",
            lambda v: _near(v[0], 0.70),
            "How long is the vector halfway between (1, 0) and (0, 1)?",
        ),
        Misconception(
            "the prompts are added, not averaged and normalised",
            lambda v: _near(v[0], 1.40),
            "A cosine is never above 1.",
        ),
        Misconception(
            "the better of the two prompts is taken instead of their mean",
            lambda v: _near(v[0], 0.80),
            "Both prompts have a say.",
        ),
        Misconception(
            "only the first prompt of each class is used",
            lambda v: _near(v[0], 0.60),
            "Both prompts have a say.",
        ),
        Misconception(
            "only one side of the coin is counted",
            lambda v: _near(v[4], 0.03125, 0.002),
            "Five broken and none fixed would have been as surprising.",
        ),
        Misconception(
            "the chance of one toss is given for that of five",
            lambda v: _near(v[4], 0.5) or _near(v[4], 0.1),
            "How many sequences do five tosses have?",
        ),
        Misconception(
            "a percentage is given for a probability",
            lambda v: float(v[4]) > 1,
            "A probability is at most 1.",
        ),
        Misconception(
            "the two winners are swapped",
            lambda v: _is(v[2], "owl") and _is(v[3], "bat"),
            "Which of the two means is short?",
        ),
        Misconception(
            "normalising is believed to change no winner",
            lambda v: _is(v[2], "bat") and _is(v[3], "bat"),
            "Compare the lengths of the two means.",
        ),
        Misconception(
            "the class whose prompts agree is believed to win always",
            lambda v: _is(v[2], "owl") and _is(v[3], "owl"),
            "Compare the two scores that you worked out.",
        ),
        Misconception(
            "the picture is taken for (0.8, 0.6)",
            lambda v: _near(v[1], 1.0),
            "Read the picture's numbers again.",
        ),
        Misconception(
            "the prompts that agree are normalised a second time to less than 1",
            lambda v: _near(v[1], 0.68) or _near(v[1], 0.48),
            "0.8 times 0.6, plus 0.6 times 0.8.",
        ),
    ),
)

_NAMES = ["cat", "red fox", "hour glass", "arrow left", "seven", "e-mail", "ice cream"]
_TEMPLATES = [
    "{}",
    "an icon of {}",
    "{}, filled",
    "the word {} and a {}",
    "{}? yes, {}!",
]


def _some(generator: Generator, options: list[str], count: int) -> list[str]:
    order = [whole(generator, 0, 10**6) for _ in options]
    return [options[i] for i in sorted(range(len(options)), key=lambda i: order[i])[:count]]


def draw(generator: Generator) -> dict[str, Any]:
    # Always a template with two places, one with a capital letter, and a name with one; and never
    # as many names as templates.
    templates = [
        "{} or {}",
        "a Photo of {}.",
        *_some(generator, _TEMPLATES, whole(generator, 1, 3)),
    ]
    names = ["Mouse", *_some(generator, _NAMES, whole(generator, 1, 5))]
    return {
        "class_names": names if len(names) != len(templates) else [*names, "one more thing"],
        "templates": templates,
    }


def all_prompts(class_names: list[str], templates: list[str]) -> list[list[str]]:
    return [[template.replace("{}", name) for template in templates] for name in class_names]


def _each(change: Any) -> Any:
    """all_prompts with another way to fill a template."""
    return lambda names, forms: [[change(form, name) for form in forms] for name in names]


PROMPTS = FunctionExercise(
    id="06.2",
    name="all_prompts",
    reference=all_prompts,
    inputs=draw,
    properties=(
        Property(
            "a class's prompts depend on the other classes",
            lambda f, names, forms: (f(names, forms)[:1], f(names[:1], forms)),
        ),
    ),
    extremes={
        "one class": lambda g: {"class_names": ["cat"], "templates": ["{}", "a {}", "{}!"]},
        "one template": lambda g: {"class_names": ["cat", "dog"], "templates": ["a {}"]},
    },
    misconceptions=(
        Misconception(
            "there is one list for each template, not for each class",
            lambda names, forms: [[form.replace("{}", name) for name in names] for form in forms],
            "Which loop is the outer one?",
        ),
        Misconception(
            "all sentences are in one flat list",
            lambda names, forms: [form.replace("{}", name) for name in names for form in forms],
            "Which sentences belong to one class?",
        ),
        Misconception(
            "only the first place in a template is filled",
            _each(lambda form, name: form.replace("{}", name, 1)),
            "A template may use the name twice.",
        ),
        Misconception(
            "the class name is put behind the template, whose place stays open",
            _each(lambda form, name: form + " " + name),
            "Where does the name go?",
        ),
        Misconception(
            "the sentences are written in lower case",
            _each(lambda form, name: form.replace("{}", name).lower()),
            "Letter for letter.",
        ),
        Misconception(
            "the class name is written in lower case",
            _each(lambda form, name: form.replace("{}", name.lower())),
            "Letter for letter.",
        ),
        Misconception(
            "the braces stay around the name",
            _each(lambda form, name: form.replace("{}", "{" + name + "}")),
            "Replace both characters.",
        ),
        Misconception(
            "only the first template is used",
            lambda names, forms: [[forms[0].replace("{}", name)] for name in names],
            "One sentence for each template.",
        ),
        Misconception(
            "names and templates are gone through side by side",
            lambda names, forms: [
                [form.replace("{}", name)] for name, form in zip(names, forms, strict=False)
            ],
            "Every name meets every template.",
        ),
        Misconception(
            "the templates are returned unfilled",
            lambda names, forms: [list(forms) for _ in names],
            "Where is the name?",
        ),
        Misconception(
            "the sentences of a class are joined into one",
            lambda names, forms: [" ".join(f.replace("{}", name) for f in forms) for name in names],
            "A list of sentences for each class.",
        ),
    ),
)
