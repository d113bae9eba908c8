"""What is right in lesson 04, train a CLIP."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Generator, Tensor

from clipedu.classroom.spec import FunctionExercise, Misconception, Property, ValueExercise

LIBRARY_NEEDED = ("clipedu.training",)  # the last exercise trains

SCHEDULE = ValueExercise(
    id="04.1",
    name=("at_0", "at_49", "at_100"),
    expected=(0.00008, 0.004, 0.003),
    tolerance=0.000005,
    misconceptions=(
        Misconception(
            "the warm-up starts from a learning rate of zero",
            lambda value: abs(value[0]) < 1e-9,
            "Would the first step then change anything?",
        ),
        Misconception(
            "the cosine is counted from step 0 instead of from the end of the warm-up",
            lambda value: abs(value[2] - 0.002) < 1e-5,
            "Where does the fall begin?",
        ),
        Misconception(
            "the rate falls in a straight line instead of along a cosine",
            lambda value: abs(value[2] - 0.0026667) < 1e-4,
            "A third of the way down, a cosine has fallen less than a third.",
        ),
        Misconception(
            "the cosine's angle is taken in degrees",
            lambda value: abs(value[2] - 0.004) < 1e-5,
            "The cosine takes radians: half a turn is pi.",
        ),
    ),
)


def rate(step: int, steps: int, peak: float, warmup: int) -> float:
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


def rate_from_zero(step: int, steps: int, peak: float, warmup: int) -> float:
    return peak * step / warmup if step < warmup else rate(step, steps, peak, warmup)


def rate_cosine_from_start(step: int, steps: int, peak: float, warmup: int) -> float:
    if step < warmup:
        return rate(step, steps, peak, warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * step / steps))


def rate_straight(step: int, steps: int, peak: float, warmup: int) -> float:
    if step < warmup:
        return rate(step, steps, peak, warmup)
    return peak * (1 - (step - warmup) / (steps - warmup))


def rate_whole_turn(step: int, steps: int, peak: float, warmup: int) -> float:
    if step < warmup:
        return rate(step, steps, peak, warmup)
    return peak * 0.5 * (1 + math.cos(2 * math.pi * (step - warmup) / (steps - warmup)))


def rate_wrong_length(step: int, steps: int, peak: float, warmup: int) -> float:
    if step < warmup:
        return rate(step, steps, peak, warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / steps))


def rate_not_halved(step: int, steps: int, peak: float, warmup: int) -> float:
    if step < warmup:
        return rate(step, steps, peak, warmup)
    return 2 * rate(step, steps, peak, warmup)


def a_step(generator: Generator) -> dict[str, Any]:
    """Half of the draws fall into the warm-up, half behind it."""
    warmup = int(torch.randint(4, 30, (), generator=generator))
    steps = warmup + int(torch.randint(20, 200, (), generator=generator))
    low, high = (1, warmup) if torch.rand((), generator=generator) < 0.5 else (warmup + 3, steps)
    step = int(torch.randint(low, high, (), generator=generator))
    peak = 0.001 + float(torch.rand((), generator=generator))
    return {"step": step, "steps": steps, "peak": peak, "warmup": warmup}


RATE = FunctionExercise(
    id="04.2",
    name="rate",
    reference=rate,
    inputs=a_step,
    trials=12,
    extremes={
        "the first step": lambda g: {"step": 0, "steps": 40, "peak": 0.5, "warmup": 8},
        "the last step of the warm-up": lambda g: {
            "step": 7,
            "steps": 40,
            "peak": 0.5,
            "warmup": 8,
        },
        "the step after the warm-up": lambda g: {"step": 8, "steps": 40, "peak": 0.5, "warmup": 8},
        "no warm-up": lambda g: {"step": 0, "steps": 40, "peak": 0.5, "warmup": 0},
    },
    misconceptions=(
        Misconception(
            "the warm-up starts from a learning rate of zero",
            rate_from_zero,
            "What is the rate of step 0, and which step reaches the peak?",
        ),
        Misconception(
            "the cosine is counted from step 0 instead of from the end of the warm-up",
            rate_cosine_from_start,
            "At the first step after the warm-up the rate should still be the peak.",
        ),
        Misconception(
            "the rate falls in a straight line instead of along a cosine",
            rate_straight,
            "Is it a curve or a line?",
        ),
        Misconception(
            "there is no warm-up",
            lambda step, steps, peak, warmup: rate(step, steps, peak, 0),
            "What happens in the first `warmup` steps?",
        ),
        Misconception(
            "there is no warm-up, and the peak is held for its steps",
            lambda step, steps, peak, warmup: rate(max(step, warmup), steps, peak, warmup),
            "What happens in the first `warmup` steps?",
        ),
        Misconception(
            "the cosine goes a whole turn and the rate comes back up",
            rate_whole_turn,
            "How far has the angle gone at the last step?",
        ),
        Misconception(
            "the fall is divided by all steps, not by those after the warm-up",
            rate_wrong_length,
            "At the end of the run the fall should be complete.",
        ),
        Misconception(
            "1 + cos is not halved",
            rate_not_halved,
            "What is 1 + cos(0)?",
        ),
    ),
)

ADDED = ("positional_embedding", "class_embedding")


def split(shapes: dict[str, tuple[int, ...]]) -> tuple[list[str], list[str]]:
    return _split(shapes, lambda name, shape: len(shape) >= 2 and not name.endswith(ADDED))


def _split(shapes: dict[str, tuple[int, ...]], decays: Any) -> tuple[list[str], list[str]]:
    decayed = [name for name, shape in shapes.items() if decays(name, shape)]
    return decayed, [name for name in shapes if name not in decayed]


def some_shapes(generator: Generator) -> dict[str, Any]:
    """A model's worth of names in a shuffled order."""
    width = int(torch.randint(4, 64, (), generator=generator))
    known: dict[str, tuple[int, ...]] = {
        "logit_scale": (),
        "positional_embedding": (16, width),
        "text_projection": (width, 8),
        "token_embedding.weight": (100, width),
        "ln_final.weight": (width,),
        "ln_final.bias": (width,),
        "visual.class_embedding": (width,),
        "visual.positional_embedding": (5, width),
        "visual.conv1.weight": (width, 3, 4, 4),
        "visual.ln_pre.weight": (width,),
        "visual.bn1.weight": (width,),
        "transformer.resblocks.0.attn.in_proj_weight": (3 * width, width),
        "transformer.resblocks.0.attn.in_proj_bias": (3 * width,),
        "transformer.resblocks.0.mlp.c_fc.weight": (4 * width, width),
        "transformer.resblocks.0.mlp.c_fc.bias": (4 * width,),
        "prompts.class_embedding": (3, width),
    }
    names = list(known)
    order = torch.randperm(len(names), generator=generator).tolist()
    return {"shapes": {names[i]: known[names[i]] for i in order}}


