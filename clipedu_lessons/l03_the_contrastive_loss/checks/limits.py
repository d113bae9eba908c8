"""Exercises 03.10 and 03.5: the cap on the logit scale, the floor under the loss."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import torch
from torch import nn

from clipedu_classroom.spec import FunctionExercise, Misconception, Property
from clipedu_lessons.common.checking import unchanged


def _scale_and_maximum(generator: torch.Generator) -> dict[str, Any]:
    maximum = 20 + 130 * float(torch.rand((), generator=generator))
    factor = 0.3 + 2.5 * float(torch.rand((), generator=generator))
    start = torch.tensor(math.log(factor * maximum))
    return {"logit_scale": nn.Parameter(start), "maximum": maximum}


def _at(scale: float) -> Any:
    start = torch.tensor(math.log(scale))
    return lambda generator: {"logit_scale": nn.Parameter(start), "maximum": 100.0}


@torch.no_grad()
def clamp_logit_scale_(logit_scale: nn.Parameter, maximum: float = 100.0) -> None:
    """In place: exp(logit_scale) <= maximum."""
    logit_scale.clamp_(max=math.log(maximum))


def _clamped(low: Any, high: Any) -> Any:
    """A wrong answer that clamps in place to what two functions of the maximum say."""

    @torch.no_grad()
    def wrong(logit_scale: nn.Parameter, maximum: float) -> None:
        logit_scale.clamp_(min=low(maximum), max=high(maximum))

    return wrong


@torch.no_grad()
def _set_to_maximum(logit_scale: nn.Parameter, maximum: float) -> None:
    logit_scale.fill_(math.log(maximum))


CLAMP = FunctionExercise(
    id="03.10",
    name="clamp_logit_scale_",
    reference=clamp_logit_scale_,
    inputs=_scale_and_maximum,
    changes=("logit_scale",),
    trials=5,
    extremes={
        "a scale far above the maximum": _at(100_000.0),
        "a logarithm of 150": _at(math.exp(150)),
        "a maximum of 2": lambda g: {
            "logit_scale": nn.Parameter(torch.tensor(9.0)),
            "maximum": 2.0,
        },
        "a scale far below the maximum": _at(14.3),
        "a scale of 0.5": _at(0.5),
        "a scale of 0.001": _at(0.001),
    },
    misconceptions=(
        Misconception("the scale is set to the maximum, whatever it was", _set_to_maximum),
        Misconception(
            "the logarithm has base 10",
            _clamped(lambda m: None, math.log10),
            "The multiplier is exp of the parameter.",
        ),
        Misconception("the logarithm has base 2", _clamped(lambda m: None, math.log2)),
        Misconception(
            "the maximum is taken for a temperature",
            _clamped(lambda m: None, lambda m: -math.log(m)),
        ),
        Misconception(
            "everything below the maximum of the multiplier is raised to it",
            _clamped(lambda m: m, lambda m: None),
            "Which of min and max is an upper limit? And the parameter is a logarithm.",
        ),
        Misconception(
            "the logarithm is held between 0 and the maximum of the multiplier",
            _clamped(lambda m: 0.0, lambda m: m),
            "The parameter is a logarithm, and only an upper limit is asked for.",
        ),
        Misconception(
            "the maximum is always 100, whatever was asked for",
            _clamped(lambda m: None, lambda m: math.log(100)),
        ),
        Misconception(
            "the exponential of the maximum is the limit, not its logarithm",
            _clamped(lambda m: None, math.exp),
            "exp(logit_scale) is the multiplier. What undoes exp?",
        ),
        Misconception(
            "the square root of the maximum is the limit, not its logarithm",
            _clamped(lambda m: None, math.sqrt),
        ),
        Misconception("1 is added before the logarithm", _clamped(lambda m: None, math.log1p)),
        Misconception(
            "scales below 1 are raised to 1, too",
            _clamped(lambda m: 0.0, math.log),
            "Only an upper limit is asked for.",
        ),
        Misconception(
            "the logarithm is held between plus and minus ln(maximum)",
            _clamped(lambda m: -math.log(m), math.log),
            "Only an upper limit is asked for.",
        ),
    ),
)


WORDS = ("cat", "dog", "umbrella", "tree", "fish", "house")


def _captions(generator: torch.Generator) -> dict[str, Any]:
    """8 to 14 captions of which three kinds repeat, unequally, and not side by side."""
    kinds = torch.randperm(len(WORDS), generator=generator).tolist()
    batch = [kinds[0]] * int(torch.randint(4, 7, (), generator=generator))
    batch += [kinds[1]] * int(torch.randint(2, 4, (), generator=generator))
    batch += [kinds[2]] * 2 + kinds[3 : 3 + int(torch.randint(1, 4, (), generator=generator))]
    order = torch.randperm(len(batch), generator=generator).tolist()
    return {"captions": [WORDS[batch[k]] for k in order]}


def floor_of(captions: list[str]) -> float:
    """N captions -> the least mean loss."""
    return sum(math.log(captions.count(caption)) for caption in captions) / len(captions)


def _counted(formula: Any) -> Any:
    """A wrong answer from (the list of counts, N)."""
    return lambda captions: float(formula(list(Counter(captions).values()), len(captions)))


FLOOR = FunctionExercise(
    id="03.5",
    name="floor_of",
    reference=floor_of,
    inputs=_captions,
    properties=(
        unchanged("the captions come in another order", sorted, 0),
        Property(
            "the result does not grow by ln 2 when the batch is taken twice",
            lambda f, captions: (f(captions + captions), f(captions) + math.log(2)),
        ),
    ),
    extremes={
        "captions that all differ": lambda g: {"captions": list(WORDS)},
        "captions that are all equal": lambda g: {"captions": ["cat"] * 5},
        "a batch of one": lambda g: {"captions": ["a cat"]},
        "captions that differ in a capital": lambda g: {"captions": ["Cat", "cat", "cat"]},
    },
    misconceptions=(
        Misconception(
            "the sum over the pairs is not divided by N",
            _counted(lambda m, n: sum(k * math.log(k) for k in m)),
        ),
        Misconception(
            "the sum is divided by the number of different captions",
            _counted(lambda m, n: sum(k * math.log(k) for k in m) / len(m)),
            "The mean is over pairs.",
        ),
        Misconception(
            "the mean is taken before the logarithm",
            _counted(lambda m, n: math.log(sum(k * k for k in m) / n)),
            "First the logarithm of each pair's count, then the mean.",
        ),
        Misconception(
            "the logarithm is left out", _counted(lambda m, n: sum(k * k for k in m) / n)
        ),
        Misconception(
            "the other copies are counted, the pair itself is not",
            _counted(lambda m, n: sum(k * math.log(k - 1) for k in m if k > 1) / n),
            "Among how many equal captions is the probability shared?",
        ),
        Misconception(
            "the sum of ln m over the different captions is not divided at all",
            _counted(lambda m, n: sum(math.log(k) for k in m)),
        ),
        Misconception(
            "the logarithm has base 10, and the sum is not divided by N",
            _counted(lambda m, n: sum(k * math.log10(k) for k in m)),
        ),
        Misconception(
            "the logarithm has base 2, and the sum is not divided by N",
            _counted(lambda m, n: sum(k * math.log2(k) for k in m)),
        ),
        Misconception(
            "the probability 1/m is averaged, not its cost",
            _counted(lambda m, n: len(m) / n),
            "What does a right answer of probability 1/m cost?",
        ),
        Misconception(
            "every repeated caption pays ln 2, however often it occurs",
            _counted(lambda m, n: sum(k for k in m if k > 1) * math.log(2) / n),
        ),
        Misconception(
            "only the copies after the first pay",
            _counted(lambda m, n: sum((k - 1) * math.log(k) for k in m) / n),
            "The first of several equal captions shares its probability, too.",
        ),
        Misconception(
            "one is added to each count",
            _counted(lambda m, n: sum(k * math.log(k + 1) for k in m) / n),
        ),
        Misconception(
            "the share of repeated captions is returned",
            _counted(lambda m, n: (n - len(m)) / n),
        ),
        Misconception(
            "only the most frequent caption counts", _counted(lambda m, n: math.log(max(m)))
        ),
        Misconception("the loss of guessing is returned", _counted(lambda m, n: math.log(n))),
        Misconception(
            "pairs whose caption is unique are left out of the mean",
            _counted(
                lambda m, n: sum(k * math.log(k) for k in m) / max(sum(k for k in m if k > 1), 1)
            ),
            "The mean is over all N pairs.",
        ),
        Misconception(
            "the floor is halved, as if it held for one direction only",
            _counted(lambda m, n: sum(k * math.log(k) for k in m) / n / 2),
            "Both directions have the same floor; what is their mean?",
        ),
        Misconception(
            "the logarithm of the number of different captions is returned",
            _counted(lambda m, n: math.log(len(m))),
            "A batch without repeats has the floor 0.",
        ),
    ),
)
