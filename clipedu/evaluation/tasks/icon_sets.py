"""Tasks made of the icon sets: shared names, emoji, flags, styles, arrows, animals, senses.

The `shared_*` tasks ask the same 127 names of each family, so their accuracies can be compared.
Flags and emoji groups are OpenMoji's, a training family: they measure memory, and say so (`seen`).
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch

from clipedu.evaluation.prompts import TEMPLATE_SETS
from clipedu.evaluation.tasks.task import Metric, Task, near_duplicates, register_task
from clipedu.pairs import FAMILIES, FIRST_EDITION, HELD_OUT_FAMILIES, Icon, open_pictures
from clipedu.pairs.batches import shared_names, to_pictures

LabelOf = Callable[[Icon], str | None]
SHARED_BY = 5  # of the seven families of the first edition
_SEVEN = (*FIRST_EDITION, *HELD_OUT_FAMILIES)
#: Vocabularies, colors, where photographs come from.
WORDS: dict[str, Any] = json.loads(Path(__file__).with_name("words.json").read_text("utf-8"))
#: By task: its source, and what else is words: class names, templates, context.
FACTS: dict[str, dict[str, Any]] = WORDS["tasks"]
icon_pictures = functools.lru_cache(maxsize=2)(open_pictures)


def register_icon_task(
    name: str,
    families: Sequence[str],
    *,
    source: str,
    templates: list[str] = TEMPLATE_SETS["icon"],
    context: Sequence[str] = (),
    metric: Metric = "mean_per_class",
    extra_classes: Callable[[], Iterable[str]] = tuple,
) -> Callable[[LabelOf], LabelOf]:
    """Decorates `label_of(icon)`, an icon's class name or None, and makes a task of it.

    source: `{families}` in it becomes who drew the icons, and whether training saw them
    metric: by default every class counts the same, because a family may draw one thing six times
    extra_classes: gives names that no picture has, but that may be answered
    Loading the task raises ValueError when no icon is left, and what `Task` raises.
    """
    roles = {FAMILIES[key].role for key in families}
    known = "partly seen" if len(roles) > 1 else "seen in training"
    known = "held out of training" if roles == {"held_out"} else known
    titles = ", ".join(FAMILIES[key].title for key in families)
    source = source.format(families=f"{titles}: {known}")

    def register(label_of: LabelOf) -> LabelOf:
        @register_task(name)
        def build(size: int) -> Task:
            pictures = icon_pictures(size)
            labels = {int(i): label_of(pictures.icons[i]) for i in pictures.where(families)}
            chosen = {i: label for i, label in labels.items() if label is not None}
            if not chosen:
                raise ValueError(f"Task {name!r}: no icon of {', '.join(families)} has a class.")
            classes = sorted({*chosen.values(), *extra_classes()})
            numbers = torch.tensor([classes.index(label) for label in chosen.values()])
            about = templates, source, metric, list(context), "train" in roles
            task = Task(name, to_pictures(pictures.rgba[list(chosen)]), numbers, classes, *about)
            near = None if task.seen else near_duplicates([pictures.icons[i] for i in chosen])
            return dataclasses.replace(task, near_duplicate=near)

        return label_of

    return register


# ------------------------------------------------------------ the same names, family by family
@functools.cache
def shared_by_families() -> frozenset[str]:
    """The names, in lower case, that at least five of the seven families draw: 127 of them."""
    return frozenset(name.lower() for name in shared_names(_SEVEN, at_least=SHARED_BY))


def shared_name(icon: Icon) -> str | None:
    """The icon's name in lower case, if it is one of `shared_by_families`."""
    return name if (name := icon.name.lower()) in shared_by_families() else None


for _family in _SEVEN:
    _shared = f"names that {SHARED_BY} of 7 families share, drawn by {{families}}"
    register_icon_task(  # the same question for every family
        f"shared_{_family}", [_family], source=_shared, extra_classes=shared_by_families
    )(shared_name)


# --------------------------------------------------------------- emoji: coarse groups, and flags
@register_icon_task("emoji_groups", ["openmoji"], **FACTS["emoji_groups"])
def _emoji_group(icon: Icon) -> str | None:
    """A word which everybody would use: Unicode's own groups are not in the data packages."""
    if icon.categories == ("flags",):
        return "flag"
    groups = WORDS["emoji_groups"].items()
    name = icon.name.lower()
    return next((group for group, rules in groups if re.fullmatch("|".join(rules), name)), None)


@register_icon_task("flags", ["openmoji"], **FACTS["flags"])
def _country(icon: Icon) -> str | None:
    """Which country? The paper's Country211 asks it of photographs (Table 9)."""
    return icon.name.lower() if icon.categories == ("flags",) else None


# ------------------------------------------------------------- how it is drawn, and where it points
@register_icon_task("style", HELD_OUT_FAMILIES, **FACTS["style"])
def _line_or_area(icon: Icon) -> str | None:
    return {"line": "outlined", "outlined": "outlined", "solid": "filled"}.get(icon.style)


@register_icon_task("pens", ["phosphor", "openmoji"], **FACTS["pens"])
def _style(icon: Icon) -> str | None:
    """Seven ways to draw the same thing."""
    return icon.style if shared_name(icon) else None


@register_icon_task("arrows", HELD_OUT_FAMILIES, **FACTS["arrows"])
def _arrow(icon: Icon) -> str | None:
    """Fine-grained, as the paper's FGVC Aircraft: kind and direction."""
    kinds = "(arrow|chevron|caret|angle)(s| double|s double)?"
    directions = "(up left|up right|down left|down right|up|down|left|right)"
    found = re.fullmatch(f"{kinds} {directions}", icon.name)
    if not found:
        return None
    kind = found[1].replace("angle", "chevron")  # two words for one shape
    return f"{kind}{' double' if found[2] else ''} {found[3]}"


# ------------- one word, two things: a mouse among animals, and a mouse on a desk (paper §3.1.4)
# A class name alone does not say which of its senses is meant; a prompt with context can. `senses`
# shows both things of each word, so its class names say more, as the paper's "crane (bird)" does.
ANIMALS, DEVICES = (frozenset(" ".join(WORDS[key]).split()) for key in ("animals", "hardware"))
#: Name of an icon, or "family:name" -> class name "word, hint". The words were chosen by looking at
#: names, the hints before any model was asked.
SENSES = {icon: sense for sense, icons in WORDS["senses"].items() for icon in icons.split(", ")}
_animals = {**FACTS["animals"], "extra_classes": lambda: ANIMALS}
_devices = {**FACTS["hardware"], "extra_classes": lambda: DEVICES}


# Only OpenMoji, a training family, draws the animal mouse: held out, it is a tempting wrong answer.
@register_icon_task("animals_held_out", HELD_OUT_FAMILIES, **_animals)
@register_icon_task("animals", FIRST_EDITION, **_animals)
def _animal(icon: Icon) -> str | None:
    name = icon.name.lower().removesuffix(" face")
    if icon.family != "openmoji" and name in ("mouse", "seal"):
        return None  # a pointing device, a badge
    return name if name in ANIMALS else None


@register_icon_task("hardware", HELD_OUT_FAMILIES, **_devices)
def _device(icon: Icon) -> str | None:
    name = WORDS["hardware_by_other_names"].get(icon.name.lower(), icon.name.lower())
    return name if name in DEVICES else None


@register_icon_task("senses", _SEVEN, **FACTS["senses"])
def _sense(icon: Icon) -> str | None:
    name = icon.name.lower()
    return SENSES.get(f"{icon.family}:{name}") or SENSES.get(name)
