"""Several tasks at once, and one table of them: for a terminal, a README, or a program.

The accuracy in the table is the one that the task's metric asks for: where classes are unequal, the
mean over the classes, as the paper reports such data sets (Table 9). Its row says "(per class)".
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm

from clipedu.evaluation.embedding import AT_A_TIME, Preprocess
from clipedu.evaluation.tasks.task import TASKS, Task, TaskUnavailable, load_task
from clipedu.evaluation.zeroshot import ZeroShotResult, zero_shot
from clipedu.pairs import to_model

if TYPE_CHECKING:
    from clipedu.models import CLIP
    from clipedu.tokenizer import Tokenizer

_HEADER = ("task", "classes", "pictures", "accuracy", "95 % interval", "top-5", "chance")


def evaluate(
    model: CLIP,
    tokenizer: Tokenizer,
    tasks: Sequence[str | Task] | None = None,
    *,
    templates: Sequence[str] | str | None = None,
    preprocess: Preprocess = to_model,
    batch_size: int = AT_A_TIME,
    progress: bool = False,
) -> dict[str, ZeroShotResult]:
    """Zero-shot results by task name, in the order asked; by default every task of the registry.

    tasks: names, loaded at the model's resolution, or tasks of your own. By default a task whose
        pictures are not on this machine is left out, with a warning; a task asked for by name must
        be there (TaskUnavailable)
    templates: for all tasks instead of their own, to see what prompts are worth
    progress: a bar for the tasks, and one for the pictures of each
    Raises ValueError for no tasks, an unknown one, or two of one name, before anything is measured.
    """
    asked: list[str | Task] = list(TASKS if tasks is None else tasks)
    if isinstance(tasks, str) or not asked:
        raise ValueError(f"tasks is a list of at least one of: {', '.join(TASKS)}.")
    names = [task if isinstance(task, str) else task.name for task in asked]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"Task(s) asked for twice: {', '.join(sorted(twice))}.")
    size = model.config.vision.resolution
    for task in asked:
        if isinstance(task, str) and task not in TASKS:
            load_task(task, size)  # raises, and lists the names
    results: dict[str, ZeroShotResult] = {}
    bar = tqdm(asked, "tasks", delay=2, disable=not progress, leave=False)
    for name, one in zip(names, bar, strict=True):  # one at a time: together they fill 1 GB
        try:
            task = load_task(one, size) if isinstance(one, str) else one
        except TaskUnavailable as missing:
            if tasks is not None:
                raise
            warnings.warn(f"{name} is left out. {missing}", stacklevel=2)
            continue
        results[name] = zero_shot(
            model,
            tokenizer,
            task,
            templates=templates,
            preprocess=preprocess,
            batch_size=batch_size,
            progress=progress,  # a task of 10,000 pictures takes minutes
        )
    return results


def as_dict(results: Mapping[str, ZeroShotResult]) -> dict[str, dict[str, Any]]:
    """`{"tasks": {"lucide": {"classes": 297, "top1": 0.66, "top5": 0.83, ...}}}`, shares of 1."""
    return {"tasks": {name: result.to_dict() for name, result in results.items()}}


def as_text(results: Mapping[str, ZeroShotResult]) -> str:
    """The table in aligned columns, for a terminal. Marks what is not clearly above chance."""
    rows = [_HEADER, *(_row(name, result) for name, result in results.items())]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADER))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells))
    if any(not result.above_chance for result in results.values()):
        lines.append("* the interval reaches down to chance")
    return "\n".join(lines)


def as_markdown(results: Mapping[str, ZeroShotResult]) -> str:
    """The same table for a README."""
    lines = ["| " + " | ".join(_HEADER) + " |", "|---" + "|--:" * (len(_HEADER) - 1) + "|"]
    lines += ["| " + " | ".join(_row(name, result)) + " |" for name, result in results.items()]
    if any(not result.above_chance for result in results.values()):
        lines += ["", "\\* the interval reaches down to chance"]
    return "\n".join(line.replace(" *", " \\*") if "|" in line else line for line in lines)


def _row(name: str, result: ZeroShotResult) -> tuple[str, ...]:
    low, high = result.value_interval
    name += "" if result.metric == "top1" else " (per class)"
    return (
        name + ("" if result.above_chance else " *"),
        f"{len(result.class_names)}",
        f"{result.n:,}",
        f"{100 * result.value:.1f} %",
        f"{100 * low:.1f} to {100 * high:.1f}",
        f"{100 * result.top5:.1f} %",
        f"{100 * result.chance:.1f} %",
    )
