"""Captions: what a person might write beside a picture, made from what is known of it.

Some say only the name, others how it is drawn, what it is used for or what kind of thing it is.
Such **context** is what makes prompts matter later: with captions that are bare names, every prompt
template gives the same result (paper §3.1.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from clipedu.pairs.icons import Icon

NAME = "{subject}"
ICON = "an icon of {subject}"
NAME_STYLE = "{subject}, {style}"
STYLE_ICON = "a {style} icon of {subject}"
NAME_TAGS = "{subject}, {tags}"
NAME_CATEGORY = "{subject}, a kind of {category}"
#: How often a caption takes each form; without the words for it, it is the first. `{subject}` is
#: the name or an alias.
FORMS: tuple[tuple[float, str], ...] = (
    (0.60, NAME),
    (0.10, ICON),
    (0.10, NAME_STYLE),
    (0.06, STYLE_ICON),
    (0.07, NAME_TAGS),
    (0.07, NAME_CATEGORY),
)
ALIAS_RATE = 0.15
_EDGES = np.cumsum([rate for rate, _ in FORMS])


def fill_form(form: str, family: str = "", **words: str) -> str:
    """A form with its words, in lower case; what OpenMoji draws is called an emoji."""
    if family == "openmoji":
        form = form.replace("icon of", "emoji of")
    return form.format(**words).lower()


def caption(icon: Icon, rng: np.random.Generator) -> str:
    """One caption for the icon: a form and its words, drawn at random."""
    draw = rng.random(4)
    form = FORMS[min(int(np.searchsorted(_EDGES, draw[0], side="right")), len(FORMS) - 1)][1]
    words = {"subject": icon.name, "style": style_word(icon), "tags": "", "category": ""}
    if icon.aliases and draw[1] < ALIAS_RATE:
        words["subject"] = icon.aliases[int(draw[2] * len(icon.aliases))]
    if icon.tags:
        two = (icon.tags[int(d * len(icon.tags))] for d in (draw[3], draw[2]))
        words["tags"] = ", ".join(dict.fromkeys(two))
    if icon.categories:
        words["category"] = icon.categories[int(draw[3] * len(icon.categories))]
    if any(f"{{{key}}}" in form and not value for key, value in words.items()):
        form = NAME
    return fill_form(form, icon.family, **words)


def style_word(icon: Icon) -> str:
    """How it is drawn, in a word; empty where the family has one style without a name."""
    return "" if icon.style == "plain" else icon.style


def captions(icons: Sequence[Icon], rng: np.random.Generator) -> list[str]:
    """One caption for each icon, drawn in order from one generator."""
    return [caption(icon, rng) for icon in icons]


def all_captions(icons: Iterable[Icon]) -> list[str]:
    """Every text that captions can be made of: what a tokenizer is trained on."""
    texts = []
    for icon in icons:
        about = {"family": icon.family, "subject": icon.name}
        texts += [text.lower() for text in (icon.name, *icon.aliases, *icon.tags)]
        texts += [fill_form(NAME_CATEGORY, **about, category=word) for word in icon.categories]
        texts.append(fill_form(ICON, **about))
        if style := style_word(icon):
            texts.append(fill_form(STYLE_ICON, **about, style=style))
    return texts


def caption_templates(styles: Iterable[str], categories: Iterable[str]) -> list[str]:
    """The forms as prompt templates: `{}` for the name, and each style and category in turn."""
    plain = ((NAME, ""), (ICON, ""), (ICON, "openmoji"))
    templates = [fill_form(form, family, subject="{}") for form, family in plain]
    for word in styles:
        templates += [fill_form(f, subject="{}", style=word) for f in (STYLE_ICON, NAME_STYLE)]
    return templates + [fill_form(NAME_CATEGORY, subject="{}", category=w) for w in categories]
