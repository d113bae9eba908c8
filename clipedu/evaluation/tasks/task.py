"""Tasks: pictures, right answers, class names and templates: all that zero-shot needs (§3.1).

Notable:
- every task of the registry says its source, its chance level, and whether training has **seen**
  its pictures; only a task with `seen=False` measures zero-shot transfer
- the three icon tasks are *families that no training run has seen*: another hand drew them
- a task that could only be measured wrongly (labels without a name, NaN, 0..255) cannot be made
- a task may need a file that is not here; then `load_task` raises `TaskUnavailable`, and what runs
  all tasks leaves it out and says so
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.nn.functional as F

from clipedu.evaluation.prompts import TEMPLATE_SETS, check_class_names, check_templates
from clipedu.pairs import FAMILIES, held_out_task, to_pictures


@dataclass(frozen=True, eq=False)
class Task:
    """A classification task which a model can be asked in words.

    pictures: (N, 3, R, R) float, values 0..1, not yet normalised for a model
    labels: (N,) int64, an index into `class_names` for each picture
    class_names: C distinct names; templates: sentences with `{}`; source: who made the pictures
    metric: what the paper reports for such a task, `"top1"` or `"mean_per_class"`
    context: templates that also say what the task is about, as "{}, a kind of pet"; none: []
    seen: does any of its pictures, or one like it, belong to a training family?
    offline: can it be loaded without a download?

    Raises TypeError or ValueError, saying which part does not fit and what would.
    """

    name: str
    pictures: torch.Tensor
    labels: torch.Tensor
    class_names: list[str]
    templates: list[str]
    source: str
    metric: Literal["top1", "mean_per_class"] = "top1"
    context: list[str] = field(default_factory=list)
    seen: bool = False
    offline: bool = True

    def __post_init__(self) -> None:
        what = f"Task {self.name!r}: "
        object.__setattr__(self, "class_names", check_class_names(self.class_names))
        object.__setattr__(self, "templates", check_templates(self.templates))
        if self.context:
            object.__setattr__(self, "context", check_templates(self.context))
        check_pictures(self.pictures, what)
        _check_labels(self.labels, len(self.pictures), len(self.class_names), what)
        if self.metric not in ("top1", "mean_per_class"):
            raise ValueError(f"{what}metric is 'top1' or 'mean_per_class'; got {self.metric!r}.")

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def size(self) -> int:
        """Height and width of the pictures in pixels."""
        return self.pictures.shape[-1]

    @property
    def chance(self) -> float:
        """What guessing a class blindly would score: 1 / C, however unequal the classes are."""
        return 1 / len(self.class_names)


def check_pictures(pictures: torch.Tensor, what: str = "") -> None:
    """Raise TypeError or ValueError unless `pictures` is (N, 3, R, R) float, 0..1, N >= 1.

    `what` opens the message, such as `"Task 'digits': "`.
    """
    if not isinstance(pictures, torch.Tensor):
        raise TypeError(f"{what}pictures are a torch.Tensor; got {type(pictures).__name__}.")
    shape = tuple(pictures.shape)
    if pictures.ndim != 4 or shape[1] != 3 or shape[2] != shape[3]:
        hint = " Bring the channels forward: .permute(0, 3, 1, 2)." if shape[-1:] == (3,) else ""
        if shape[1:2] == (4,):
            hint = " With alpha they are laid over white first: clipedu.pairs.clean_picture."
        raise ValueError(f"{what}pictures are (N, 3, R, R), square; got shape {shape}.{hint}")
    if 0 in shape:
        raise ValueError(f"{what}there are no pictures: shape {shape}.")
    if not pictures.is_floating_point():
        raise TypeError(
            f"{what}pictures are float with values 0..1; got {pictures.dtype}. "
            "For uint8 RGBA use clipedu.pairs.to_pictures."
        )
    finite = torch.isfinite(pictures).flatten(1).all(1)
    if not finite.all():
        bad = torch.nonzero(~finite).flatten().tolist()
        raise ValueError(
            f"{what}{len(bad)} of {len(pictures)} pictures contain NaN or infinity; the first is "
            f"number {bad[0]}. Look at how it was read or resized."
        )
    low, high = float(pictures.min()), float(pictures.max())
    if low < -1e-3 or high > 1 + 1e-3:
        hint = "divide by 255" if high > 2 and low >= 0 else "give them before normalisation"
        raise ValueError(f"{what}picture values are 0..1; got {low:.3g}..{high:.3g}: {hint}.")


def _check_labels(labels: torch.Tensor, n: int, classes: int, what: str) -> None:
    if not isinstance(labels, torch.Tensor) or labels.dtype != torch.int64:
        got = labels.dtype if isinstance(labels, torch.Tensor) else type(labels).__name__
        raise TypeError(f"{what}labels are an int64 tensor; got {got}.")
    if tuple(labels.shape) != (n,):
        raise ValueError(
            f"{what}labels are one number for each of the {n} pictures, shape ({n},); "
            f"got {tuple(labels.shape)}."
        )
    wrong = torch.nonzero((labels < 0) | (labels >= classes)).flatten()
    if len(wrong):
        first = int(wrong[0])
        raise ValueError(
            f"{what}{len(wrong)} label(s) out of range: picture {first} has label "
            f"{int(labels[first])}, but with {classes} class names labels are 0..{classes - 1}."
        )


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


def load_task(name: str, size: int = 32) -> Task:
    """The task called `name`, its pictures `size` pixels wide.

    Raises ValueError for an unknown name (listing the known ones) or a size that is not a positive
    whole number; TaskUnavailable when its pictures are not on this machine.
    """
    if name not in TASKS:
        raise ValueError(f"There is no task {name!r}. The tasks are: {', '.join(TASKS)}.")
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ValueError(f"size is a number of pixels, such as 32; got {size!r}.")
    return TASKS[name](size)


def _held_out(family: str, size: int) -> Task:
    """A family nobody trained on; its classes are names that two training families have too."""
    rgba, labels, class_names = held_out_task(family, size)
    about = FAMILIES[family]
    return Task(
        name=family,
        pictures=to_pictures(rgba),
        labels=torch.as_tensor(labels, dtype=torch.int64),
        class_names=list(class_names),
        templates=TEMPLATE_SETS["icon"],
        source=f"{about.title} ({about.package}, {about.licence}), a family held out of training",
    )


@register_task("lucide")
def _lucide(size: int) -> Task:
    return _held_out("lucide", size)


@register_task("font_awesome")
def _font_awesome(size: int) -> Task:
    return _held_out("font_awesome", size)


@register_task("heroicons")
def _heroicons(size: int) -> Task:
    return _held_out("heroicons", size)


@register_task("digits")
def _digits(size: int) -> Task:
    """Handwriting, 8 x 8 pixels: far from anything an icon family shows (the paper's MNIST)."""
    from sklearn.datasets import load_digits  # takes a second: only those who want digits wait

    data = load_digits()
    ink = torch.from_numpy(data.images).float() / 16  # (1797, 8, 8), 1 = ink
    paper = 1 - ink[:, None]  # (1797, 1, 8, 8), ink is dark like the icons'
    paper = F.interpolate(paper, size=(size, size), mode="bilinear", align_corners=False)
    return Task(
        name="digits",
        pictures=paper.clamp(0, 1).expand(-1, 3, -1, -1).contiguous(),
        labels=torch.from_numpy(data.target).long(),
        class_names="zero one two three four five six seven eight nine".split(),
        templates=TEMPLATE_SETS["digits"],
        source="scikit-learn load_digits: handwriting from the UCI optical recognition test set",
        context=TEMPLATE_SETS["digits"][1:],
    )
