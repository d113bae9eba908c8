"""Exercises 04.3 and 04.4: which weights decay, and a step that clamps the logit scale."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Generator, Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception

ADDED = ("positional_embedding", "class_embedding")


def split(shapes: dict[str, tuple[int, ...]]) -> tuple[list[str], list[str]]:
    return _split(shapes, lambda name, shape: len(shape) >= 2 and not name.endswith(ADDED))


def _split(shapes: dict[str, tuple[int, ...]], decays: Any) -> tuple[list[str], list[str]]:
    decayed = [name for name, shape in shapes.items() if decays(name, shape)]
    return decayed, [name for name in shapes if name not in decayed]


def _decays(rule: Any) -> Any:
    """A wrong answer by the rule (name, number of dimensions) -> does it decay?"""
    return lambda shapes: _split(shapes, lambda name, shape: rule(name, len(shape)))


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
        "text.old_class_embedding": (3, width),
        "positional_embedding_mixer.weight": (width, width),
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
            "no embedding decays, not even the tokens'",
            _decays(lambda name, ndim: ndim >= 2 and "embedding" not in name),
            "Read the end of the names.",
        ),
        Misconception(
            "only tensors of exactly two dimensions decay, so that convolutions do not",
            _decays(lambda name, ndim: ndim == 2 and not name.endswith(ADDED)),
            "How many dimensions has the weight of a convolution?",
        ),
        Misconception(
            "everything decays",
            lambda shapes: (list(shapes), []),
            "Which parameters should not decay?",
        ),
        Misconception(
            "only tensors of more than two dimensions decay",
            _decays(lambda name, ndim: ndim > 2 and not name.endswith(ADDED)),
            "Two dimensions are enough.",
        ),
        Misconception(
            "tensors of one dimension decay, too",
            _decays(lambda name, ndim: ndim >= 1 and not name.endswith(ADDED)),
            "How many dimensions have a gain and a bias? len(shape) counts them.",
        ),
        Misconception(
            "the name decides, not the number of dimensions",
            _decays(lambda name, ndim: name.endswith("weight")),
            "ln_final.weight is a gain, and text_projection is a matrix.",
        ),
        Misconception(
            "the words bias and ln in a name decide, not the number of dimensions",
            _decays(
                lambda name, ndim: not any(word in name for word in ("bias", "ln", "logit_scale"))
            ),
            "Count the dimensions; a name may hold any word.",
        ),
        Misconception(
            "the names must be equal to the two endings",
            _decays(lambda name, ndim: ndim >= 2 and name not in ADDED),
            "visual.positional_embedding ends in positional_embedding.",
        ),
        Misconception(
            "the part behind the last full stop must be equal to an ending",
            _decays(lambda name, ndim: ndim >= 2 and name.split(".")[-1] not in ADDED),
            "text.old_class_embedding ends in class_embedding.",
        ),
        Misconception(
            "the endings are looked for anywhere in the name",
            _decays(lambda name, ndim: ndim >= 2 and not any(a in name for a in ADDED)),
            "Only the end of the name counts.",
        ),
        Misconception(
            "class embeddings of two dimensions decay",
            _decays(lambda name, ndim: ndim >= 2 and not name.endswith(ADDED[0])),
            "Two endings are named.",
        ),
        Misconception(
            "positional embeddings decay",
            _decays(lambda name, ndim: ndim >= 2 and not name.endswith(ADDED[1])),
            "Two endings are named.",
        ),
        Misconception(
            "positional and class embeddings are in neither list",
            lambda shapes: tuple(
                [name for name in names if not name.endswith(ADDED)] for names in split(shapes)
            ),
            "All others do not decay: every name is in one of the two lists.",
        ),
        Misconception(
            "only the endings decide, not the number of dimensions",
            _decays(lambda name, ndim: not name.endswith(ADDED)),
            "How many dimensions have a gain and a bias? len(shape) counts them.",
        ),
        Misconception(
            "the names are sorted by the alphabet",
            lambda shapes: tuple(sorted(names) for names in split(shapes)),
            "Each list has the order of the dictionary.",
        ),
        Misconception(
            "sets are returned, which have no order",
            lambda shapes: tuple(set(names) for names in split(shapes)),
            "Return lists, in the order of the dictionary.",
        ),
        Misconception(
            "the shapes are returned with the names",
            lambda shapes: tuple({name: shapes[name] for name in names} for names in split(shapes)),
            "Return two lists of names.",
        ),
        Misconception(
            "only the decayed names are returned",
            lambda shapes: split(shapes)[0],
            "Return both lists.",
        ),
        Misconception(
            "the beginning of the name is compared, not its end",
            _decays(lambda name, ndim: ndim >= 2 and not name.startswith(ADDED)),
            "visual.positional_embedding ends in positional_embedding.",
        ),
        Misconception(
            "the shapes are returned, not the names",
            lambda shapes: tuple([shapes[name] for name in names] for names in split(shapes)),
            "Return two lists of names.",
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
        "a scale of 0.0001": lambda g: _scale(-9.0, 0.5),
    },
    misconceptions=(
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
        Misconception(
            "the step is taken on the scale, not on its logarithm",
            lambda s, g, rate, maximum: (s.exp() - rate * g).clamp(max=maximum).log(),
            "The parameter that learns is the logarithm.",
        ),
        Misconception(
            "the maximum is always 100, whatever was asked for",
            lambda s, g, rate, maximum: (s - rate * g).clamp(max=math.log(100)),
            "Use `maximum`.",
        ),
        Misconception(
            "the logarithm has base 2",
            lambda s, g, rate, maximum: (s - rate * g).clamp(max=math.log2(maximum)),
            "The inverse of exp is the natural logarithm.",
        ),
        Misconception(
            "the gradient is clamped, not the parameter",
            lambda s, g, rate, maximum: s - rate * g.clamp(max=math.log(maximum)),
            "Which number is it that may be at most `maximum`?",
        ),
        Misconception(
            "only the sign of the gradient is used",
            lambda s, g, rate, maximum: (s - rate * g.sign()).clamp(max=math.log(maximum)),
            "Plain gradient descent goes further where the slope is steeper.",
        ),
        Misconception(
            "the gradient is divided by the rate",
            lambda s, g, rate, maximum: (s - g / rate).clamp(max=math.log(maximum)),
            "A small rate makes a small step.",
        ),
        Misconception(
            "a step that would go too far is not taken at all",
            lambda s, g, rate, maximum: (s - rate * g) if s - rate * g <= math.log(maximum) else s,
            "It is taken, and ends at the maximum.",
        ),
        Misconception(
            "the scale before the step is compared with the maximum",
            lambda s, g, rate, maximum: (
                s - rate * g if s.exp() <= maximum else torch.full_like(s, math.log(maximum))
            ),
            "Which number may not be larger than `maximum`: the old or the new?",
        ),
        Misconception(
            "the maximum itself is returned where the scale would be too large",
            lambda s, g, rate, maximum: (
                s - rate * g if (s - rate * g).exp() < maximum else torch.full_like(s, maximum)
            ),
            "The parameter is the logarithm: what is the logarithm of `maximum`?",
        ),
        Misconception(
            "the scale is also held above 1 / maximum",
            lambda s, g, rate, maximum: (s - rate * g).clamp(-math.log(maximum), math.log(maximum)),
            "There is no lower limit here.",
        ),
        Misconception(
            "the gradient is multiplied by the scale, as if it were that of the scale",
            lambda s, g, rate, maximum: (s - rate * g * s.exp()).clamp(max=math.log(maximum)),
            "The gradient that is given is the parameter's own.",
        ),
        Misconception(
            "the gradient is multiplied by the parameter",
            lambda s, g, rate, maximum: (s - rate * g * s).clamp(max=math.log(maximum)),
            "new = old - rate x gradient, and nothing else.",
        ),
        Misconception(
            "the gradient's sign is lost",
            lambda s, g, rate, maximum: (s - rate * g.abs()).clamp(max=math.log(maximum)),
            "The step may go either way.",
        ),
        Misconception(
            "1 is added before the logarithm",
            lambda s, g, rate, maximum: (s - rate * g).clamp(max=math.log1p(maximum)),
            "What undoes exp?",
        ),
    ),
)
