"""Which pictures change their class when the prompt changes, and why.

An accuracy that rises by two points may be two hundred answers put right and as many lost. The
pictures that flip say what a prompt does; those that do not flip say nothing about it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.figure import Figure
from scipy.stats import binomtest

from clipedu.evaluation.embedding import embed_pictures
from clipedu.evaluation.tasks.task import Task
from clipedu.evaluation.zeroshot import similarities, zero_shot, zero_shot_classifier
from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer
from clipedu_lessons.common.figures import new_figure


def sign_test(better: int, worse: int) -> float:
    """The two-sided exact p-value of a fair coin: `better` answers fixed, `worse` broken.

    It is McNemar's exact test: 12 fixed and 9 broken may be luck (p 0.66), 30 and 9 is not.

    >>> round(sign_test(12, 9), 2), round(sign_test(30, 9), 4)
    (0.66, 0.0011)
    """
    if better < 0 or worse < 0:
        raise ValueError(f"Counts are 0 or more; got {better} and {worse}.")
    return float(binomtest(better, better + worse).pvalue) if better + worse else 1.0


@dataclass(frozen=True)
class Flip:
    """One picture whose answer changed.

    row: its place in the task; label, before, after: class names
    scores: cosine similarity (with a, with b) of the classes `before` and `after`
    """

    row: int
    label: str
    before: str
    after: str
    scores: dict[str, tuple[float, float]]

    @property
    def kind(self) -> str:
        """ "fixed", "broken", or "other": from one wrong answer to another."""
        if self.after == self.label:
            return "fixed"
        return "broken" if self.before == self.label else "other"

    @property
    def why(self) -> str:
        """Which class moved: in words, with both similarities."""
        (old_a, old_b), (new_a, new_b) = self.scores[self.before], self.scores[self.after]
        fell, rose = old_a - old_b, new_b - new_a
        moved = (
            f"{self.before!r} fell {old_a:.2f} to {old_b:.2f}"
            if fell > rose
            else f"{self.after!r} rose {new_a:.2f} to {new_b:.2f}"
        )
        return f"{self.before} -> {self.after}: {moved}"


@dataclass(frozen=True)
class Flips:
    """All changed answers between prompts a and b. n: pictures in all."""

    task: str
    n: int
    changed: list[Flip]

    def of(self, kind: str) -> list[Flip]:
        """Those of one kind: "fixed", "broken" or "other"."""
        return [flip for flip in self.changed if flip.kind == kind]

    @property
    def p(self) -> float:
        """Could a coin have done it? `sign_test` of the fixed and the broken ones."""
        return sign_test(len(self.of("fixed")), len(self.of("broken")))

    def __str__(self) -> str:
        kinds = ", ".join(f"{len(self.of(kind))} {kind}" for kind in ("fixed", "broken", "other"))
        return (
            f"{self.task}: {len(self.changed)} of {self.n} answers change: {kinds} (p {self.p:.2g})"
        )


@torch.no_grad()
def flips(
    model: CLIP,
    tokenizer: Tokenizer,
    task: Task,
    templates_a: Sequence[str] | str,
    templates_b: Sequence[str] | str,
    *,
    embeddings: torch.Tensor | None = None,
) -> Flips:
    """Ask every picture with a and with b, and keep those whose answer differs.

    The most decided ones first: sorted by how far the two classes moved against each other.
    Raises what `zero_shot` raises.
    """
    if embeddings is None:
        embeddings = embed_pictures(model, task.pictures)
    answers, scores = [], []
    for templates in (templates_a, templates_b):
        weights = zero_shot_classifier(model, tokenizer, task.class_names, templates)
        result = zero_shot(model, tokenizer, task, templates=templates, embeddings=embeddings)
        answers.append(result.predictions[:, 0])
        scores.append(similarities(embeddings, weights).cpu())  # (N, C)
    changed = []
    for row in torch.nonzero(answers[0] != answers[1]).flatten().tolist():
        old, new = int(answers[0][row]), int(answers[1][row])
        moved = {
            task.class_names[c]: (float(scores[0][row, c]), float(scores[1][row, c]))
            for c in (old, new)
        }
        label, before, after = (task.class_names[c] for c in (int(task.labels[row]), old, new))
        changed.append(Flip(row, label, before, after, moved))

    def strength(flip: Flip) -> float:
        (old_a, old_b), (new_a, new_b) = flip.scores[flip.before], flip.scores[flip.after]
        return (old_a - new_a) + (new_b - old_b)

    return Flips(task.name, len(task), sorted(changed, key=strength, reverse=True))


def flips_figure(task: Task, shown: Sequence[Flip], *, columns: int = 4, title: str = "") -> Figure:
    """Pictures above their right class and the two answers. Raises ValueError for none."""
    if not shown:
        raise ValueError("No picture flipped: there is nothing to show.")
    columns = min(columns, len(shown))
    rows = -(-len(shown) // columns)
    figure = new_figure(2.1 * columns, 2.3 * rows + 0.4)
    if title:
        figure.suptitle(title)
    axes: Any = figure.subplots(rows, columns, squeeze=False)
    for i in range(rows * columns):
        place = axes[i // columns][i % columns]
        place.set_axis_off()
        if i >= len(shown):
            continue
        flip = shown[i]
        rgb = task.pictures[flip.row].clamp(0, 1).permute(1, 2, 0)  # (R, R, 3)
        place.imshow(rgb.numpy(), interpolation="nearest")
        words = [f"it is: {flip.label}", f"a: {flip.before}", f"b: {flip.after} ({flip.kind})"]
        lines = [textwrap.shorten(line, 26, placeholder=" …") for line in words]
        place.set_title("\n".join(lines), fontsize=8, loc="left")
    return figure


def flips_words(shown: Sequence[Flip]) -> str:
    """The same in sentences, for who hears the figure."""
    return " ".join(
        f"A picture of {flip.label}: with a {flip.before}, with b {flip.after} ({flip.kind})."
        for flip in shown
    )
