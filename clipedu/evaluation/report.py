"""Several tasks at once, and one table of them: for a terminal, a README, or a program.

The table's accuracy is the one that the task's metric asks for, as in the paper's Table 9.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from tqdm.auto import tqdm

from clipedu.evaluation.embedding import PICTURE_BATCH_SIZE
from clipedu.evaluation.tasks.task import TASKS, Task, TaskUnavailable, check_names, load_task
from clipedu.evaluation.zeroshot import ZeroShotResult, zero_shot
from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer

_HEADER = ("task", "classes", "pictures", "accuracy", "95 % interval", "top-5", "chance", "new")
_CHANCE = "* the interval reaches down to chance"
_NEW = "new: top-1 on the pictures that have no near-duplicate in a training set"
_FACTS = (
    "top1 top1_without_duplicates top5 mean_per_class value interval value_interval chance metric "
    "templates source"
)


def evaluate(
    model: CLIP,
    tokenizer: Tokenizer,
    tasks: Sequence[str | Task] | None = None,
    *,
    templates: Sequence[str] | str | None = None,
    batch_size: int = PICTURE_BATCH_SIZE,
    progress: bool = False,
) -> dict[str, ZeroShotResult]:
    """Zero-shot results by task name, in the order asked; by default every task of the registry.

    tasks: names, loaded at the model's resolution, or tasks of your own. By default a task whose
        pictures are not on this machine is left out, with a warning
    templates: for all tasks instead of their own
    Raises ValueError for no tasks, an unknown one, or two of one name, before anything is measured;
    TaskUnavailable for a task that was asked for and is not on this machine.
    """
    asked: list[str | Task] = list(TASKS if tasks is None else tasks)
    if isinstance(tasks, str) or not asked:
        raise ValueError(f"tasks is a list of at least one of: {', '.join(TASKS)}.")
    names = [task if isinstance(task, str) else task.name for task in asked]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"Task(s) asked for twice: {', '.join(twice)}.")
    check_names(task for task in asked if isinstance(task, str))
    size = model.config.vision.resolution
    how: Any = {"templates": templates, "batch_size": batch_size, "progress": progress}
    results: dict[str, ZeroShotResult] = {}
    # one at a time: together they fill 1 GB
    for one in tqdm(asked, "tasks", delay=2, disable=not progress, leave=False):
        try:
            task = load_task(one, size) if isinstance(one, str) else one
        except TaskUnavailable as missing:
            if tasks is not None:
                raise
            warnings.warn(f"{one} is left out. {missing}", stacklevel=2)
            continue
        results[task.name] = zero_shot(model, tokenizer, task, **how)
    return results


def as_dict(results: Mapping[str, ZeroShotResult], **about: Any) -> dict[str, Any]:
    """For `--json`: `{**about, "tasks": {"lucide": {"classes": 297, "top1": 0.66, ...}}}`."""
    tasks: dict[str, Any] = {}
    for name, result in results.items():
        tasks[name] = {"classes": len(result.class_names), "pictures": result.n}
        tasks[name] |= {fact: getattr(result, fact) for fact in _FACTS.split()}
    return {**about, "tasks": tasks}


def as_text(results: Mapping[str, ZeroShotResult]) -> str:
    """The table in aligned columns, for a terminal. Marks what is not clearly above chance."""
    rows = [_HEADER, *map(_row, results.items())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, *cells in rows:
        right = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *right]).rstrip())
    return "\n".join([*lines, *_footnotes(results)])


def as_markdown(results: Mapping[str, ZeroShotResult]) -> str:
    """The same table for a README."""
    rows = [_HEADER, *map(_row, results.items())]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|---" + "|--:" * (len(_HEADER) - 1) + "|")
    for note in _footnotes(results):
        lines += ["", note]
    return "\n".join(lines).replace("*", "\\*")


def _footnotes(results: Mapping[str, ZeroShotResult]) -> list[str]:
    notes = [] if all(result.above_chance for result in results.values()) else [_CHANCE]
    new = any(result.near_duplicate is not None for result in results.values())
    return notes + [_NEW] * new


def _row(item: tuple[str, ZeroShotResult]) -> tuple[str, ...]:
    name, result = item
    low, high = (f"{100 * end:.1f}" for end in result.value_interval)
    percent = [f"{100 * x:.1f} %" for x in (result.value, result.top5, result.chance)]
    new = result.top1_without_duplicates
    name += "" if result.metric == "top1" else " (per class)"
    name += "" if result.above_chance else " *"
    counts = f"{len(result.class_names)}", f"{result.n:,}"
    last = "" if new is None else f"{100 * new:.1f} %"
    return name, *counts, percent[0], f"{low} to {high}", *percent[1:], last
