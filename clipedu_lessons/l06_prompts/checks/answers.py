"""Exercises 06.3 and 06.4: opinions averaged, and answers that flip."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, whole


def _unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=-1, keepdim=True)


def mean_probabilities(pictures: Tensor, texts: Tensor, scale: float) -> Tensor:
    """(N, E), (T, C, E), scale -> (N, C)."""
    return _logits(pictures, texts, scale).softmax(dim=-1).mean(dim=0)


def _logits(pictures: Tensor, texts: Tensor, scale: float) -> Tensor:
    return scale * torch.einsum("ne,tce->tnc", pictures, texts)  # (T, N, C)


def opinions(generator: Generator, pictures: int = 0, templates: int = 0) -> dict[str, Any]:
    n, t, c, e = (whole(generator, *sizes) for sizes in ((2, 4), (5, 6), (7, 9), (10, 12)))
    n, t = pictures or n, templates or t
    return {
        "pictures": _unit(torch.randn(n, e, generator=generator)),
        "texts": _unit(torch.randn(t, c, e, generator=generator)),
        "scale": float(whole(generator, 5, 12)),
    }


PROBABILITIES = FunctionExercise(
    id="06.3",
    name="mean_probabilities",
    reference=mean_probabilities,
    inputs=opinions,
    properties=(
        Property(
            "the result changes when the templates are put in another order",
            lambda f, p, t, s: (f(p, t, s), f(p, t.flip(0), s)),
        ),
        Property(
            "a picture's answer depends on the other pictures",
            lambda f, p, t, s: (f(p, t, s)[:1], f(p[:1], t, s)),
        ),
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
            "the scores are averaged before the softmax",
            lambda p, t, s: _logits(p, t, s).mean(dim=0).softmax(dim=-1),
            "What does each template answer for itself?",
        ),
        Misconception(
            "the embeddings are averaged, not the probabilities",
            lambda p, t, s: (s * p @ _unit(t.mean(dim=0)).T).softmax(dim=-1),
            "That is the ensemble in embedding space.",
        ),
        Misconception(
            "the scale is forgotten",
            lambda p, t, s: mean_probabilities(p, t, 1.0),
            "How sure is a softmax of cosines alone?",
        ),
        Misconception(
            "the scores are divided by the scale",
            lambda p, t, s: mean_probabilities(p, t, 1 / s),
            "Scale and temperature are inverse to each other.",
        ),
        Misconception(
            "the softmax is taken over the pictures",
            lambda p, t, s: _logits(p, t, s).softmax(dim=1).mean(dim=0),
            "Which classes compete, and for what?",
        ),
        Misconception(
            "the softmax is taken over the templates",
            lambda p, t, s: _logits(p, t, s).softmax(dim=0).mean(dim=0),
            "Which axis holds the classes?",
        ),
        Misconception(
            "the probabilities are added, not averaged",
            lambda p, t, s: _logits(p, t, s).softmax(dim=-1).sum(dim=0),
            "What should a row add up to?",
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
            "the axes of the result are swapped",
            lambda p, t, s: mean_probabilities(p, t, s).T,
            "One row for each picture.",
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
            "fixed and broken are swapped",
            lambda b, a, y: (lambda f: (f[1], f[0], f[2]))(count_flips(b, a, y)),
            "Which prompt came first?",
        ),
        Misconception(
            "wrong answers that stay the same are counted as other",
            _changed(lambda b, a, y: {2: ((b != y) & (a != y)).sum()}),
            "Did those answers flip?",
        ),
        Misconception(
            "every right answer after the change counts as fixed",
            _changed(lambda b, a, y: {0: (a == y).sum()}),
            "Some were right before.",
        ),
        Misconception(
            "every wrong answer after the change counts as broken",
            _changed(lambda b, a, y: {1: (a != y).sum()}),
            "Some were wrong before.",
        ),
        Misconception(
            "every changed answer counts as other",
            _changed(lambda b, a, y: {2: (b != a).sum()}),
            "Fixed and broken answers have changed, too.",
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
