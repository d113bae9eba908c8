"""Two captions, one picture: which fits better? Questions that a bag of words can't answer.

A model at one half may not know, and a model far below it reads the question in another way. Which
of the two can only be told with a control: the same pictures, and a question it should know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy.stats import binom

from clipedu.evaluation.embedding import embed_pictures, embed_texts
from clipedu.evaluation.inputs import check_embeddings
from clipedu.evaluation.statistics import clopper_pearson
from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer


@dataclass(frozen=True, eq=False)
class Choice:
    """How often the right one of two captions had the higher similarity; ties count half.

    right: (N,) float, 1, 0 or 0.5; interval: 95 % Clopper-Pearson of the share, ties rounded down
    """

    share: float
    n: int
    interval: tuple[float, float]
    right: torch.Tensor

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.share:4.0%} of {self.n} ({low:.0%} to {high:.0%})"


def choose(
    model: CLIP,
    tokenizer: Tokenizer,
    pictures: torch.Tensor | None,
    right: Sequence[str],
    wrong: Sequence[str],
    *,
    embeddings: torch.Tensor | None = None,
) -> Choice:
    """Pictures (N, 3, R, R) in 0..1 and, for each, a right and a wrong caption.

    embeddings: (N, E) from `embed_pictures`, when many captions are tried on the same pictures
    Raises ValueError when they are not equally many, and what the embedding functions raise.
    """
    if embeddings is None and pictures is not None:
        embeddings = embed_pictures(model, pictures)
    if embeddings is None or not len(embeddings) == len(right) == len(wrong):
        raise ValueError(
            "One right and one wrong caption a picture: got "
            f"{0 if embeddings is None else len(embeddings)} pictures, {len(right)} and "
            f"{len(wrong)} captions."
        )
    words = list(dict.fromkeys([*right, *wrong]))
    embedded = embed_texts(model, tokenizer, words)
    check_embeddings(embeddings, len(right), embedded.shape[1])
    place = {text: i for i, text in enumerate(words)}
    first, second = (
        (embeddings * embedded[[place[text] for text in texts]]).sum(1) for texts in (right, wrong)
    )
    marks = (first > second).float() + 0.5 * (first == second).float()  # (N,)
    hits = int(marks.sum())
    return Choice(float(marks.mean()), len(marks), clopper_pearson(hits, len(marks)), marks.cpu())


def power(n: int, share: float, level: float = 0.95) -> float:
    """How likely a test of n pictures tells `share` from a coin: its interval lies above one half.

    Counts the hits k whose Clopper-Pearson interval has its lower end above 0.5.
    """
    least = next((k for k in range(n // 2, n + 1) if clopper_pearson(k, n, level)[0] > 0.5), n + 1)
    return float(binom.sf(least - 1, n, share))


def other_names(labels: torch.Tensor, names: Sequence[str], seed: int = 0) -> list[str]:
    """For each of (N,) labels, the name of another class, at random."""
    generator = torch.Generator().manual_seed(seed)
    steps = torch.randint(1, len(names), (len(labels),), generator=generator)
    return [names[k] for k in ((labels + steps) % len(names)).tolist()]
