"""Your own pictures as a task: those in a folder with a class's name; the others can be named."""

from __future__ import annotations

from pathlib import Path

import torch

from clipedu.evaluation.prompts import check_class_names
from clipedu.evaluation.tasks.task import Task
from clipedu.pairs import clean_caption, to_pictures
from clipedu.pairs.listing import is_picture, visible_files
from clipedu.pairs.shards import middle_square


def read_class_names(path: str | Path) -> list[str]:
    """A name a line; ValueError for a line that is no text, and for a name that is there twice."""
    names: list[str] = []
    lines: dict[str, list[str]] = {}
    for number, line in enumerate(Path(path).read_bytes().splitlines(), 1):
        if line.strip():
            try:
                names.append(clean_caption(line))
            except ValueError as error:
                raise ValueError(f"{path}, line {number}: {error}") from error
            lines.setdefault(_plain(names[-1]), []).append(str(number))
    if twice := [f"{n!r} (lines {' and '.join(k)})" for n, k in lines.items() if len(k) > 1]:
        raise ValueError(f"{path} names a class twice: {', '.join(twice)}. Keep one of each.")
    return check_class_names(names)


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


def own_pictures(
    folder: str | Path, class_names: list[str], size: int
) -> tuple[Task | None, dict[str, torch.Tensor], dict[str, str]]:
    """The middle squares of all pictures below a folder, of `size` pixels.

    Returns the task of those in folder/NAME where a class has this name (capitals, _ and - do not
    count), the others (1, 3, R, R) by file, and why a file can't be read. Raises ValueError where
    none can be read.
    """
    folder, classes = Path(folder), [_plain(name) for name in class_names]
    labelled, labels, others, unreadable = [], [], dict[str, torch.Tensor](), dict[str, str]()
    for path in filter(is_picture, visible_files(folder)):
        inside = path.relative_to(folder)
        try:
            picture = to_pictures(middle_square(path, size)[None])
        except (OSError, ValueError) as error:
            unreadable[inside.as_posix()] = str(error).removeprefix(f"{path.name}: ")
            continue
        name = _plain(inside.parts[0]) if len(inside.parts) > 1 else ""
        if name in classes:
            labelled.append(picture)
            labels.append(classes.index(name))
        else:
            others[inside.as_posix()] = picture
    if not labelled and not others:
        why = "; ".join(f"{file}: {why}" for file, why in list(unreadable.items())[:3])
        raise ValueError(f"No picture in {folder} can be read. {why}")
    task = None
    if labelled:
        about = (torch.tensor(labels), class_names, ["{}"], f"the pictures of {folder}")
        task = Task(folder.name or "pictures", torch.cat(labelled), *about)
    return task, others, unreadable
