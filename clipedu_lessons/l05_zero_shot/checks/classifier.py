"""Exercises 05.1 and 05.2: a classifier made of words, on paper and in batches."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, ValueExercise, whole
from clipedu_lessons.common.checking import alone, reverse, unchanged, unit

ON_PAPER = ValueExercise(
    id="05.1",
    name=("best", "second", "at_scale_1000", "sentences", "weights"),
    expected=("lamp", "bell", "lamp", 80_000, 512_000),
    misconceptions=(
        Misconception(
            "every picture is taken to need the sentences anew",
            lambda v: v[3] in (80_000 * 50_000, 50_000 * 1000, 50_000, 50_000 * 80),
            "Do the rows depend on the picture?",
        ),
        Misconception(
            "classes and templates are added, not multiplied", lambda v: v[3] in (1080, 51_080)
        ),
        Misconception(
            "the templates are counted without the classes",
            lambda v: v[3] == 80,
            "Every class is asked in every template.",
        ),
        Misconception(
            "the pictures are counted among the sentences",
            lambda v: v[3] == 130_000,
            "Pictures go through the other tower.",
        ),
        Misconception(
            "the rows are counted, not the numbers in them",
            lambda v: v[4] in (1000, 80_000),
            "A row holds as many numbers as an embedding.",
        ),
        Misconception(
            "a large scale is taken to change the winner",
            lambda v: v[0] == "lamp" and v[2] != "lamp",
            "Multiply 0.8 and 0.6 by the same number.",
        ),
        Misconception(
            "the two classes are told apart by the first number only",
            lambda v: v[0] == "bell",
            "A dot product adds up both products.",
        ),
        Misconception(
            "the drum's negative number is taken as positive",
            lambda v: v[0] == "drum",
            "Mind the sign of -0.8.",
        ),
        Misconception(
            "the drum is taken to be nearer than the bell",
            lambda v: v[0] == "lamp" and v[1] == "drum",
            "-0.8 x 0.6 + 0.6 x 0.8 is 0: a right angle.",
        ),
    ),
)


Encode = Callable[[list[str]], Tensor]


Fill = Callable[[str, str], str]


def _text_tower(width: int, most: int) -> Encode:
    """A stand-in for a text tower: a fixed vector for each sentence, of very unequal lengths."""

    def encode(sentences: list[str]) -> Tensor:
        if not 1 <= len(sentences) <= most:
            raise ValueError(f"{len(sentences)} sentences at once; this tower takes 1 to {most}")
        rows = []
        for sentence in sentences:
            seed = int.from_bytes(hashlib.sha256(sentence.encode()).digest()[:6], "big")
            generator = torch.Generator().manual_seed(seed)
            length = 0.2 + 5 * torch.rand((), generator=generator, dtype=torch.float64)
            direction = torch.randn(width, generator=generator, dtype=torch.float64) + 0.5
            rows.append(length * direction)
        return torch.stack(rows)

    return encode


NAMES = "bell lamp drum kite harp sled oven crab fern".split()


FORMS = ["an icon of {}", "{}, outlined", "a {} on paper", "the {}", "{} {}"]


def _question(
    generator: torch.Generator,
    classes: int | None = None,
    templates: int | None = None,
    most: int | None = None,
) -> dict[str, Any]:
    classes = classes or whole(generator, 3, 7)
    templates = templates or whole(generator, 2, 4)
    most = most or whole(generator, 2, 5)
    order = torch.randperm(len(NAMES), generator=generator).tolist()
    return {
        "encode": _text_tower(whole(generator, 4, 7), most),
        "class_names": [NAMES[i] for i in order[:classes]],
        "templates": FORMS[:templates],
        "batch_size": most,
    }


def _every(form: str, name: str) -> str:
    return form.replace("{}", name)


def _embedded(
    encode: Encode, names: list[str], forms: list[str], most: int, fill: Fill = _every
) -> Tensor:
    """(C, T, E), rows as they come."""
    flat = [fill(form, name) for name in names for form in forms]
    parts = [encode(flat[i : i + most]) for i in range(0, len(flat), most)]
    return torch.cat(parts).reshape(len(names), len(forms), -1)


def classifier_weights(encode: Encode, names: list[str], forms: list[str], most: int) -> Tensor:
    """C names, T templates -> (C, E), rows of length 1."""
    return unit(unit(_embedded(encode, names, forms, most)).mean(dim=1))


def _filled(fill: Fill) -> Any:
    """The right answer, with the names put into the templates in another way."""
    return lambda e, n, t, b: unit(unit(_embedded(e, n, t, b, fill)).mean(dim=1))


WEIGHTS = FunctionExercise(
    id="05.2",
    name="classifier_weights",
    reference=classifier_weights,
    inputs=_question,
    properties=(
        unchanged("the templates are given in another order", reverse, 2),
        alone("a class's row depends on the classes beside it", 1),
    ),
    extremes={
        "one class": lambda g: _question(g, classes=1),
        "one template": lambda g: _question(g, templates=1),
        "a template with two places": lambda g: _question(g, templates=5, most=3),
        "one sentence at a time": lambda g: _question(g, most=1),
        "batches that end within a class": lambda g: _question(g, 3, 4, 5),
        "more templates than a batch takes": lambda g: _question(g, 4, 4, 3),
        "names with capitals and spaces": lambda g: {
            **_question(g, 2),
            "class_names": ["Red Fox", "ice cream"],
        },
        "all sentences at once": lambda g: _question(g, most=1000),
    },
    misconceptions=(
        Misconception(
            "nothing is normalised",
            lambda e, n, t, b: _embedded(e, n, t, b).mean(dim=1),
            "How long should each row be?",
        ),
        Misconception(
            "only the last template is used",
            lambda e, n, t, b: unit(_embedded(e, n, t[-1:], b)[:, 0]),
            "Where are the other templates?",
        ),
        Misconception(
            "only the first placeholder of a template is filled",
            _filled(lambda form, name: form.replace("{}", name, 1)),
            "The name goes into every {} of a template.",
        ),
        Misconception(
            "format is given one name for a template with two placeholders",
            _filled(lambda form, name: form.format(name)),
            "The name goes into every {} of a template; str.replace fills them all.",
        ),
        Misconception(
            "the bare names are used, not the templates",
            lambda e, n, t, b: unit(_embedded(e, n, ["{}"], b)[:, 0]),
            "Each class is asked in every template.",
        ),
        Misconception(
            "the mean is taken over the classes, not over the prompts",
            lambda e, n, t, b: unit(unit(_embedded(e, n, t, b)).mean(dim=0)),
            "The result has one row for each class.",
        ),
        Misconception(
            "the rows of all prompts are returned, not one a class",
            lambda e, n, t, b: unit(_embedded(e, n, t, b)).flatten(0, 1),
            "The result is (C, E).",
        ),
        Misconception(
            "each column is normalised, not each row",
            lambda e, n, t, b: (lambda m: m / m.norm(dim=0))(
                unit(_embedded(e, n, t, b)).mean(dim=1)
            ),
            "A class is a row; its length shall be 1.",
        ),
        Misconception(
            "the squared length is divided by, not the length",
            lambda e, n, t, b: unit(
                (lambda x: x / x.square().sum(-1, keepdim=True))(_embedded(e, n, t, b)).mean(dim=1)
            ),
            "The length is the square root of the sum of squares.",
        ),
        Misconception(
            "the largest entry over the prompts is taken, not their mean",
            lambda e, n, t, b: unit(unit(_embedded(e, n, t, b)).amax(dim=1)),
        ),
        Misconception(
            "the classes come out in another order",
            lambda e, n, t, b: classifier_weights(e, sorted(n), t, b),
            "Row i belongs to class_names[i].",
        ),
    ),
)
