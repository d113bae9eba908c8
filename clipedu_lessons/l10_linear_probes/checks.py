"""What is right in lesson 10, linear probes.

The references spell each formula out, apart from the library.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, ValueExercise, whole
from clipedu_lessons.common.checking import reverse, twice, unchanged, whole_numbers
from clipedu_lessons.l10_linear_probes.scaled_probe import minimize, probe_with


def protocol(width: int = 256, classes: int = 10, pictures: int = 1000) -> ValueExercise:
    """What a probe of these sizes learns, fits and sees."""
    return ValueExercise(
        id="10.1",
        name=("numbers_learned", "fits_at_most", "pictures_in_last_fit", "lambda_is_chosen_on"),
        expected=((width + 1) * classes, 16, pictures * 4 // 5, "validation"),
        personal=protocol,
        misconceptions=(
            Misconception(
                "the bias is taken to be one number for all classes",
                lambda answer: answer[0] == width * classes + 1,
                "Which shape has the bias?",
            ),
            Misconception(
                "the whole grid is fitted",
                lambda answer: answer[1] in (96, 97, 98),
                "How many lambdas does each halving add?",
            ),
            Misconception(
                "lambda is chosen on the pictures that were fitted",
                lambda answer: str(answer[3]).strip().lower() == "train",
                "Which lambda always fits the training pictures best?",
            ),
        ),
    )


def _ask_layer(answer: Any, features: Any, labels: Any, lam: float, new: Any) -> Any:
    """Log-probabilities of new features: to add a number to all biases changes nothing."""
    return answer(features, labels, lam)(new).log_softmax(-1)


def _draw_features(generator: torch.Generator, constant: bool = False) -> dict[str, Any]:
    """Features on very unequal scales and away from zero."""
    n, width, classes = whole(generator, 24, 40), whole(generator, 3, 6), whole(generator, 2, 4)
    scales = 10 ** (3 * torch.rand(width, generator=generator) - 1.5)
    away = scales * torch.randn(width, generator=generator)
    labels = torch.cat(
        [torch.arange(classes), torch.randint(classes, (n - classes,), generator=generator)]
    )
    centers = torch.randn(classes, width, generator=generator)
    new = torch.randn(6, width, generator=generator) * scales + away
    x = (centers[labels] + torch.randn(n, width, generator=generator)) * scales + away
    if constant:
        x[:, 0] = new[:, 0] = 2.0
    lam = 0.5 + 4 * float(torch.rand((), generator=generator))
    return {"features": x, "labels": labels, "lam": lam, "new": new}


PROBE = FunctionExercise(
    id="10.6",
    name="linear_probe",
    reference=probe_with(),
    accepts=(probe_with(spread=0),),  # the standard deviation of a population
    drive=_ask_layer,
    inputs=_draw_features,
    extremes={"a feature that never changes": lambda g: _draw_features(g, constant=True)},
    tolerance=2e-3,
)


Curve = list[float]


def _bracket(shots: Curve, accuracies: Curve, target: float) -> tuple[int, float]:
    """(k, share): the target lies `share` of the way from point k - 1 to point k."""
    k = next(k for k in range(1, len(shots)) if target <= accuracies[k])
    return k, (target - accuracies[k - 1]) / (accuracies[k] - accuracies[k - 1])


def worth(shots: Curve, accuracies: Curve, target: float) -> float:
    k, share = _bracket(shots, accuracies, target)
    return shots[k - 1] * (shots[k] / shots[k - 1]) ** share


def _draw_curve(generator: torch.Generator) -> dict[str, Any]:
    count = whole(generator, 3, 6)
    steps = 1.3 + 3 * torch.rand(count, generator=generator).double()
    gains = 0.03 + 0.1 * torch.rand(count, generator=generator).double()
    shots = (whole(generator, 1, 3) * steps.cumprod(0) / steps[0]).tolist()
    accuracies = (0.05 + gains.cumsum(0)).tolist()
    k = whole(generator, 1, count - 1)
    share = 0.15 + 0.2 * float(torch.rand((), generator=generator))
    share = share if whole(generator, 0, 1) else 1 - share  # away from the middle
    target = (1 - share) * accuracies[k - 1] + share * accuracies[k]
    return {"shots": shots, "accuracies": accuracies, "target": target}


def _at(place: int) -> Any:
    def inputs(generator: torch.Generator) -> dict[str, Any]:
        drawn = _draw_curve(generator)
        return {**drawn, "target": drawn["accuracies"][place]}

    return inputs


SHOTS = FunctionExercise(
    id="10.3",
    name="examples_worth",
    reference=worth,
    inputs=_draw_curve,
    extremes={
        "the target at the first point": _at(0),
        "the target at the last point": _at(-1),
        "the target at a point in between": _at(1),
    },
    properties=(
        Property(
            "ten times as many shots everywhere do not make the answer ten times as large",
            lambda f, s, a, t: (10 * f(s, a, t), f([10 * x for x in s], a, t)),
        ),
        Property(
            "accuracies in percent change the answer",
            lambda f, s, a, t: (f(s, a, t), f(s, [100 * x for x in a], 100 * t)),
        ),
    ),
)


def _beneath(confidence: Tensor, bins: int) -> Tensor:
    return (confidence * bins).ceil().long().sub(1).clamp(0, bins - 1)


def _bins(
    confidence: Tensor, right: Tensor, bins: int, places: Any = _beneath
) -> list[tuple[float, float, float, float]]:
    """(share of predictions, accuracy, mean confidence, middle) of every bin that holds any."""
    place = places(confidence, bins)
    rows = []
    for k in place.unique().tolist():
        inside = place == k
        share = float(inside.double().mean())
        middle = (k + 0.5) / bins
        rows.append((share, float(right[inside].mean()), float(confidence[inside].mean()), middle))
    return rows


def error(confidence: Tensor, right: Tensor, bins: int) -> Tensor:
    rows = _bins(confidence, right, bins)
    return confidence.new_tensor(sum(share * abs(acc - conf) for share, acc, conf, _ in rows))


def _draw_answers(generator: torch.Generator) -> dict[str, Any]:
    n, bins = whole(generator, 30, 60), whole(generator, 3, 7)
    confidence = 0.02 + 0.96 * torch.rand(n, generator=generator)
    right = (torch.rand(n, generator=generator) < 0.2 + 0.5 * confidence).float()
    return {"confidence": confidence, "right": right, "bins": bins}


def _crowded(generator: torch.Generator) -> dict[str, Any]:
    """Everything in one or two bins of ten: most are empty."""
    drawn = _draw_answers(generator)
    return {**drawn, "confidence": 0.83 + 0.1 * drawn["confidence"], "bins": 10}


CALIBRATION = FunctionExercise(
    id="10.4",
    name="calibration_error",
    reference=error,
    inputs=_draw_answers,
    extremes={
        "most bins empty": _crowded,
        "a confidence on an inner edge": lambda g: {
            "confidence": torch.tensor([0.4, 0.5, 0.6]),
            "right": torch.tensor([1.0, 0.0, 1.0]),
            "bins": 4,
        },
    },
    properties=(
        unchanged("every prediction is there twice", twice, 0, 1),
        unchanged("the predictions come in another order", reverse, 0, 1),
    ),
    misconceptions=(
        Misconception(
            "the gaps keep their signs, confidence less accuracy",
            lambda c, r, b: c.mean() - r.mean(),
            "Can a model that is overconfident in one bin and underconfident in another hide it?",
        ),
    ),
)


def draw_examples(labels: Tensor, groups: Tensor, order: Tensor, shots: int) -> Tensor:
    chosen: list[int] = []
    for row in order.tolist():
        same = [other for other in chosen if labels[other] == labels[row]]
        if len(same) < shots and all(groups[other] != groups[row] for other in same):
            chosen.append(row)
    return torch.tensor(chosen, dtype=torch.int64)


def _draw_groups(generator: torch.Generator) -> dict[str, Any]:
    """Classes share some groups, and one class has fewer groups than examples are asked for."""
    n, classes = whole(generator, 30, 44), whole(generator, 3, 5)
    labels = torch.randint(classes, (n,), generator=generator)
    groups = torch.randint(n // 3, (n,), generator=generator)
    labels[:5], groups[:5] = classes, torch.tensor([0, 0, 1, 1, 1])
    order = torch.randperm(n, generator=generator)
    return {"labels": labels, "groups": groups, "order": order, "shots": whole(generator, 3, 4)}


EXAMPLES = FunctionExercise(
    id="10.7",
    name="draw_examples",
    reference=draw_examples,
    inputs=_draw_groups,
    trials=5,
    properties=(whole_numbers(),),
    extremes={"one example per class": lambda g: {**_draw_groups(g), "shots": 1}},
)


def floor_with(
    *, right: Any = torch.lt, end: Any = None, pool: bool = False, measure: Any = error
) -> Any:
    """The answer to 10.8, or with another argument a wrong one."""

    def calibration_floor(confidence: Tensor, tosses: Tensor, bins: int) -> Tensor:
        marks = right(tosses, confidence).to(confidence.dtype)
        if pool:
            marks = marks.mean(0, keepdim=True)
        errors = torch.stack([measure(confidence, row, bins) for row in marks])
        return errors.quantile(0.95) if end is None else end(errors)

    return calibration_floor


def _draw_tosses(generator: torch.Generator) -> dict[str, Any]:
    n, tests = whole(generator, 20, 40), whole(generator, 12, 20)
    confidence = 0.1 + 0.89 * torch.rand(n, generator=generator)
    tosses = torch.rand(tests, n, generator=generator)
    return {"confidence": confidence, "tosses": tosses, "bins": whole(generator, 3, 6)}


FLOOR = FunctionExercise(
    id="10.8",
    name="calibration_floor",
    reference=floor_with(),
    inputs=_draw_tosses,
    properties=(unchanged("the imaginary tests come in another order", reverse, 1),),
    extremes={
        "confidences on edges": lambda g: {
            "confidence": torch.tensor([0.25, 0.3, 0.5, 0.6, 0.75, 1.0]),
            "tosses": torch.rand(12, 6, generator=g),
            "bins": 4,
        },
    },
)


FLAWS = ValueExercise(
    id="10.9",
    name=("flaw_of_a", "flaw_of_b", "flaw_of_c", "flaw_of_d"),
    expected=(2, 1, 3, 4),
)


def from_words_with(
    *,
    pull: Any = None,
    scaled: bool = True,
    reduction: str = "sum",
    half: float = 0.5,
    steps: int = 1000,
    only_seen: bool = False,
    end: Any = None,
) -> Any:
    """The answer to 10.10, or with another argument a wrong one."""

    def probe_from_words(
        features: Tensor, labels: Tensor, words: Tensor, scale: float, lam: float
    ) -> Tensor:
        start = words.detach().double()
        weights = start.clone().requires_grad_()
        by = scale if scaled else 1.0

        def objective() -> Tensor:
            scores = by * features.detach().double() @ weights.T
            off = weights - start if pull is None else pull(weights, start)
            loss = F.cross_entropy(scores, labels, reduction=reduction)
            return loss + half * lam * off.square().sum()

        minimize([weights], objective, steps)
        found = weights.detach().to(features.dtype)
        found = found[labels.unique()] if only_seen else found
        return found if end is None else end(found)

    return probe_from_words


def _draw_words(generator: torch.Generator) -> dict[str, Any]:
    """Unit vectors; the last class has no example."""
    n, width, classes = whole(generator, 6, 12), whole(generator, 4, 7), whole(generator, 3, 5)
    words = F.normalize(torch.randn(classes, width, generator=generator), dim=1)
    labels = torch.randint(classes - 1, (n,), generator=generator)
    noise = 0.7 * torch.randn(n, width, generator=generator)
    scale = 4 + 6 * float(torch.rand((), generator=generator))
    lam = 2 + 20 * float(torch.rand((), generator=generator))
    features = F.normalize(words[labels] + noise, dim=1)
    return {"features": features, "labels": labels, "words": words, "scale": scale, "lam": lam}


FROM_WORDS = FunctionExercise(
    id="10.10",
    name="probe_from_words",
    reference=from_words_with(),
    inputs=_draw_words,
    extremes={"a huge lambda": lambda g: {**_draw_words(g), "lam": 1e6}},
    tolerance=2e-3,
)


EXERCISES = [protocol(), PROBE, SHOTS, CALIBRATION, EXAMPLES, FLOOR, FLAWS, FROM_WORDS]
