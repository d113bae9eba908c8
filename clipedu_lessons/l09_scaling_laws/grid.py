"""The grid of lesson 09: one small CLIP in three sizes, trained on five numbers of pairs.

Everything but size and pairs is the same: Muon, one rate, a batch of 64, sentence captions. The
sets Remix and Bootstrap are left out of training and asked at the end; Lucide is reported only.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import torch

from clipedu.evaluation import Task, embed_pictures, load_task, zero_shot_classifier
from clipedu.models import CLIP, count_flops
from clipedu.pairs import PairSet
from clipedu.tokenizer import Tokenizer
from clipedu.training import RECIPES, Recipe, left_out_split, load_pretrained
from clipedu_lessons.common.records import read_record

WIDTHS = (16, 32, 64)
PAIRS = (10_240, 20_480, 40_960, 81_920, 163_840)
BEGUN = 20_480  # with fewer pairs these models have hardly left the loss of guessing
BATCH_SIZE = 64
VOCAB_SIZE = 2048
AMONG = 5  # names that a picture is asked with
#: The series' rate for 512 pairs; others follow by the square root.
PEAK, PEAK_BATCH = 2e-3, 512


def recipe_of(width: int, pairs: int, batch_size: int = BATCH_SIZE) -> Recipe:
    """How a model of this width is trained on so many pairs."""
    sizes = {"vision_width": width, "vision_layers": 2, "vision_heads": max(1, width // 16)}
    sizes |= {"text_width": width, "text_layers": 1, "text_heads": max(1, width // 16)}
    return dataclasses.replace(
        RECIPES["lesson"],
        model={**sizes, "embed_dim": width},
        vocab_size=VOCAB_SIZE,
        context_length=16,
        batch_size=batch_size,
        steps=pairs // batch_size,
        learning_rate=PEAK * (batch_size / PEAK_BATCH) ** 0.5,
        precision="fp32",  # faster than bfloat16 at these sizes, also on a CPU that has it
        evaluate_every=0,
        checkpoint_every=0,
    )


@cache
def words() -> Tokenizer:
    """The first merges of the shipped model's tokenizer."""
    return Tokenizer(load_pretrained()[1].merges[: VOCAB_SIZE - 258])


@cache
def data() -> tuple[PairSet, list[Task]]:
    """Pairs of ten icon sets, and the tasks: Remix and Bootstrap, left out, and Lucide."""
    pairs, tasks = left_out_split()
    return pairs.drawn(RECIPES["lesson"].captions), [*tasks, load_task("lucide")]


def flops(width: int, pairs: int) -> float:
    """Operations of a run: six for each multiply-add of both encoders, for each pair."""
    counts = count_flops(recipe_of(width, pairs).config(VOCAB_SIZE))
    return 6.0 * (counts["visual"] + counts["text"]) * pairs


@torch.no_grad()
def error_among(
    model: CLIP, tokenizer: Tokenizer, task: Task, names: int = AMONG
) -> tuple[float, float]:
    """Zero-shot errors: among all classes, and among `names` of them, the right one and others.

    The second is exact, the mean over all draws of the other names: with a classes before the right
    one of C, none of them is drawn with probability C(C-1-a, k-1) / C(C-1, k-1).
    """
    weights = zero_shot_classifier(model, tokenizer, task.class_names, task.templates)
    scores = embed_pictures(model, task.pictures) @ weights.T  # (N, C)
    right = scores.gather(1, task.labels[:, None])
    ahead = (scores > right).sum(1).double()  # (N,)
    others, chance = scores.shape[1] - 1, torch.ones_like(ahead)
    for k in range(names - 1):  # drawn one after the other, without putting back
        chance *= ((others - ahead - k) / (others - k)).clamp(min=0)
    return float((ahead > 0).double().mean()), float(1 - chance.mean())


def load_grid() -> list[dict[str, Any]]:
    """The stored runs of benchmarks/scaling.py, with `size`, multiply-adds of a pair."""
    rows = read_record("scaling")
    # not from the stored operations, which are rounded: one size for each width
    sizes = {width: flops(width, BATCH_SIZE) / 6 / BATCH_SIZE for width in WIDTHS}
    for row in rows:
        row["size"] = sizes[row["width"]]
    return rows
