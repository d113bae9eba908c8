"""Captions: what a person might write beside a picture, made from what is known of it.

Notable:

* a caption is not only a name. Some say how the picture is drawn (style), some what it is used for
  (tags), where it belongs (category), or use another name for it (aliases). Captions that carry
  **context** are what makes prompts matter later: with captions that are bare names, every prompt
  template gives the same result (paper §3.1.4);
* one seeded generator decides, so that a batch can be drawn again exactly;
* all captions are lower case: the names come from file names, where capitals mean nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clipedu.pairs.icons import Icon

#: How often a caption takes each form, where the icon has the words for it; a form without words
#: falls back to the first. `{subject}` is the name or an alias.
FORMS: tuple[tuple[float, str], ...] = (
    (0.60, "{subject}"),
    (0.10, "an icon of {subject}"),
    (0.10, "{subject}, {style}"),
    (0.06, "a {style} icon of {subject}"),
    (0.07, "{subject}, {tags}"),
    (0.07, "{subject}, a kind of {category}"),
)
ALIAS_RATE = 0.15
_EDGES = np.cumsum([rate for rate, _ in FORMS])


def caption(icon: Icon, rng: np.random.Generator) -> str:
    """One caption for the icon.

    >>> from clipedu.pairs.icons import Icon
    >>> caption(Icon("lucide", "line", "acorn", "acorn.svg"), np.random.default_rng(0))
    'acorn, line'
    """
    draw = rng.random(4)
    form = FORMS[min(int(np.searchsorted(_EDGES, draw[0], side="right")), len(FORMS) - 1)][1]
    subject = icon.name
    if icon.aliases and draw[1] < ALIAS_RATE:
        subject = icon.aliases[int(draw[2] * len(icon.aliases))]
    words = {"subject": subject, "style": style_word(icon), "tags": "", "category": ""}
    if icon.tags:
        first = int(draw[3] * len(icon.tags))
        second = int(draw[2] * len(icon.tags))
        words["tags"] = ", ".join(dict.fromkeys((icon.tags[first], icon.tags[second])))
    if icon.categories:
        words["category"] = icon.categories[int(draw[3] * len(icon.categories))]
    if any(f"{{{key}}}" in form and not value for key, value in words.items()):
        form = FORMS[0][1]
    if icon.family == "openmoji":
        form = form.replace("an icon of", "an emoji of").replace("icon of", "emoji of")
    return form.format(**words).lower()


def style_word(icon: Icon) -> str:
    """The word for how it is drawn; empty where the family has only one way and gives it no
    name."""
    return "" if icon.style == "plain" else icon.style


def captions(icons: Sequence[Icon], rng: np.random.Generator) -> list[str]:
    """One caption for each icon, drawn in order from one generator."""
    return [caption(icon, rng) for icon in icons]


def all_captions(icons: Sequence[Icon]) -> list[str]:
    """Every text that captions can be made of: what a tokenizer is trained on. One entry for each
    use."""
    texts = []
    for icon in icons:
        texts.append(icon.name.lower())
        texts.extend(alias.lower() for alias in icon.aliases)
        texts.extend(tag.lower() for tag in icon.tags)
        texts.extend(f"{icon.name}, a kind of {category}".lower() for category in icon.categories)
        style = style_word(icon)
        kind = "emoji" if icon.family == "openmoji" else "icon"
        texts.append(f"an {kind} of {icon.name}".lower())
        if style:
            texts.append(f"a {style} {kind} of {icon.name}".lower())
    return texts
