"""Exercises 12.1 and 12.6 to 12.9: a bag of words, a paired test, power, flaws, and windows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, ValueExercise, whole
from clipedu_lessons.common.checking import unchanged

BAG = ValueExercise(
    id="12.1",
    name=("bell_no_bell", "bell_no_camera", "share_right", "share_with_strong_no"),
    expected=(2, -1, 0.0, 0.0),
    misconceptions=(
        Misconception(
            "the higher score is taken for the true answer",
            lambda v: v[2] == 1,
            "Of the bell's picture, 'no bell' is false. Which text has the higher score?",
        ),
        Misconception(
            "one of the two pictures is taken to be answered right",
            lambda v: v[2] == 0.5,
            "Work out the camera's picture in the same way.",
        ),
        Misconception(
            'a stronger "no" is expected to help',
            lambda v: v[3] in (0.5, 1),
            "The same vector is added to both texts. What happens to the difference of the scores?",
        ),
        Misconception(
            "the vector of the thing is subtracted after 'no'",
            lambda v: (v[0], v[1]) in ((-4, -1), (-3, 0)),
            "That is what 'no' means. A sum of vectors does not know it.",
        ),
        Misconception(
            "a share is given in percent", lambda v: v[2] in (50, 100) or v[3] in (50, 100)
        ),
    ),
)


def paired_with(
    *, flip: str = "groups", sides: Any = torch.abs, count: Any = torch.ge, own: int = 1
) -> Any:
    """The answer to 12.6, or with another argument a wrong one."""

    def paired_p(first: Tensor, second: Tensor, groups: Tensor, flips: Tensor) -> Tensor:
        gain = (first - second).double()
        signs = (
            flips[:, groups]
            if flip == "groups"
            else flips[:, torch.arange(len(gain)) % flips.shape[1]]
        )
        drawn = (signs.double() * gain).sum(1)
        extreme = count(sides(drawn), sides(gain.sum())).double().sum()
        return (extreme + own) / (len(flips) + own)

    return paired_p


def _two_models(generator: torch.Generator, better: float = 0.25) -> dict[str, Any]:
    n, names = whole(generator, 24, 40), whole(generator, 8, 12)
    groups = torch.randint(names, (n,), generator=generator)
    easy = torch.rand(names, generator=generator)[groups]
    first = (torch.rand(n, generator=generator) < easy).float()
    second = (torch.rand(n, generator=generator) < easy - better).float()
    flips = torch.randint(2, (59, names), generator=generator).float() * 2 - 1
    return {"first": first, "second": second, "groups": groups, "flips": flips}


PAIRED = FunctionExercise(
    id="12.6",
    name="paired_p",
    reference=paired_with(),
    inputs=_two_models,
    trials=6,
    extremes={
        "equally good models": lambda g: {**(d := _two_models(g)), "second": d["first"]},
        "a better second model": lambda g: _two_models(g, better=-0.25),
    },
    properties=(unchanged("the models change places", lambda x: -x, 0, 1),),
)

POWER = ValueExercise(
    id="12.7",
    name=("least_pictures", "power_of_six", "share_lucky", "bar"),
    expected=(6, 0.531, 0.64, 0.0025),
    tolerance=0.005,
)

FLAWS = ValueExercise(
    id="12.8", name=("flaw_of_a", "flaw_of_b", "flaw_of_c", "flaw_of_d"), expected=(3, 1, 5, 2)
)


def detect_with(
    *, same_class: bool = True, suppress: bool = True, union: bool | str = True, clamp: bool = True,
    order: bool | str = True, against: str = "kept", strict: bool = False, at_least: bool = False,
    turned: bool = False,
) -> Any:  # fmt: skip
    """The answer to 12.9, or with another argument a wrong one."""

    def detect(scores: Tensor, boxes: Tensor, least: float, most: float) -> list[tuple[int, int]]:
        best, label = scores.max(1)
        rows = list(range(len(best)))
        if order:
            up, late = (1 if order == "worst" else -1), (-1 if order == "last" else 1)
            rows.sort(key=lambda k: (up * float(best[k]), late * k))
        kept: list[int] = []
        seen: list[int] = []
        for row in rows:
            if best[row] < least or best[row] == least and not at_least:
                continue
            rivals = {"kept": kept, "seen": seen, "last": kept[-1:]}[against]
            rivals = [k for k in rivals if label[k] == label[row] or not same_class]
            found = [_overlap(boxes[row], boxes[k], union, clamp) for k in rivals]
            seen.append(row)
            if suppress and any(f >= most if strict else (f > most) != turned for f in found):
                continue
            kept.append(row)
        return [(row, int(label[row])) for row in kept]

    return detect


def _overlap(a: Tensor, b: Tensor, union: bool | str, clamp: bool) -> float:
    sides = torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])
    both = float((sides.clamp(min=0) if clamp else sides).prod())
    own, other = (float((x[2:] - x[:2]).prod()) for x in (a, b))
    under = {False: own, "smaller": min(own, other), "sum": own + other}
    return both / under.get(union, own + other - both)


def _windows(generator: torch.Generator) -> dict[str, Any]:
    """Windows in three clusters; near twins of the same and of another class, and weak ones."""
    n, classes = whole(generator, 10, 16), whole(generator, 2, 4)
    center = torch.tensor([[6.0, 6.0], [20.0, 8.0], [12.0, 24.0]])[torch.arange(n) % 3]
    corner = center + 4 * torch.rand(n, 2, generator=generator) - 4
    size = 6 + 8 * torch.rand(n, 2, generator=generator)
    boxes = torch.cat([corner, corner + size], 1)
    scores = torch.rand(n, classes, generator=generator)
    return {"scores": scores, "boxes": boxes, "least": 0.5, "most": 0.3}


def _in_a_row(best: list[float], lefts: list[float], most: float = 0.3, down: int = 0) -> Any:
    """Windows of 10 x 10 pixels, one beside another, or with down=1 below it as well."""
    boxes = [[x, down * x, x + 10, down * x + 10] for x in lefts]
    scores = torch.tensor([[score, 0.1] for score in best])
    return lambda _: {"scores": scores, "boxes": torch.tensor(boxes), "least": 0.5, "most": most}


DETECT = FunctionExercise(
    id="12.9",
    name="detect",
    reference=detect_with(),
    inputs=_windows,
    trials=8,
    extremes={
        "nothing is certain enough": lambda g: {**_windows(g), "least": 1.5},
        "windows that only touch": _in_a_row([0.9, 0.8], [0.0, 10.0], most=0.0),
        "windows of equal scores": _in_a_row([0.8, 0.8, 0.8], [0.0, 2.0, 14.0]),
        "a score that is exactly `least`": _in_a_row([0.9, 0.5], [0.0, 20.0]),
        "a window beside a suppressed one": _in_a_row([0.9, 0.8, 0.7], [0.0, 4.0, 8.0]),
        "windows apart in both directions": _in_a_row([0.9, 0.8], [0.0, 14.0], 0.05, down=1),
    },
)
