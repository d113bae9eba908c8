"""Lesson 04: which weights decay."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator

from clipedu_classroom.spec import FunctionExercise, Misconception

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
        Misconception(
            "only tensors of more than two dimensions decay",
            lambda shapes: _split(
                shapes, lambda name, shape: len(shape) > 2 and not name.endswith(ADDED)
            ),
            "Two dimensions are enough.",
        ),
        Misconception(
            "tensors of one dimension decay, too",
            lambda shapes: _split(
                shapes, lambda name, shape: len(shape) >= 1 and not name.endswith(ADDED)
            ),
            "How many dimensions have a gain and a bias? len(shape) counts them.",
        ),
        Misconception(
            "the name decides, not the number of dimensions",
            lambda shapes: _split(shapes, lambda name, shape: name.endswith("weight")),
            "ln_final.weight is a gain, and text_projection is a matrix.",
        ),
        Misconception(
            "the words bias and ln in a name decide, not the number of dimensions",
            lambda shapes: _split(
                shapes,
                lambda name, shape: not any(word in name for word in ("bias", "ln", "logit_scale")),
            ),
            "Count the dimensions; a name may hold any word.",
        ),
        Misconception(
            "the names must be equal to the two endings",
            lambda shapes: _split(
                shapes, lambda name, shape: len(shape) >= 2 and name not in ADDED
            ),
            "visual.positional_embedding ends in positional_embedding.",
        ),
        Misconception(
            "the part behind the last full stop must be equal to an ending",
            lambda shapes: _split(
                shapes, lambda name, shape: len(shape) >= 2 and name.split(".")[-1] not in ADDED
            ),
            "text.old_class_embedding ends in class_embedding.",
        ),
        Misconception(
            "the endings are looked for anywhere in the name",
            lambda shapes: _split(
                shapes, lambda name, shape: len(shape) >= 2 and not any(a in name for a in ADDED)
            ),
            "Only the end of the name counts.",
        ),
        Misconception(
            "class embeddings of two dimensions decay",
            lambda shapes: _split(
                shapes, lambda name, shape: len(shape) >= 2 and not name.endswith(ADDED[0])
            ),
            "Two endings are named.",
        ),
        Misconception(
            "positional embeddings decay",
            lambda shapes: _split(
                shapes, lambda name, shape: len(shape) >= 2 and not name.endswith(ADDED[1])
            ),
            "Two endings are named.",
        ),
        Misconception(
            "positional and class embeddings are in neither list",
            lambda shapes: tuple(
                [name for name in names if not name.endswith(ADDED)] for names in split(shapes)
            ),
            "All others are spared: every name is in one of the two lists.",
        ),
        Misconception(
            "the excepted embeddings of two dimensions are in neither list",
            lambda shapes: (
                split(shapes)[0],
                [name for name, shape in shapes.items() if len(shape) < 2],
            ),
            "All others are spared: every name is in one of the two lists.",
        ),
        Misconception(
            "only the endings decide, not the number of dimensions",
            lambda shapes: _split(shapes, lambda name, shape: not name.endswith(ADDED)),
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
            lambda shapes: _split(
                shapes, lambda name, shape: len(shape) >= 2 and not name.startswith(ADDED)
            ),
            "visual.positional_embedding ends in positional_embedding.",
        ),
        Misconception(
            "only the image tower's embeddings are spared",
            lambda shapes: _split(
                shapes,
                lambda name, shape: (
                    len(shape) >= 2
                    and name not in ("visual.positional_embedding", "visual.class_embedding")
                ),
            ),
            "The text tower has positional embeddings, too. Compare the end of the name.",
        ),
        Misconception(
            "the shapes are returned, not the names",
            lambda shapes: tuple([shapes[name] for name in names] for names in split(shapes)),
            "Return two lists of names.",
        ),
        Misconception(
            "every name that ends in embedding or embedding.weight is spared",
            lambda shapes: _split(
                shapes,
                lambda name, shape: (
                    len(shape) >= 2 and not name.endswith(("embedding", "embedding.weight"))
                ),
            ),
            "token_embedding.weight decays; two endings are named.",
        ),
    ),
)
