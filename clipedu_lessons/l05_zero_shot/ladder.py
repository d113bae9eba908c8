"""How new is a name? The rungs of lesson 05's ladder, and what a sceptic would try instead.

A name is *read* if some caption of the twelve training sets can hold it whole: as a name, an alias
or a tag. It is a *phrase* if only its words were read, and a *word* if one of them never was.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import torch
from matplotlib.figure import Figure

from clipedu.pairs import TRAINING_FAMILIES, load_icons
from clipedu_lessons.common.figures import new_figure

Rung = Literal["read", "phrase", "word"]
RUNGS: dict[Rung, str] = {
    "read": "name read in training",
    "phrase": "new phrase of read words",
    "word": "a word never read",
}


def words_of(text: str) -> list[str]:
    """The words and numbers of a text, in small letters.

    >>> words_of("Grid 2x2, check")
    ['grid', '2x2', 'check']
    """
    return re.findall(r"[a-z0-9]+", text.lower())


@functools.cache
def read_in_training() -> tuple[frozenset[str], frozenset[str]]:
    """The names, aliases and tags of the twelve training sets, and all words of their captions."""
    icons = [icon for key in TRAINING_FAMILIES for icon in load_icons([key])]
    texts = {text.lower() for i in icons for text in (i.name, *i.aliases, *i.tags)}
    more = {text for icon in icons for text in (*icon.categories, icon.style)}
    words = {word for text in (*texts, *more) for word in words_of(text)}
    return frozenset(texts), frozenset(words)


def rung(name: str) -> Rung:
    """How new the name is to a model that read the captions of the twelve training sets."""
    texts, words = read_in_training()
    if name.lower() in texts:
        return "read"
    return "phrase" if words.issuperset(words_of(name)) else "word"


def closest_names(found: Iterable[str], names: Sequence[str]) -> torch.Tensor:
    """For each found name the asked name that shares most words with it; -1 where none does.

    (N,) int64, indices into `names`. The share is of the words that either of the two has.
    """
    asked = [set(words_of(name)) for name in names]

    @functools.cache
    def closest(name: str) -> int:
        own = set(words_of(name))
        shares = [len(own & other) / len(own | other) for other in asked]
        return shares.index(max(shares)) if max(shares) else -1

    return torch.tensor([closest(name) for name in found])


def shorter_names(names: Iterable[str]) -> list[tuple[str, str]]:
    """(phrase, part): new phrases of the list, each with a name that has one word less."""
    every = sorted(set(names))
    pairs = []
    for name in every:
        words = name.split()
        if rung(name) == "phrase":
            parts = {" ".join(words[:k] + words[k + 1 :]) for k in range(len(words))}
            pairs += [(name, part) for part in sorted(parts.intersection(every))]
    return pairs


def interval_figure(
    rows: Sequence[tuple[str, float, tuple[float, float]]],
    others: Mapping[str, Sequence[float]],
    *,
    groups: Sequence[int] = (),
) -> Figure:
    """Shares in percent with their intervals, one line each, and rivals as other markers.

    rows: (label, share, interval), from the top; others: legend -> a share for each row, or NaN
    groups: row numbers above which a gap is left
    """
    at, y = [], 0.0
    for k in range(len(rows)):
        y -= 1.6 if k in groups else 1.0
        at.append(y)
    figure = new_figure(7, 0.27 * -y + 1.2)
    axes = figure.subplots()
    shares = torch.tensor([(row[1], *row[2]) for row in rows]).mul(100).T.numpy()
    errors = (shares[0] - shares[1], shares[2] - shares[0])
    axes.errorbar(shares[0], at, xerr=errors, fmt="ko", ms=6, capsize=3, label="this model, 95 %")
    looks = ("ks", "kD", "k|")
    for (name, values), look in zip(others.items(), looks, strict=False):
        axes.plot([100 * v for v in values], at, look, mfc="white", ms=6, ls="", label=name)
    axes.set_yticks(at, [row[0] for row in rows])
    axes.set(xlim=(-2, 102), ylim=(at[-1] - 0.7, at[0] + 0.7), xlabel="percent right")
    figure.legend(loc="outside upper center", ncols=4)
    return figure