SPLIT = FunctionExercise(
    id="04.3",
    name="split_parameters",
    reference=split,
    inputs=some_shapes,
    extremes={
        "no parameters": lambda g: {"shapes": {}},
        "one gain": lambda g: {"shapes": {"ln.weight": (4,)}},
    },
    misconceptions=(
        Misconception(
            "only biases are spared, so that gains and the logit scale decay",
            lambda shapes: _split(shapes, lambda name, shape: "bias" not in name),
            "What is a gain, and at which value does it start?",
        ),
        Misconception(
            "the logit scale decays",
            lambda shapes: _split(
                shapes,
                lambda name, shape: (
                    (len(shape) >= 2 and not name.endswith(ADDED)) or name == "logit_scale"
                ),
            ),
            "How many dimensions has the logit scale?",
        ),
        Misconception(
            "positional and class embeddings decay",
            lambda shapes: _split(shapes, lambda name, shape: len(shape) >= 2),
            "Which two-dimensional tensors are added to activations?",
        ),
        Misconception(
            "all embeddings are spared, the tokens' too",
            lambda shapes: _split(
                shapes, lambda name, shape: len(shape) >= 2 and "embedding" not in name
            ),
            "Read the end of the names.",
        ),
        Misconception(
            "the two lists are swapped",
            lambda shapes: tuple(reversed(split(shapes))),
            "Which list comes first?",
        ),
        Misconception(
            "gains decay and only biases, embeddings and the logit scale are spared",
            lambda shapes: _split(
                shapes,
                lambda name, shape: (
                    "bias" not in name and not name.endswith(ADDED) and name != "logit_scale"
                ),
            ),
            "A gain has one dimension.",
        ),
        Misconception(
            "only tensors of exactly two dimensions decay, so that convolutions are spared",
            lambda shapes: _split(
                shapes, lambda name, shape: len(shape) == 2 and not name.endswith(ADDED)
            ),
            "How many dimensions has the weight of a convolution?",
        ),
        Misconception(
            "everything decays",
            lambda shapes: (list(shapes), []),
            "Who should be spared?",
        ),
    ),
)


