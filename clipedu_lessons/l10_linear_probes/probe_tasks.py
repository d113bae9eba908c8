"""What is probed, how it is split, and the plain features that every encoder has to beat.

A random split puts two drawings of one icon on both sides. So pictures that belong together form a
group (the styles of a name, near-duplicates, one icon in eight colors), and a group stays whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from clipedu.evaluation.probe import Split
from clipedu.evaluation.tasks.task import Task, load_task
from clipedu.pairs import HELD_OUT_FAMILIES, open_pictures
from clipedu_lessons.common.things import REFERENCE, thing, things, things_task

NEAR = 0.9  # a cosine from which two drawings of one artist belong together
CHOOSES = "tabler"  # the training set on which lambda is chosen, across artists
MOST = 900  # pictures of a task


class ProbeTask(NamedTuple):
    """What a task asks: "content", or a "nuisance" that CLIP's augmentation changes at random."""

    kind: str
    asks: str


PROBE_TASKS = {
    **{f"to {key}": ProbeTask("across artists", "the same things") for key in HELD_OUT_FAMILIES},
    "things of lucide": ProbeTask("content", "things, one artist"),
    "digits": ProbeTask("content", "handwriting"),
    "fashion_mnist": ProbeTask("content", "photographs of clothes"),
    "emoji_groups": ProbeTask("content", "groups of emoji (trained on)"),
    "counting": ProbeTask("content", "how many shapes"),
    "rendered_words": ProbeTask("content", "words, in a font that is new"),
    "colour": ProbeTask("nuisance", "which ink"),
    "pens": ProbeTask("nuisance", "which pen (trained on)"),
    "style": ProbeTask("nuisance", "lines or areas"),
}


def probe_task(name: str) -> tuple[Task, torch.Tensor, Split]:
    """A task of `PROBE_TASKS`, groups (N,) of pictures that vary together, and its split.

    The split keeps each group whole. But across artists each part is an icon set, and a group is
    the pictures of one name; of rendered words a part is a font, and a group is a word.
    Raises ValueError for another name, TaskUnavailable where its pictures are not on this machine.
    """
    if name not in PROBE_TASKS:
        raise ValueError(f"There is no probe task {name!r}. They are: {', '.join(PROBE_TASKS)}.")
    if name.startswith("to "):
        sets = (REFERENCE, CHOOSES, name.removeprefix("to "))
        parts = [things_task(key) for key in sets]
        ends = np.cumsum([0, *map(len, parts)]).tolist()
        rows = [torch.arange(a, b) for a, b in pairwise(ends)]
        pictures = torch.cat([part.pictures for part in parts])
        labels = torch.cat([part.labels for part in parts])
        about = parts[0].class_names, parts[0].templates, parts[2].source
        whole = Task(name, pictures, labels, *about)
        return whole, numbered([word for key in sets for word in thing_names(key)]), Split(*rows)
    task = things_task("lucide") if name == "things of lucide" else load_task(name)
    groups = _groups(name, task)
    if len(task) > MOST:
        chosen = torch.randperm(len(task), generator=torch.Generator().manual_seed(0))[:MOST]
        task, groups = task.take(chosen), groups[chosen].unique(return_inverse=True)[1]
    split = split_groups(groups)
    return task, task.labels if name == "rendered_words" else groups, split


def _groups(name: str, task: Task) -> torch.Tensor:
    """(N,) int64: pictures with the same number stay together."""
    number = torch.arange(len(task))
    if name == "colour":  # the same icons in every color
        return number % (len(task) // len(task.class_names))
    if name == "rendered_words":  # six pictures of a word in each of three fonts
        return number // 6 % 3
    if name in ("counting", "digits", "fashion_mnist"):
        return number
    return alike(task.pictures)


def thing_names(family: str) -> list[str]:
    """The names, in lower case, of the pictures of `things_task(family)`, in their order."""
    pictures, words = open_pictures(), set(things())
    icons = [pictures.icons[i] for i in pictures.where([family])]
    return [icon.name.lower() for icon in icons if thing(icon) in words]


def numbered(words: Sequence[str]) -> torch.Tensor:
    """N words -> (N,) int64, the same number where the word is the same."""
    number = {word: k for k, word in enumerate(sorted(set(words)))}
    return torch.tensor([number[word] for word in words])


def alike(pictures: torch.Tensor, near: float = NEAR) -> torch.Tensor:
    """(N, 3, R, R) -> (N,) groups from 0: chains of drawings at a cosine of `near` and more.

    Drawings are compared as in :mod:`clipedu.pairs.duplicates`, by their ink in 16 x 16 pixels.
    """
    ink = F.adaptive_avg_pool2d(1 - pictures.mean(1, keepdim=True), 16).flatten(1)
    vectors = F.normalize(ink - ink.mean(1, keepdim=True), dim=1)
    parent = list(range(len(vectors)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    for i, j in torch.nonzero((vectors @ vectors.T >= near).triu(1)).tolist():
        parent[root(i)] = root(j)
    roots = torch.tensor([root(i) for i in range(len(vectors))])
    return roots.unique(return_inverse=True)[1]


def split_groups(groups: torch.Tensor, *, seed: int = 0) -> Split:
    """Groups (N,) -> 60 : 20 : 20 of the groups at random by `seed`, each with all its pictures.

    Raises ValueError for fewer than three groups.
    """
    count = int(groups.max()) + 1
    if count < 3:
        raise ValueError(f"Three parts need three groups at least; there are {count}.")
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    held = max(1, round(count / 5))
    test, validation = (torch.isin(groups, part) for part in order[: 2 * held].split(held))
    parts = (~test & ~validation, validation, test)
    return Split(*(torch.nonzero(part).flatten() for part in parts))


# ------------------------------------------------------------------------------ plain features
def color_statistics(pictures: torch.Tensor) -> torch.Tensor:
    """(N, 3, R, R) -> (N, 6): the mean and the standard deviation of red, green and blue."""
    return torch.cat([pictures.mean((2, 3)), pictures.std((2, 3))], 1)


def coarse_pixels(pictures: torch.Tensor, side: int = 8) -> torch.Tensor:
    """(N, 3, R, R) -> (N, 3 * side * side): the picture, shrunk."""
    return F.adaptive_avg_pool2d(pictures, side).flatten(1)


def standardize(features: torch.Tensor, train: torch.Tensor) -> torch.Tensor:
    """(N, W) features and the rows of the training part -> each column with its mean 0, spread 1.

    Columns that do not vary in training become 0.
    """
    mean, std = features[train].mean(0), features[train].std(0)
    return torch.where(std > 1e-6, (features - mean) / std.clamp(min=1e-6), 0.0)


def paired_margin(
    first: torch.Tensor, second: torch.Tensor, groups: torch.Tensor, draws: int = 2000
) -> tuple[float, float, float]:
    """How much more often `first` (N,) bool is right than `second`, and its 95 % interval.

    Both answer the same pictures, so differences are counted picture by picture; groups (N,) are
    drawn again with replacement, since pictures of one name are not independent.
    """
    _, group = groups.unique(return_inverse=True)
    count = int(group.max()) + 1
    gain = torch.bincount(group, (first.double() - second.double()), count)
    size = torch.bincount(group, minlength=count).double()
    rows = torch.randint(count, (draws, count), generator=torch.Generator().manual_seed(0))
    means = gain[rows].sum(1) / size[rows].sum(1)
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=means.dtype)).tolist()
    return float(gain.sum() / size.sum()), low, high
