"""Tasks made of the seven families: shared names, emoji groups, flags, styles, arrows.

Notable:
- a `shared_*` task asks the same 127 names of each family, so their accuracies can be compared: the
  families differ in who drew them, and in whether training saw them
- flags and emoji groups are OpenMoji's, a training family: they measure memory, and say so (`seen`)
- styles and arrows are asked of held-out families
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence

import numpy as np
import torch

from clipedu.evaluation.prompts import TEMPLATE_SETS
from clipedu.evaluation.tasks.task import Task, register_task
from clipedu.pairs import (
    FAMILIES,
    HELD_OUT_FAMILIES,
    Icon,
    Pictures,
    open_pictures,
    shared_names,
    to_pictures,
)

SHARED_BY = 5  # of seven families


@functools.lru_cache(maxsize=2)
def _all_pictures(size: int) -> Pictures:
    return open_pictures(size)


def icon_task(
    name: str,
    size: int,
    families: Sequence[str],
    label_of: Callable[[Icon], str | None],
    *,
    source: str,
    templates: Sequence[str] = TEMPLATE_SETS["icon"],
    context: Sequence[str] = (),
    metric: str = "top1",
    more_classes: Sequence[str] = (),
) -> Task:
    """A task from icons: `label_of(icon)` is an icon's class name, None leaves it out.

    more_classes: names that no picture has, but that may be answered
    `seen` follows from the families. Raises ValueError when no icon is left, and what `Task` does.
    """
    pictures = _all_pictures(size)
    rows, names = [], []
    for i in pictures.where(families):
        label = label_of(pictures.icons[i])
        if label is not None:
            rows.append(int(i))
            names.append(label)
    if not rows:
        raise ValueError(f"Task {name!r}: no icon of {', '.join(families)} has a class.")
    classes = sorted({*names, *more_classes})
    number = {label: k for k, label in enumerate(classes)}
    return Task(
        name=name,
        pictures=to_pictures(pictures.rgba[np.array(rows)]),
        labels=torch.tensor([number[label] for label in names], dtype=torch.int64),
        class_names=classes,
        templates=list(templates),
        source=source,
        metric=metric,  # type: ignore[arg-type]  # Task checks it
        context=list(context),
        seen=any(FAMILIES[key].role == "train" for key in families),
    )


def described(families: Sequence[str]) -> str:
    """Who drew them, and whether training saw them: the source line of a task."""
    names = ", ".join(FAMILIES[key].title for key in families)
    roles = {FAMILIES[key].role for key in families}
    if roles == {"held_out"}:
        return f"{names}: held out of training"
    return f"{names}: seen in training" if roles == {"train"} else f"{names}: partly seen"


# -------------------- the same names, family by family
@functools.cache
def shared_by_families() -> frozenset[str]:
    """The names, in lower case, that at least five of the seven families draw: 127 of them."""
    return frozenset(name.lower() for name in shared_names(tuple(FAMILIES), at_least=SHARED_BY))


def _register_shared(family: str) -> None:
    @register_task(f"shared_{family}")
    def build(size: int) -> Task:
        names = shared_by_families()
        return icon_task(
            f"shared_{family}",
            size,
            [family],
            lambda icon: icon.name.lower() if icon.name.lower() in names else None,
            source=f"names that {SHARED_BY} of 7 families share, drawn by {described([family])}",
            metric="mean_per_class",  # a family may draw a name once, or in six styles
            more_classes=sorted(names),  # the same question for every family
        )


for _family in FAMILIES:
    _register_shared(_family)


# -------------------- emoji: coarse groups, and flags
# Unicode's own groups are not in the data packages; these are told from the emoji's names, so a
# class is a word which everybody would use for its pictures.
EMOJI_GROUPS: dict[str, str] = {
    "animal": r"(cat|dog|horse|cow|pig|mouse|rabbit|bear|panda|monkey|lion|tiger|fox|wolf|frog|"
    r"bird|penguin|chicken|duck|eagle|owl|whale|dolphin|shark|octopus|snail|bug|ant|honeybee|"
    r"butterfly|fish|lizard|snake|turtle|elephant|giraffe|zebra|camel|kangaroo|sheep|ram|deer|"
    r"goat|crocodile|gorilla|hamster|hedgehog|koala|otter|sloth|swan|flamingo|parrot|peacock|turkey)"
    r"( face)?",
    "food": r"(red apple|pear|banana|grapes|melon|lemon|cherries|strawberry|pizza|hamburger|"
    r"french fries|hot dog|sandwich|taco|burrito|bread|cheese wedge|cooking|doughnut|cookie|"
    r"birthday cake|shortcake|cupcake|pie|chocolate bar|candy|lollipop|ice cream|carrot|broccoli|"
    r"tomato|potato|mushroom|pretzel|croissant|pancakes|waffle|sushi|spaghetti|steaming bowl)",
    "vehicle": r"(car|automobile|taxi|bus|minibus|ambulance|fire engine|police car|"
    r"delivery truck|tractor|racing car|motorcycle|motor scooter|bicycle|kick scooter|train|"
    r"locomotive|tram|metro|monorail|airplane|small airplane|helicopter|rocket|sailboat|speedboat|"
    r"ship|ferry|canoe|trolleybus|oncoming \w+)",
    "building": r"(house|houses|house with garden|office building|hospital|bank|hotel|school|"
    r"factory|castle|japanese castle|church|mosque|synagogue|hindu temple|kaaba|stadium|"
    r"classical building|department store|convenience store|post office|love hotel|derelict house)",
    "clothing": r"(t-shirt|jeans|dress|bikini|shorts|coat|scarf|gloves|socks|sari|kimono|necktie|"
    r"running shoe|hiking boot|man’s shoe|high-heeled shoe|woman’s \w+|top hat|billed cap|"
    r"safety vest|one-piece swimsuit|ballet shoes|thong sandal|flat shoe|lab coat|crown|glasses)",
    "face": r"(\w+ )?(grinning|smiling|winking|crying|angry|sleepy|pouting|worried|confused|"
    r"frowning|kissing|smirking|astonished|flushed|relieved|unamused|neutral|nauseated|zany|sad "
    r"but relieved|anxious|fearful|weary|tired|disappointed|persevering|pensive|hushed) face.*",
    "clock": r"(\w+ o’clock|\w+-thirty)",
    "flag": r"(chequered|triangular|crossed|black|white|rainbow|pirate|transgender) flags?",
}


def _emoji_group(icon: Icon) -> str | None:
    if icon.categories == ("flags",):
        return "flag"
    name = icon.name.lower()
    return next((group for group, rule in EMOJI_GROUPS.items() if re.fullmatch(rule, name)), None)


@register_task("emoji_groups")
def _emoji_groups(size: int) -> Task:
    return icon_task(
        "emoji_groups",
        size,
        ["openmoji"],
        _emoji_group,
        source=f"emoji in coarse groups that their captions do not name, {described(['openmoji'])}",
        metric="mean_per_class",  # 258 flags would drown the rest
        context=["an emoji of {}", "a kind of {}", "{}, a kind of objects"],
    )


@register_task("flags")
def _flags(size: int) -> Task:
    """Which country? The paper's Country211 asks it of photographs (Table 9)."""
    return icon_task(
        "flags",
        size,
        ["openmoji"],
        lambda icon: icon.name.lower() if icon.categories == ("flags",) else None,
        source=f"flags of countries and territories, {described(['openmoji'])}",
        context=["{}, a kind of flags"],
    )


