"""What is right in lesson 06, prompts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, ValueExercise, whole
from clipedu_lessons.common.checking import alone, near, reverse, unchanged, unit


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
            lambda v: near(v[0], 0.70, within=0.006),
            "How long is the vector halfway between (1, 0) and (0, 1)?",
        ),
        Misconception(
            "the prompts are added, not averaged and normalised",
            lambda v: near(v[0], 1.40, within=0.006),
            "A cosine is never above 1.",
        ),
        Misconception(
            "the better of the two prompts is taken instead of their mean",
            lambda v: near(v[0], 0.80, within=0.006),
            "Both prompts have a say.",
        ),
        Misconception(
            "only the first prompt of each class is used",
            lambda v: near(v[0], 0.60, within=0.006),
            "Both prompts have a say.",
        ),
        Misconception(
            "the chance of one toss is given for that of five",
            lambda v: near(v[4], 0.5, 0.1, within=0.006),
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
            lambda v: near(v[1], 1.0, within=0.006),
            "Read the picture's numbers again.",
        ),
        Misconception(
            "the prompts that agree are normalised a second time to less than 1",
            lambda v: near(v[1], 0.68, 0.48, within=0.006),
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
    properties=(alone("a class's prompts depend on the other classes", 0),),
    extremes={
        "one class": lambda g: {"class_names": ["cat"], "templates": ["{}", "a {}", "{}!"]},
        "one template": lambda g: {"class_names": ["cat", "dog"], "templates": ["a {}"]},
        "names with signs and spaces": lambda g: {
            "class_names": ["T-shirt", "ice_cream", " café "],
            "templates": ["{}", "{}, not {}!"],
        },
    },
    misconceptions=(
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


def mean_probabilities(pictures: Tensor, texts: Tensor, scale: float) -> Tensor:
    """(N, E), (T, C, E), scale -> (N, C)."""
    return _logits(pictures, texts, scale).softmax(dim=-1).mean(dim=0)


def _logits(pictures: Tensor, texts: Tensor, scale: float) -> Tensor:
    return scale * torch.einsum("ne,tce->tnc", pictures, texts)  # (T, N, C)


def opinions(generator: Generator, pictures: int = 0, templates: int = 0) -> dict[str, Any]:
    n, t, c, e = (whole(generator, *sizes) for sizes in ((2, 4), (5, 6), (7, 9), (10, 12)))
    n, t = pictures or n, templates or t
    return {
        "pictures": unit(torch.randn(n, e, generator=generator)),
        "texts": unit(torch.randn(t, c, e, generator=generator)),
        "scale": float(whole(generator, 5, 12)),
    }


PROBABILITIES = FunctionExercise(
    id="06.3",
    name="mean_probabilities",
    reference=mean_probabilities,
    inputs=opinions,
    properties=(
        unchanged("the templates are put in another order", reverse, 1),
        alone("a picture's answer depends on the other pictures", 0),
        Property(
            "a row's probabilities do not add up to 1",
            lambda f, p, t, s: (
                torch.as_tensor(f(p, t, s)).sum(dim=-1),
                torch.ones(len(p), dtype=p.dtype),
            ),
        ),
    ),
    extremes={
        "one template": lambda g: opinions(g, templates=1),
        "one picture": lambda g: opinions(g, pictures=1),
        "a scale of 100": lambda g: {**opinions(g), "scale": 100.0},
        "a scale of 2000": lambda g: {**opinions(g), "scale": 2000.0},
    },
    misconceptions=(
        Misconception(
            "the scores are divided by the scale",
            lambda p, t, s: mean_probabilities(p, t, 1 / s),
            "Scale and temperature are inverse to each other.",
        ),
        Misconception(
            "the softmax is taken over the templates",
            lambda p, t, s: _logits(p, t, s).softmax(dim=0).mean(dim=0),
            "Which axis holds the classes?",
        ),
        Misconception(
            "the probabilities are multiplied",
            lambda p, t, s: _logits(p, t, s).log_softmax(dim=-1).mean(dim=0).exp(),
            "A mean, not a product.",
        ),
        Misconception(
            "the scale is applied after the softmax",
            lambda p, t, s: s * mean_probabilities(p, t, 1.0),
            "What should a row add up to?",
        ),
        Misconception(
            "only the first template is asked",
            lambda p, t, s: (s * p @ t[0].T).softmax(dim=-1),
            "Where are the other templates?",
        ),
        Misconception(
            "only the last template is asked",
            lambda p, t, s: (s * p @ t[-1].T).softmax(dim=-1),
            "Where are the other templates?",
        ),
        Misconception(
            "the surest template decides",
            lambda p, t, s: _logits(p, t, s).softmax(dim=-1).amax(dim=0),
            "All templates have the same say.",
        ),
        Misconception(
            "a second softmax follows the mean",
            lambda p, t, s: mean_probabilities(p, t, s).softmax(dim=-1),
            "The mean of probabilities is a probability already.",
        ),
        Misconception(
            "each template keeps its own answer",
            lambda p, t, s: _logits(p, t, s).softmax(dim=-1),
            "The result is (N, C).",
        ),
        Misconception(
            "the mean is taken over the classes",
            lambda p, t, s: _logits(p, t, s).softmax(dim=-1).mean(dim=-1).T,
            "Which axis holds the templates?",
        ),
        Misconception(
            "no softmax is taken at all",
            lambda p, t, s: _logits(p, t, s).mean(dim=0),
            "Probabilities lie between 0 and 1.",
        ),
    ),
)


def count_flips(before: Tensor, after: Tensor, labels: Tensor) -> tuple[int, int, int]:
    was, now = before == labels, after == labels
    other = (before != after) & ~was & ~now
    return int((~was & now).sum()), int((was & ~now).sum()), int(other.sum())


def answers(generator: Generator) -> dict[str, Any]:
    """Answers in which every kind occurs, each a different number of times."""
    n, classes = whole(generator, 60, 90), 4
    labels = torch.randint(classes, (n,), generator=generator)
    before, after = labels.clone(), labels.clone()
    wrong = (labels + torch.randint(1, classes, (n,), generator=generator)) % classes
    fixed = whole(generator, 3, 6)
    broken = fixed + whole(generator, 3, 6)
    other = broken + whole(generator, 3, 6)
    stays = other + whole(generator, 3, 6)
    edges = [0, fixed, fixed + broken, fixed + broken + other, fixed + broken + other + stays]
    a, b, c, d = (slice(edges[i], edges[i + 1]) for i in range(4))
    before[a] = wrong[a]
    after[b] = wrong[b]
    before[c] = (labels[c] + 1) % classes
    after[c] = (labels[c] + 2) % classes
    before[d] = after[d] = wrong[d]
    order = torch.randperm(n, generator=generator)
    return {"before": before[order], "after": after[order], "labels": labels[order]}


def _only(values: list[list[int]]) -> Any:
    names = ("before", "after", "labels")
    return lambda g: {
        name: torch.tensor(value, dtype=torch.int64)
        for name, value in zip(names, values, strict=True)
    }


def _changed(change: Any) -> Any:
    """count_flips with one of its three numbers replaced."""

    def wrong(before: Tensor, after: Tensor, labels: Tensor) -> tuple[int, ...]:
        found = list(count_flips(before, after, labels))
        for place, count in change(before, after, labels).items():
            found[place] = int(count)
        return tuple(found)

    return wrong


FLIPS = FunctionExercise(
    id="06.4",
    name="count_flips",
    reference=count_flips,
    inputs=answers,
    extremes={
        "nothing changes": _only([[0, 1, 2], [0, 1, 2], [0, 1, 1]]),
        "one picture": _only([[2], [1], [1]]),
        "everything is broken": _only([[0, 1], [1, 0], [0, 1]]),
    },
    misconceptions=(
        Misconception(
            "every wrong answer after the change counts as broken",
            _changed(lambda b, a, y: {1: (a != y).sum()}),
            "Some were wrong before.",
        ),
        Misconception(
            "the answers that do not change are counted as other",
            _changed(lambda b, a, y: {2: (b == a).sum()}),
            "Other means: from one wrong class to another.",
        ),
        Misconception(
            "the right answers of both prompts are counted, not the changes",
            lambda b, a, y: (int((a == y).sum()), int((b == y).sum()), int((b != a).sum())),
            "Look at each picture's two answers together.",
        ),
        Misconception(
            "the difference of the two accuracies is given for the fixed ones",
            _changed(lambda b, a, y: {0: ((a == y).sum() - (b == y).sum()).abs(), 1: 0}),
            "A difference hides what went both ways.",
        ),
        Misconception(
            "shares are returned, not numbers",
            lambda b, a, y: tuple(count / len(y) for count in count_flips(b, a, y)),
            "How many, not what part.",
        ),
        Misconception(
            "other and broken are swapped",
            lambda b, a, y: (lambda f: (f[0], f[2], f[1]))(count_flips(b, a, y)),
            "The order is fixed, broken, other.",
        ),
        Misconception(
            "all changes to a wrong class count as broken",
            _changed(lambda b, a, y: {1: ((b != a) & (a != y)).sum()}),
            "Broken answers were right before.",
        ),
        Misconception(
            "all changes from a wrong class count as fixed",
            _changed(lambda b, a, y: {0: ((b != a) & (b != y)).sum()}),
            "Fixed answers are right afterwards.",
        ),
    ),
)


EXERCISES = [ON_PAPER, PROMPTS, PROBABILITIES, FLIPS]