def step_and_clamp(log_scale: Tensor, gradient: Tensor, rate: float, maximum: float) -> Tensor:
    return (log_scale - rate * gradient).clamp(max=math.log(maximum))


def a_scale(generator: Generator) -> dict[str, Any]:
    """Draws on both sides of the limit, before and after the step."""
    maximum = 20.0 + 80 * float(torch.rand((), generator=generator))
    start = math.log(maximum)
    if torch.rand((), generator=generator) < 0.4:
        # So small a limit that a scale's logarithm can pass it, too.
        maximum = 1.5 + float(torch.rand((), generator=generator))
        start = maximum
    return {
        "log_scale": start + 0.5 * torch.randn((), generator=generator),
        "gradient": 4 * torch.randn((), generator=generator),
        "rate": 0.05 + 0.2 * float(torch.rand((), generator=generator)),
        "maximum": maximum,
    }


def _scale(log_scale: float, gradient: float) -> dict[str, Any]:
    return {
        "log_scale": torch.tensor(log_scale),
        "gradient": torch.tensor(gradient),
        "rate": 0.1,
        "maximum": 100.0,
    }


CLAMP = FunctionExercise(
    id="04.4",
    name="step_and_clamp",
    reference=step_and_clamp,
    inputs=a_scale,
    trials=12,
    extremes={
        "a step past the maximum": lambda g: _scale(4.5, -20.0),
        "a scale below 1": lambda g: _scale(-0.5, 1.0),
        "a start above the maximum": lambda g: _scale(6.0, 5.0),
    },
    misconceptions=(
        Misconception(
            "the logarithm is held below the maximum, not the scale",
            lambda s, g, rate, maximum: (s - rate * g).clamp(max=maximum),
            "Which number is it that may be at most `maximum`?",
        ),
        Misconception(
            "the clamp comes before the step",
            lambda s, g, rate, maximum: s.clamp(max=math.log(maximum)) - rate * g,
            "Can the result still be too large?",
        ),
        Misconception(
            "nothing is clamped",
            lambda s, g, rate, maximum: s - rate * g,
            "What if the step goes past the limit?",
        ),
        Misconception(
            "the step goes uphill",
            lambda s, g, rate, maximum: (s + rate * g).clamp(max=math.log(maximum)),
            "Which way does gradient descent go?",
        ),
        Misconception(
            "there is no step, only a clamp",
            lambda s, g, rate, maximum: s.clamp(max=math.log(maximum)),
            "Where is the gradient used?",
        ),
        Misconception(
            "the rate is forgotten",
            lambda s, g, rate, maximum: (s - g).clamp(max=math.log(maximum)),
            "How long is the step?",
        ),
        Misconception(
            "the scale is also held above 1",
            lambda s, g, rate, maximum: (s - rate * g).clamp(0, math.log(maximum)),
            "There is no lower limit here.",
        ),
        Misconception(
            "the scale is returned, not its logarithm",
            lambda s, g, rate, maximum: (s - rate * g).exp().clamp(max=maximum),
            "What does the model keep as its parameter?",
        ),
        Misconception(
            "the logarithm has base 10",
            lambda s, g, rate, maximum: (s - rate * g).clamp(max=math.log10(maximum)),
            "The inverse of exp is the natural logarithm.",
        ),
        Misconception(
            "the clamp holds the value above the limit, not below it",
            lambda s, g, rate, maximum: (s - rate * g).clamp(min=math.log(maximum)),
            "Is it a floor or a ceiling?",
        ),
    ),
)

