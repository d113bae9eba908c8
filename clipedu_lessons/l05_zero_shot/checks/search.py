"""Exercises 05.8 and 05.10: a threshold with a false alarm rate, and a search by cells."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, whole
from clipedu_lessons.common.checking import reverse, unchanged, unit


def threshold_for(known: Tensor, strangers: Tensor, rate: float) -> tuple[float, float]:
    """The threshold, and the share of `known` above it."""
    allowed = int(rate * len(strangers) + 1e-9)
    falling = sorted(strangers.tolist(), reverse=True)
    threshold = falling[allowed] if allowed < len(falling) else -1.0
    return threshold, float((known > threshold).double().mean())


def _scores(generator: torch.Generator, rate: float = 0, ties: bool = False) -> dict[str, Any]:
    known = 0.55 + 0.2 * torch.randn(whole(generator, 8, 15), generator=generator)
    strangers = 0.35 + 0.15 * torch.randn(whole(generator, 11, 23), generator=generator)
    if ties:
        strangers = strangers.mul(10).round() / 10
        known = torch.cat([known, strangers])  # so some score is equal to the threshold
    return {
        "known": known.clamp(-1, 1),
        "strangers": strangers.clamp(-1, 1),
        "rate": rate or (0.07, 0.13, 0.22, 0.35)[whole(generator, 0, 3)],
    }


THRESHOLD = FunctionExercise(
    id="05.8",
    name="threshold_for",
    reference=threshold_for,
    inputs=_scores,
    properties=(unchanged("the pictures are put in another order", reverse, 0, 1),),
    extremes={
        "no false alarm allowed": lambda g: {**_scores(g), "rate": 0.0},
        "every false alarm allowed": lambda g: {**_scores(g), "rate": 1.0},
        "equal scores": lambda g: _scores(g, 0.22, ties=True),
        "a score that most strangers have": lambda g: {
            "known": torch.tensor([0.3, 0.5, 0.7]),
            "strangers": torch.tensor([0.5, 0.1, 0.5, 0.5]),
            "rate": 0.5,
        },
        "one stranger": lambda g: {**_scores(g), "strangers": torch.tensor([0.3])},
    },
    misconceptions=(
        Misconception("the two sets change roles", lambda k, s, r: threshold_for(s, k, r)),
        Misconception(
            "the share of refused known pictures is returned",
            lambda k, s, r: (threshold_for(k, s, r)[0], 1 - threshold_for(k, s, r)[1]),
        ),
    ),
)


def cell_search(
    vectors: Tensor,
    start: Tensor,
    steps: int,
    queries: Tensor,
    k: int,
    probes: int,
    *,
    keep_length: bool = False,
    empty_to_zero: bool = False,
    best_cells: bool = True,
    by_distance: bool = False,
) -> tuple[Tensor, float]:
    """Rows (Q, k), filled up with -1, and the mean share of vectors that a query meets.

    The options are what wrong answers do.
    """
    centers = vectors[start].clone()
    for _ in range(steps):
        cell = (vectors @ centers.T).argmax(dim=1)
        for c in range(len(centers)):
            members = vectors[cell == c]
            if len(members):
                mean = members.mean(dim=0)
                centers[c] = mean if keep_length else unit(mean)
            elif empty_to_zero:
                centers[c] = 0
    scores = -torch.cdist(vectors, centers) if by_distance else vectors @ centers.T
    cell = scores.argmax(dim=1)
    found, met = torch.full((len(queries), k), -1), 0
    for q, query in enumerate(queries):
        cells = (centers @ query).topk(probes, largest=best_cells).indices
        rows = torch.isin(cell, cells).nonzero()[:, 0]
        order = (vectors[rows] @ query).argsort(descending=True)[:k]
        found[q, : len(order)] = rows[order]
        met += len(rows)
    return found, met / len(queries) / len(vectors)


def _library(
    generator: torch.Generator, k: int = 0, cells: int = 0, probes: int = 0, steps: int = -1
) -> dict[str, Any]:
    cells = cells or whole(generator, 5, 7)
    middles = unit(torch.randn(cells, 6, generator=generator))
    of = torch.randint(0, cells, (whole(generator, 40, 60),), generator=generator)
    vectors = unit(middles[of] + 0.35 * torch.randn(len(of), 6, generator=generator))
    start = torch.randperm(len(of), generator=generator)[:cells]
    queries = middles[of[:4]] + 0.4 * torch.randn(4, 6, generator=generator)
    return {
        "vectors": vectors,
        "start": start,
        "steps": whole(generator, 2, 4) if steps < 0 else steps,
        "queries": unit(queries),
        "k": k or whole(generator, 3, 5),
        "probes": probes or whole(generator, 2, 3),
    }


def _with_an_empty_cell(generator: torch.Generator) -> dict[str, Any]:
    """Two starts are the same vector: the second of them gets no member."""
    given = _library(generator)
    given["start"][1] = given["start"][0]
    return given


CELL_SEARCH = FunctionExercise(
    id="05.10",
    name="cell_search",
    reference=cell_search,
    inputs=_library,
    properties=(
        Property(
            "the rows are floats, which can't be used as indices",
            lambda f, *given: (torch.as_tensor(f(*given)[0]).is_floating_point(), False),
        ),
    ),
    extremes={
        "all cells are visited": lambda g: _library(g, cells=5, probes=5),
        "one cell": lambda g: _library(g, cells=1, probes=1),
        "no step": lambda g: _library(g, steps=0),
        "fewer pictures than asked for": lambda g: _library(g, k=30, probes=1),
        "a cell without a member": _with_an_empty_cell,
    },
    misconceptions=(
        Misconception(
            "the worst cells are visited, not the best",
            lambda *given: cell_search(*given, best_cells=False),
        ),
        Misconception(
            "an empty cell gets a center of zeros",
            lambda *given: cell_search(*given, empty_to_zero=True),
            "A cell without members keeps the center that it had.",
        ),
        Misconception(
            "the share is of the cells, not of the pictures",
            lambda v, s, t, q, k, p: (cell_search(v, s, t, q, k, p)[0], p / len(s)),
            "Cells are not equally large.",
        ),
        Misconception(
            "the number of pictures is returned, not their share",
            lambda v, *rest: ((both := cell_search(v, *rest))[0], both[1] * len(v)),
        ),
    ),
)
