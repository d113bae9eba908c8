"""Exercise 03.5: the floor under the loss when captions repeat."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any

import torch

from clipedu_classroom.spec import FunctionExercise, Misconception, Property

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


def _neighbours(captions: list[str]) -> float:
    runs = [len(list(run)) for _, run in itertools.groupby(captions)]
    return sum(m * math.log(m) for m in runs) / len(captions)


FLOOR = FunctionExercise(
    id="03.5",
    name="floor_of",
    reference=floor_of,
    inputs=_captions,
    properties=(
        Property(
            "the result changes when the captions come in another order",
            lambda f, captions: (f(captions), f(sorted(captions))),
        ),
        Property(
            "the result does not grow by ln 2 when the batch is taken twice",
            lambda f, captions: (f(captions + captions), f(captions) + math.log(2)),
        ),
    ),
    extremes={
        "captions that all differ": lambda g: {"captions": list(WORDS)},
        "captions that are all equal": lambda g: {"captions": ["cat"] * 5},
        "a batch of one": lambda g: {"captions": ["a cat"]},
    },
    misconceptions=(
        Misconception(
            "the sum over the pairs is not divided by N",
            _counted(lambda m, n: sum(k * math.log(k) for k in m)),
        ),
        Misconception(
            "each different caption counts once, however often it occurs",
            _counted(lambda m, n: sum(math.log(k) for k in m) / len(m)),
            "The mean is over pairs: how many pairs pay ln m?",
        ),
        Misconception(
            "each different caption pays ln m only once",
            _counted(lambda m, n: sum(math.log(k) for k in m) / n),
            "How many pairs pay ln m?",
        ),
        Misconception(
            "the sum is divided by the number of different captions",
            _counted(lambda m, n: sum(k * math.log(k) for k in m) / len(m)),
            "The mean is over pairs.",
        ),
        Misconception(
            "the logarithm has base 2",
            _counted(lambda m, n: sum(k * math.log2(k) for k in m) / n),
            "The loss is in nats.",
        ),
        Misconception(
            "the logarithm has base 10",
            _counted(lambda m, n: sum(k * math.log10(k) for k in m) / n),
            "The loss is in nats.",
        ),
        Misconception(
            "the mean is taken before the logarithm",
            _counted(lambda m, n: math.log(sum(k * k for k in m) / n)),
            "First the logarithm of each pair's count, then the mean.",
        ),
        Misconception(
            "N is divided by the number of different captions before the logarithm",
            _counted(lambda m, n: math.log(n / len(m))),
            "Captions that repeat often weigh more.",
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
            "only the captions so far are counted, not the whole batch",
            lambda captions: (
                sum(math.log(captions[: k + 1].count(c)) for k, c in enumerate(captions))
                / len(captions)
            ),
            "The whole batch is one exam; its order does not matter.",
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
        Misconception(
            "the entropy of the captions is computed",
            _counted(lambda m, n: -sum(k / n * math.log(k / n) for k in m)),
            "Entropy and floor add up to ln N.",
        ),
        Misconception("the loss of guessing is returned", _counted(lambda m, n: math.log(n))),
        Misconception(
            "only captions that stand side by side are compared",
            _neighbours,
            "Equal captions may stand anywhere in the batch.",
        ),
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
