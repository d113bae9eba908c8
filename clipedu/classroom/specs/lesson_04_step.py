"""Lesson 04: which weights decay, and where the logit scale is clamped."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Generator, Tensor

from clipedu.classroom.spec import FunctionExercise, Misconception

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
