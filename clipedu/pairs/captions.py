"""Captions: what a person might write beside a picture, made from what is known of it.

Some say only the name, others how it is drawn, what it is used for or what kind of thing it is.
Such **context** is what makes prompts matter later: with captions that are bare names, every prompt
template gives the same result (paper §3.1.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from clipedu.pairs.icons import Icon

NAME = "{subject}"
ICON = "an icon of {subject}"
NAME_STYLE = "{subject}, {style}"
STYLE_ICON = "a {style} icon of {subject}"
NAME_TAGS = "{subject}, {tags}"
NAME_CATEGORY = "{subject}, a kind of {category}"
SENTENCES = (
    "an icon of {a} {subject}",
    "this icon shows {a} {subject}",
    "a drawing of {a} {subject}",
    "a picture of {a} {subject}",
)
STYLE_SENTENCES = ("{an} {style} icon of {subject}", "{an} {style} drawing of {a} {subject}")


class CaptionMix(NamedTuple):
    """How often a caption takes each form; without the words for it, it is the first.

    `{subject}` is the name or an alias, `{a}` its article, `{an}` that of the style; full_stop is
    the share that ends in one. STYLE_ICON's "a outlined icon" is kept for the first models.
    """

    forms: tuple[tuple[float, str], ...]
    full_stop: float = 0.0


_CONTEXT = ((0.07, NAME_TAGS), (0.07, NAME_CATEGORY))
#: "labels" is the first edition's: words as on a label, without articles and full stops.
CAPTION_MIXES: dict[str, CaptionMix] = {
    "names": CaptionMix(((1.0, NAME),)),
    "labels": CaptionMix(
        ((0.60, NAME), (0.10, ICON), (0.10, NAME_STYLE), (0.06, STYLE_ICON), *_CONTEXT)
    ),
    "sentences": CaptionMix(
        (
            (0.42, NAME),
            (0.08, ICON),
            (0.08, NAME_STYLE),
            *((0.05, form) for form in SENTENCES),
            *((0.04, form) for form in STYLE_SENTENCES),
            *_CONTEXT,
        ),
        full_stop=0.3,
    ),
}
DEFAULT_MIX = CAPTION_MIXES["labels"]
ALIAS_RATE = 0.15


def fill_form(form: str, family: str = "", **words: str) -> str:
    """A form with its words, in lower case; what OpenMoji draws is called an emoji."""
    if family == "openmoji":
        form = form.replace("icon of", "emoji of").replace("icon shows", "emoji shows")
    for slot, noun in (("{a} ", words["subject"]), ("{an} ", words.get("style", ""))):
        form = form.replace(slot, f"{a} " if (a := article(noun)) else "")
    return form.format(**words).lower()


def article(noun: str) -> str:
    """ "an" or "a"; none for what looks like a plural."""
    if noun.endswith("s") and not noun.endswith(("ss", "us", "is")):
        return ""
    return "an" if noun[:1].lower() in "aeiou" else "a"


def caption(icon: Icon, rng: np.random.Generator, mix: CaptionMix = DEFAULT_MIX) -> str:
    """One caption for the icon: a form and its words, drawn at random."""
    draw = rng.random(4)
    edges = np.cumsum([rate for rate, _ in mix.forms])
    form = mix.forms[min(int(np.searchsorted(edges, draw[0], side="right")), len(edges) - 1)][1]
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
    stop = "." if mix.full_stop and rng.random() < mix.full_stop else ""
    return fill_form(form, icon.family, **words) + stop


def style_word(icon: Icon) -> str:
    """How it is drawn, in a word; empty where the family has one style without a name."""
    return "" if icon.style == "plain" else icon.style


def captions(
    icons: Sequence[Icon], rng: np.random.Generator, mix: CaptionMix = DEFAULT_MIX
) -> list[str]:
    """One caption for each icon, drawn in order from one generator."""
    return [caption(icon, rng, mix) for icon in icons]


def all_captions(icons: Iterable[Icon], mix: CaptionMix = DEFAULT_MIX) -> list[str]:
    """Every text that captions can be made of: what a tokenizer is trained on."""
    texts = []
    used = {form for _, form in mix.forms}
    for icon in icons:
        about = {"family": icon.family, "subject": icon.name}
        texts += [text.lower() for text in (icon.name, *icon.aliases, *icon.tags)]
        texts += [fill_form(NAME_CATEGORY, **about, category=word) for word in icon.categories]
        texts.append(fill_form(ICON, **about))
        texts += [fill_form(form, **about) + "." for form in SENTENCES if form in used]
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
