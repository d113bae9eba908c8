"""Tasks: pictures, labels, class names and templates, all that zero-shot needs (paper §3.1).

Only a task whose pictures training has not *seen* measures zero-shot transfer. One that could only
be measured wrongly (a label without a name, NaN, values 0..255) cannot be made.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F

from clipedu.evaluation.inputs import check_labels, check_pictures
from clipedu.evaluation.prompts import TEMPLATE_SETS, check_class_names, check_templates
from clipedu.numbers import check_whole
from clipedu.pairs import (
    FAMILIES,
    FIRST_EDITION,
    HELD_OUT_FAMILIES,
    TRAINING_FAMILIES,
    Icon,
    held_out_task,
    load_icons,
    to_pictures,
)

Metric = Literal["top1", "mean_per_class"]


@dataclass(frozen=True, eq=False)
class Task:
    """A classification task which a model can be asked in words: N pictures, C classes.

    Raises TypeError or ValueError, saying which part is wrong and what would be right.
    """

    name: str
    pictures: torch.Tensor  # (N, 3, R, R) float, 0..1, not yet normalized for a model
    labels: torch.Tensor  # (N,) int64, indices into class_names
    class_names: list[str]  # C distinct names
    templates: list[str]  # sentences with `{}`
    source: str  # who made the pictures
    metric: Metric = "top1"  # what the paper reports for such a task
    context: list[str] = field(default_factory=list)  # templates that also name the subject
    seen: bool = False  # does any picture, or one like it, belong to a training family?
    offline: bool = True  # can it be loaded without a download?
    near_duplicate: torch.Tensor | None = None  # (N,) bool: nearly this drawing is in training

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "class_names", check_class_names(self.class_names))
            object.__setattr__(self, "templates", check_templates(self.templates))
            object.__setattr__(self, "context", self.context and check_templates(self.context))
            check_pictures(self.pictures)
            check_labels(self.labels, len(self.pictures), len(self.class_names))
            if self.metric not in ("top1", "mean_per_class"):
                raise ValueError(f"metric is 'top1' or 'mean_per_class'; got {self.metric!r}.")
        except (TypeError, ValueError) as error:
            raise type(error)(f"Task {self.name!r}: {error}") from None

    def __len__(self) -> int:
        return len(self.pictures)

    def take(self, rows: torch.Tensor | slice) -> Task:
        """The same task with some of its pictures."""
        near = None if self.near_duplicate is None else self.near_duplicate[rows]
        pictures, labels = self.pictures[rows], self.labels[rows]
        return dataclasses.replace(self, pictures=pictures, labels=labels, near_duplicate=near)

    @property
    def size(self) -> int:
        """Height and width of the pictures in pixels."""
        return self.pictures.shape[-1]

    @property
    def chance(self) -> float:
        """The accuracy of guessing: 1 / C, however unequal the classes are."""
        return 1 / len(self.class_names)


class TaskUnavailable(FileNotFoundError):
    """The task's pictures are not on this machine; the message says how to get them."""


TaskBuilder = Callable[[int], Task]
TASKS: dict[str, TaskBuilder] = {}


def register_task(name: str) -> Callable[[TaskBuilder], TaskBuilder]:
    """Put `builder(size) -> Task` into `TASKS` under `name`; ValueError if the name is taken."""

    def put(builder: TaskBuilder) -> TaskBuilder:
        if name in TASKS:
            raise ValueError(f"There is a task {name!r} already. Choose another name.")
        TASKS[name] = builder
        return builder

    return put


def check_names(names: Iterable[str]) -> None:
    """Raise ValueError for a name that is not in `TASKS`."""
    for name in names:
        if name not in TASKS:
            raise ValueError(f"There is no task {name!r}. The tasks are: {', '.join(TASKS)}.")


def load_task(name: str, size: int = 32) -> Task:
    """The task called `name`, its pictures `size` pixels wide.

    Raises ValueError for an unknown name or a wrong size, TaskUnavailable when its pictures are not
    on this machine.
    """
    check_names([name])
    return TASKS[name](check_whole("size in pixels", size))


# ------------------------------------------------ the four that `clipedu evaluate` asks by default
#: Held-out family -> files of pictures that a training set has, too, or nearly: a list that
#: benchmarks/near_duplicates.py writes, since comparing with 39,000 pictures takes seconds.
_NEAR = Path(__file__).with_name("near_duplicates.json")


def near_duplicates(icons: Sequence[Icon]) -> torch.Tensor:
    """(N,) bool: of which icons of held-out families a training family has a near-duplicate."""
    known = json.loads(_NEAR.read_text("utf-8"))
    return torch.tensor([icon.file in known[icon.family] for icon in icons])


def _held_out(name: str, family: str, known: Sequence[str], size: int) -> Task:
    """A family nobody trained on; its classes are names that two known families have, too."""
    rgba, numbers, class_names = held_out_task(family, size, known)
    classes, about = set(class_names), FAMILIES[family]
    near = near_duplicates([icon for icon in load_icons([family]) if icon.name in classes])
    source = f"{about.title} ({about.package}, {about.license}), a family held out of training"
    pictures, labels = to_pictures(rgba), torch.as_tensor(numbers, dtype=torch.int64)
    task = Task(name, pictures, labels, class_names, TEMPLATE_SETS["icon"], source)
    return dataclasses.replace(task, near_duplicate=near)


for _family in HELD_OUT_FAMILIES:
    register_task(_family)(partial(_held_out, _family, _family, FIRST_EDITION))
    # More names, and rarer ones: all that two of the twelve training families have.
    _wide = f"{_family}_wide"
    register_task(_wide)(partial(_held_out, _wide, _family, TRAINING_FAMILIES))


@register_task("digits")
def _digits(size: int) -> Task:
    """Handwriting, 8 x 8 pixels: far from anything an icon family shows (the paper's MNIST)."""
    from sklearn.datasets import load_digits  # takes a second: only those who want digits wait

    data = load_digits()
    paper = 1 - torch.from_numpy(data.images).float()[:, None] / 16  # (1797, 1, 8, 8), ink is dark
    paper = F.interpolate(paper, size=(size, size), mode="bilinear", align_corners=False)
    pictures = paper.clamp(0, 1).expand(-1, 3, -1, -1).contiguous()
    labels, forms = torch.from_numpy(data.target).long(), TEMPLATE_SETS["digits"]
    names = "zero one two three four five six seven eight nine".split()
    source = "scikit-learn load_digits: handwriting from the UCI optical recognition test set"
    return Task("digits", pictures, labels, names, forms, source, context=forms[1:])
