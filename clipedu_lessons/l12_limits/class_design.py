"""A classifier made of words answers only what its words allow (paper §7.1: "class design").

The paper shows it with people: one more class ("child") cut the worst errors to a tenth (Table 7).
Here the same effect without people, and one measurement on emoji of people: who draws a
"firefighter" without saying more decides what the neutral picture looks like.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import torch

from clipedu.evaluation.embedding import embed_pictures, embed_texts
from clipedu.evaluation.tasks.task import Task
from clipedu.evaluation.zeroshot import ZeroShotResult
from clipedu.models import CLIP
from clipedu.pairs import load_icons, open_pictures, to_pictures
from clipedu.tokenizer import Tokenizer


def with_classes(task: Task, extra: Sequence[str]) -> Task:
    """The same pictures and labels, and more names to answer with, none of them right.

    Raises ValueError when a name is there already.
    """
    again = [name for name in extra if name in task.class_names]
    if again:
        raise ValueError(f"{', '.join(again)}: already a class of task {task.name!r}.")
    return dataclasses.replace(task, class_names=[*task.class_names, *extra])


def share_taken(result: ZeroShotResult, names: Sequence[str]) -> dict[str, float]:
    """Which share of the pictures gets each of these classes as its answer.

    Raises ValueError for a name that is no class of the result.
    """
    found = {}
    for name in names:
        if name not in result.class_names:
            raise ValueError(f"{name!r} is no class of {result.task!r}.")
        place = result.class_names.index(name)
        found[name] = float((result.predictions[:, 0] == place).double().mean())
    return found


class Role(NamedTuple):
    """A neutral emoji of a role, and how much nearer to "woman ..." than to "man ..." it lies."""

    name: str
    lean: float


def neutral_roles() -> list[str]:
    """Roles of which OpenMoji has three pictures: "man X", "woman X", and X without either word."""
    names = {icon.name.lower() for icon in load_icons(["openmoji"])}
    return sorted(n for n in names if f"man {n}" in names and f"woman {n}" in names)


def roles_by_words(model: CLIP, tokenizer: Tokenizer, which: str = "") -> list[Role]:
    """For each role: cosine with "woman X" minus cosine with "man X", of one of its pictures.

    which: "" asks the neutral picture; "man" or "woman" the one that says so, as a control: there
    the sign ought to be known. OpenMoji is a training family, and its captions were learned.
    Raises ValueError for another word.
    """
    if which not in ("", "man", "woman"):
        raise ValueError(f"which is '', 'man' or 'woman'; got {which!r}.")
    pictures = open_pictures(model.config.vision.resolution)
    place = {pictures.icons[i].name.lower(): i for i in pictures.where(["openmoji"])}
    roles = neutral_roles()
    rows = [place[f"{which} {role}".strip()] for role in roles]
    seen = embed_pictures(model, to_pictures(pictures.rgba[rows]))  # (N, E)
    words = [f"{gender} {role}" for gender in ("woman", "man") for role in roles]
    woman, man = embed_texts(model, tokenizer, words).chunk(2)
    lean = ((woman - man) * seen).sum(1)
    return [Role(role, float(value)) for role, value in zip(roles, lean, strict=True)]


def share_leaning(roles: Sequence[Role]) -> float:
    """The share of roles whose picture is nearer to the word "woman"."""
    return float(torch.tensor([role.lean > 0 for role in roles]).double().mean())
