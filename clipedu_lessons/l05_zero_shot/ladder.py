"""How new is a name? The rungs of lesson 05's ladder, and what a sceptic would try instead.

A name is *read* if the captions of one training picture, all together, hold all of its words. It is
a *phrase* if its words were only read apart, and a *word* if one of them was never read.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import torch
from matplotlib.figure import Figure

from clipedu.pairs import TRAINING_FAMILIES, load_icons
from clipedu_lessons.common.figures import new_figure

Rung = Literal["read", "phrase", "word"]
RUNGS: dict[Rung, str] = {
    "read": "words read together",
    "phrase": "words only read apart",
    "word": "a word never read",
}


def words_of(text: str) -> list[str]:
    """The words and numbers of a text, in small letters.

    >>> words_of("Grid 2x2, check")
    ['grid', '2x2', 'check']
    """
    return re.findall(r"[a-z0-9]+", text.lower())


@functools.cache
def read_in_training() -> tuple[frozenset[str], dict[str, set[frozenset[str]]]]:
    """Names, aliases and tags of the training sets; word -> the words of each picture with it."""
    texts: set[str] = set()
    together: dict[str, set[frozenset[str]]] = defaultdict(set)
    for icon in load_icons(TRAINING_FAMILIES):
        named = [text.lower() for text in (icon.name, *icon.aliases, *icon.tags)]
        texts.update(named)
        own = frozenset(words_of(" ".join((*named, *icon.categories, icon.style))))
        for word in own:
            together[word].add(own)
    return frozenset(texts), dict(together)


def rung(name: str) -> Rung:
    """How new the name is to a model that read the captions of the twelve training sets."""
    together, words = read_in_training()[1], set(words_of(name))
    if not words <= together.keys():
        return "word"
    rarest = min((together[word] for word in words), key=len)
    return "read" if any(words <= own for own in rarest) else "phrase"


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