# -------------------- how it is drawn
_STYLE_TEMPLATES = [
    f"a {{}} icon of {thing}" for thing in ("house", "star", "bell", "user", "folder", "heart")
] + [f"{thing}, {{}}" for thing in ("house", "star", "bell", "user", "folder", "heart")]
_OUTLINED_OR_FILLED = {"line": "outlined", "outlined": "outlined", "solid": "filled"}


@register_task("style")
def _style(size: int) -> Task:
    """Lines or areas? Asked of held-out families; the words are those of training captions."""
    return icon_task(
        "style",
        size,
        HELD_OUT_FAMILIES,
        lambda icon: _OUTLINED_OR_FILLED.get(icon.style),
        source=described(HELD_OUT_FAMILIES),
        templates=["{}"],
        context=_STYLE_TEMPLATES,
        metric="mean_per_class",
    )


@register_task("pens")
def _pens(size: int) -> Task:
    """Seven ways to draw the same thing, in the words of the captions that training read."""
    return icon_task(
        "pens",
        size,
        ["phosphor", "openmoji"],
        lambda icon: icon.style if icon.name.lower() in shared_by_families() else None,
        source=f"styles of names that families share, {described(['phosphor', 'openmoji'])}",
        templates=["{}"],
        context=_STYLE_TEMPLATES,
        metric="mean_per_class",
    )


# -------------------- fine-grained: kind and direction
_ARROW = re.compile(
    r"(?P<kind>arrow|chevron|caret|angle)(?P<times>s?)(?: double)? "
    r"(?P<way>up left|up right|down left|down right|up|down|left|right)"
)


def _arrow(icon: Icon) -> str | None:
    found = _ARROW.fullmatch(icon.name)
    if not found:
        return None
    # An angle is a chevron by another name, two of them a double chevron.
    kind = {"angle": "chevron"}.get(found["kind"], found["kind"])
    if found["times"] or " double " in icon.name:
        kind = f"{kind} double"
    return f"{kind} {found['way']}"


@register_task("arrows")
def _arrows(size: int) -> Task:
    """Which kind of arrow, and where to? The classes differ in little (compare FGVC Aircraft)."""
    return icon_task(
        "arrows",
        size,
        HELD_OUT_FAMILIES,
        _arrow,
        source=f"arrows by kind and direction, {described(HELD_OUT_FAMILIES)}",
        context=["an icon of {}, a kind of arrows", "{}, a kind of arrows"],
        metric="mean_per_class",
    )
