"""Prompts: the sentences that turn a class name into what a text encoder has seen (paper §3.1.4).

A **template** is a sentence with `{}` for the class name: `"an icon of {}"`. Several for one task
are an **ensemble**: their embeddings are averaged. `a {}` becomes `an apple`; OpenAI's own prompts
say "a photo of a apple", and `articles=False` repeats their figures exactly.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from clipedu.pairs import clean_caption
from clipedu.pairs.captions import caption_templates

# Sets by name, so that a lesson and a command line can say `templates="photo"`.
TEMPLATE_SETS: dict[str, list[str]] = {
    # The bare class name: the baseline which every prompt is measured against.
    "name": ["{}"],
    # The paper's default for ImageNet, worth 1.3 points there (§3.1.4).
    "photo": ["a photo of a {}."],
    # As training captions say it, without style words: a held-out family is drawn in its own way.
    "icon": ["{}", "an icon of {}"],
    # Every form that a training caption may take, with every style of the training families.
    "captions": caption_templates(
        "filled outlined rounded sharp two-tone thin light regular bold duotone colour".split(),
        ("objects", "system", "nature", "people", "map", "media", "design"),
    ),
    # What people write to models of photographs; no caption of this course ever said it.
    "photos": ["a photo of a {}.", "a picture of a {}", "a photo of the {}.", "art of the {}."],
    # Digits are a class of their own: "a nine" says less than "the number nine".
    "digits": ["{}", "the number {}", "the digit {}", "a handwritten {}", "number {}"],
}

_ARTICLE = re.compile(r"\b([Aa])n? \{\}")
# Spelled with a vowel but said with a consonant ("a unicorn", "a one"), and the other way round.
_SAID_WITH_CONSONANT = re.compile(
    r"(uni(?!n|mp|mag)|us[abe]|usu|ut[ei]|eu|ewe|one\b|once|uk\b|ufo|ur[la]\b|uran|u[ix]\b|u-|ubiq)"
)
_SAID_WITH_VOWEL = re.compile(r"hour|honest|honou?r|heir|8|11\b|18\b")
# html, svg, mp3: without a vowel, letters are said one by one.
_SPELLED_OUT = re.compile(r"[b-df-hj-np-tv-z]{1,5}\b|[b-df-hj-np-tv-z]+\d|.$")
_LETTERS_WITH_VOWEL_SOUND = "aefhilmnorsx8"


def article(name: str) -> str:
    """`"a"` or `"an"`, by how `name` begins when it is said: *an hour*, *a unicorn*, *an SVG*."""
    word = name.strip().lower()
    if _SPELLED_OUT.match(word):
        return "an" if word[0] in _LETTERS_WITH_VOWEL_SOUND else "a"
    vowel = word.startswith(tuple("aeiou")) and not _SAID_WITH_CONSONANT.match(word)
    return "an" if vowel or _SAID_WITH_VOWEL.match(word) else "a"


def fill(template: str, name: str, *, articles: bool = True) -> str:
    """`template` with every `{}` replaced by `name`; `articles`: `a {}` and `an {}` agree with it.

    >>> fill("a photo of a {}.", "umbrella")
    'a photo of an umbrella.'
    """
    if articles:
        rest = article(name)[1:]  # "n" or nothing
        template = _ARTICLE.sub(lambda found: found[1] + rest + " {}", template)
    return template.replace("{}", name)


def prompts_for(
    class_names: Sequence[str], templates: Sequence[str] | str, *, articles: bool = True
) -> list[list[str]]:
    """Every prompt of a task: one list for each class, one sentence for each template."""
    names, forms = check_class_names(class_names), check_templates(templates)
    return [[fill(form, name, articles=articles) for form in forms] for name in names]


def check_templates(templates: Sequence[str] | str) -> list[str]:
    """The templates as a list: from one template, a list of them, or the name of a set.

    Raises TypeError for what is not text; ValueError for none, an unknown set, or one without `{}`.
    """
    if isinstance(templates, str):
        templates = TEMPLATE_SETS.get(templates, [templates])
    forms = list(templates)
    if not forms:
        raise ValueError('No templates. Give at least one, such as ["a picture of a {}"].')
    for form in forms:
        if not isinstance(form, str):
            raise TypeError(f"A template is a str with {{}} in it; got {form!r}.")
        if "{}" in form:
            continue
        advice = f"Put {{}} where the class name goes: {form.rstrip('. ') + ' {}'!r}."
        if braces := re.search(r"\{[^{}]*\}", form):
            advice = f"Write {{}} instead of {braces[0]}."
        elif " " not in form.strip():
            advice = f"If you meant a set of templates: {', '.join(TEMPLATE_SETS)}."
        raise ValueError(
            f"The template {form!r} has no {{}} in it: all classes would look the same. {advice}"
        )
    return forms


def check_class_names(class_names: Sequence[str]) -> list[str]:
    """The class names as a list of distinct, non-empty strings, as `clean_caption` gives them.

    Raises TypeError for a lone string or a name that is not text; ValueError when the list is
    empty, or a name is blank or occurs twice (which of the two would be the right answer?).
    """
    if isinstance(class_names, str):
        raise TypeError(f"class_names is a list: for a single class write [{class_names!r}].")
    names = list(class_names)
    if not names:
        raise ValueError("The list of class names is empty. A classifier needs at least one class.")
    for i, name in enumerate(names):
        if not isinstance(name, str):
            raise TypeError(f"Class names are words: class {i} is {name!r}. Write it as text.")
        try:
            names[i] = clean_caption(name)
        except ValueError as error:
            raise ValueError(f"Class {i} has a blank name, or no text: {error}.") from None
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        shown = ", ".join(map(repr, twice[:5])) + (", …" if len(twice) > 5 else "")
        raise ValueError(
            f"{len(twice)} class name(s) occur more than once: {shown}. No prediction could tell "
            "them apart: merge the classes, or say more, as in 'crane (bird)', 'crane (machine)'."
        )
    return names
