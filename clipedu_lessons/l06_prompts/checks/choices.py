"""What a prompt changes, what it is made of, and how it is chosen."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import torch
from torch import Generator, Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, whole


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


FLIPS = FunctionExercise(
    id="06.4",
    name="count_flips",
    reference=count_flips,
    inputs=answers,
    properties=(
        Property(
            "a count is a tensor or a float, where Python integers are asked for",
            lambda f, *given: ([isinstance(x, Integral) for x in f(*given)], [True] * 3),
        ),
    ),
    extremes={
        "nothing changes": _only([[0, 1, 2], [0, 1, 2], [0, 1, 1]]),
        "one picture": _only([[2], [1], [1]]),
        "everything is broken": _only([[0, 1], [1, 0], [0, 1]]),
    },
)


def without_each_part(template: str) -> list[tuple[str, str]]:
    return parts_by(template, lambda before, after: [(before + after, "{}")])


def two_sides(template: str) -> list[tuple[str, str]]:
    """Right, too: the signs before the name are one part, and those after it are another one."""
    return parts_by(
        template,
        lambda b, a: [(part, left) for part, left in ((b, "{}" + a), (a, b + "{}")) if part],
    )


def parts_by(template: str, cling: Any) -> list[tuple[str, str]]:
    """`cling`: the signs before and after the name -> pairs of a part and what is left of them."""
    words, found = template.split(), []
    for k, word in enumerate(words):
        pairs = [(word, "")] if "{}" not in word else cling(*word.split("{}"))
        for part, left in pairs if word != "{}" else ():
            found.append((part, " ".join([*words[:k], *left.split(), *words[k + 1 :]])))
    return found


_WORDS = ["an", "icon", "of", "the", "small", "drawing", "with", "red"]


def a_template(generator: Generator) -> dict[str, Any]:
    """Always a word that comes twice, and signs at the name."""
    order = torch.randperm(len(_WORDS), generator=generator)[: whole(generator, 2, 4)].tolist()
    words = [_WORDS[i] for i in order]
    words.insert(whole(generator, 1, len(words)), words[0])
    words.insert(whole(generator, 1, len(words)), ("{}.", "{},", "'{}'!")[whole(generator, 0, 2)])
    return {"template": " ".join(words)}


def _template(text: str) -> Any:
    return lambda g: {"template": text}


PARTS = FunctionExercise(
    id="06.7",
    name="without_each_part",
    reference=without_each_part,
    accepts=(two_sides,),
    inputs=a_template,
    extremes={
        "the bare name": _template("{}"),
        "signs alone": _template('"{}"'),
        "the name in the middle": _template("the {} icon, drawn"),
        "one word": _template("photo {}"),
    },
    misconceptions=(
        Misconception(
            "the pairs are the wrong way round",
            lambda t: [(rest, part) for part, rest in without_each_part(t)],
            "First the part, then the template without it.",
        ),
        Misconception(
            "the shorter template keeps a double space",
            lambda t: [(part, t.replace(part, "", 1)) for part, _ in without_each_part(t)],
            "What is left between two words when the one between them goes?",
        ),
    ),
)


def choice_with(
    vote: str = "choose", overlap: bool = False, proud: bool = False, sign: int = 1
) -> Any:
    """honest_choice, or a wrong one: what each argument breaks is the title of a variant."""

    def honest_choice(right: Tensor, choose: Tensor, report: Tensor) -> tuple[int, float, float]:
        every = torch.arange(right.shape[1])
        votes = {"choose": choose, "report": report, "all": every}[vote]
        best = int(right[:, votes].double().mean(dim=1).argmax())
        seen = float(right[best, choose].double().mean())
        fresh = report if overlap else report[~torch.isin(report, choose)]
        honest = float(right[best, fresh].double().mean())
        return best, seen if proud else honest, sign * (seen - honest)

    return honest_choice


def a_choice(generator: Generator) -> dict[str, Any]:
    """Lists that overlap, and templates of which others win on one list, the other, and on all."""
    while True:
        right = torch.rand(8, 50, generator=generator) < 0.5
        order = torch.randperm(50, generator=generator)
        inputs = {"right": right, "choose": order[:20], "report": order[12:40]}
        found = [choice_with(vote)(**inputs) for vote in ("choose", "report", "all")]
        overlap = choice_with(overlap=True)(**inputs)
        differ = len({best for best, *_ in found}) == 3 and found[0][2] > 0.05
        if differ and abs(overlap[1] - found[0][1]) > 0.02:
            return inputs


CHOICE = FunctionExercise(
    id="06.8",
    name="honest_choice",
    reference=choice_with(),
    inputs=a_choice,
    extremes={
        "one picture is left to report": lambda g: {
            "right": torch.tensor([[1, 1, 0], [0, 1, 1]]).bool(),
            "choose": torch.tensor([0, 1]),
            "report": torch.tensor([1, 2]),
        },
        "the accuracy is higher where it is reported": lambda g: {
            "right": torch.tensor([[1, 0, 1, 1], [0, 0, 1, 1]]).bool(),
            "choose": torch.tensor([0, 1]),
            "report": torch.tensor([2, 3]),
        },
        "two templates tie": lambda g: {
            "right": torch.tensor([[1, 0, 0, 1], [0, 1, 1, 1]]).bool(),
            "choose": torch.tensor([0, 1]),
            "report": torch.tensor([2, 3]),
        },
    },
)