CAUSES = ValueExercise(
    id="04.5",
    name="causes",
    expected={
        "A": "shuffled captions",
        "B": "batch of one",
        "C": "shortcut",
        "D": "rate too high",
    },
    misconceptions=(
        Misconception(
            "a shortcut is taken for a high learning rate, and the other way round",
            {"C": "rate too high", "D": "shortcut"},
            "Which of the two learns something, and from what?",
        ),
        Misconception(
            "a loss of zero is taken for a shortcut",
            {"B": "shortcut"},
            "How many wrong answers are there to tell the right one from?",
        ),
        Misconception(
            "a falling loss is taken for shuffled captions",
            {"C": "shuffled captions"},
            "Could a loss fall if no caption belonged to its picture?",
        ),
        Misconception(
            "a loss that stays at ln N is taken for a high learning rate",
            {"A": "rate too high"},
            "That happens too. But which run here is thrown out of the numbers?",
        ),
        Misconception(
            "a loss that stays at ln N is taken for a batch of one",
            {"A": "batch of one"},
            "What is ln 1?",
        ),
    ),
)


def weights(embeddings: Tensor) -> Tensor:
    return _unit(_unit(embeddings).mean(dim=1))


def _unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=-1, keepdim=True)


def some_prompts(generator: Generator) -> dict[str, Any]:
    classes, prompts, width = (
        int(torch.randint(low, high, (), generator=generator))
        for low, high in ((2, 6), (2, 5), (6, 9))
    )
    # Prompts of very different lengths, or normalising them first would hardly show.
    length = 0.2 + 5 * torch.rand(classes, prompts, 1, generator=generator)
    centre = torch.randn(classes, 1, width, generator=generator)
    noise = torch.randn(classes, prompts, width, generator=generator)
    return {"embeddings": length * (centre + noise)}


WEIGHTS = FunctionExercise(
    id="04.6",
    name="zero_shot_weights",
    reference=weights,
    inputs=some_prompts,
    gradient=("embeddings",),
    properties=(
        Property("a prompt's embedding is made ten times longer", lambda f, x: (f(x), f(10 * x))),
        Property("the prompts are put in another order", lambda f, x: (f(x), f(x.flip(1)))),
    ),
    extremes={
        "one prompt a class": lambda g: {"embeddings": torch.randn(3, 1, 4, generator=g)},
        "one class": lambda g: {"embeddings": torch.randn(1, 3, 4, generator=g)},
        "embeddings of a thousand": lambda g: {
            "embeddings": 1000 * torch.randn(3, 2, 4, generator=g)
        },
    },
    misconceptions=(
        Misconception(
            "the prompts are averaged before they are normalised",
            lambda x: _unit(x.mean(dim=1)),
            "Does a prompt with a long embedding have more say?",
        ),
        Misconception(
            "the mean is not normalised",
            lambda x: _unit(x).mean(dim=1),
            "What is the length of a mean of unit vectors?",
        ),
        Misconception(
            "nothing is normalised",
            lambda x: x.mean(dim=1),
            "How long should each row be?",
        ),
        Misconception(
            "only the first prompt of each class is used",
            lambda x: _unit(x[:, 0]),
            "Where are the other prompts?",
        ),
        Misconception(
            "the squared length is divided by, not the length",
            lambda x: _unit((x / x.square().sum(-1, keepdim=True)).mean(dim=1)),
            "The length is the square root of the sum of squares.",
        ),
        Misconception(
            "the sum of absolute values is taken for the length",
            lambda x: _unit((x / x.abs().sum(-1, keepdim=True)).mean(dim=1)),
            "Cosine similarity needs the Euclidean length.",
        ),
        Misconception(
            "the prompts' mean is taken over the classes",
            lambda x: _unit(_unit(x).mean(dim=0)),
            "The result has one row for each class.",
        ),
        Misconception(
            "a softmax stands in the place of the normalisation",
            lambda x: _unit(x).mean(dim=1).softmax(dim=-1),
            "Unit length, not a sum of 1.",
        ),
    ),
)

EXERCISES = [SCHEDULE, RATE, SPLIT, CLAMP, CAUSES, WEIGHTS]
