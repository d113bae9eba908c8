"""Prompts: the sentences that turn a class name into what a text tower has seen (paper §3.1.4).

* A **template** is a sentence with `{}` where the class name goes: `"an icon of {}"`.
* Several templates for one task are an **ensemble**: their embeddings are averaged.
* `a {}` becomes `an apple` where English wants it. OpenAI's own prompts say "a photo of a apple";
  pass `articles=False` to repeat their figures exactly.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

# Sets by name, so that a lesson and a command line can say `templates="photo"`.
TEMPLATE_SETS: dict[str, list[str]] = {
    # The bare class name: the baseline which every prompt is measured against.
    "name": ["{}"],
    # The paper's default for ImageNet, worth 1.3 points there (§3.1.4).
    "photo": ["a photo of a {}."],
    # As the captions of the training families say it (clipedu.pairs.captions). No style words: they
    # would ask for a picture drawn in a certain way, and a held-out family is drawn in its own.
    # After short runs the name with "{}, a kind of objects" asks better (benchmarks/templates.py);
    # the lead shrinks as training goes on.
    "icon": ["{}", "an icon of {}"],
    # Every form that a training caption may take (clipedu.pairs.captions.FORMS) with every style:
    # what an ensemble is made of, and what `forward_selection` chooses from.
    "captions": [
        "{}",
        "an icon of {}",
        "an emoji of {}",
        *(
            form.format(style)
            for style in (
                "filled",
                "outlined",
                "rounded",
                "sharp",
                "two-tone",
                "thin",
                "light",
                "regular",
                "bold",
                "duotone",
                "colour",
            )
            for form in ("a {} icon of {{}}", "{{}}, {}")
        ),
        *(
            f"{{}}, a kind of {category}"
            for category in ("objects", "system", "nature", "people", "map", "media", "design")
        ),
    ],
    # What people write to models of photographs; no caption here ever said it.
    "photos": ["a photo of a {}.", "a picture of a {}", "a photo of the {}.", "art of the {}."],
    # Digits are a class of their own: "a nine" says less than "the number nine".
    "digits": ["{}", "the number {}", "the digit {}", "a handwritten {}", "number {}"],
}

_ARTICLE = re.compile(r"\b([Aa])n? \{\}")
# Spelled with a vowel but said with a consonant ("a unicorn", "a one"), and the other way round.
_SAID_WITH_CONSONANT = re.compile(
    r"(uni(?!n|mp|mag)|us[abe]|usu|ut[ei]|eu|ewe|one\b|once|uk\b|ufo|ur[la]\b|uran|u[ix]\b|u-|ubiq)"
)
_SAID_WITH_VOWEL = re.compile(r"(hour|honest|honou?r|heir)")
# html, svg, mp3: without a vowel, letters are said one by one.
_SPELLED_OUT = re.compile(r"[b-df-hj-np-tv-z]{1,5}\b|[b-df-hj-np-tv-z]+\d")
_LETTERS_WITH_VOWEL_SOUND = "aefhilmnorsx"


def article(name: str) -> str:
    """`"a"` or `"an"`, by how `name` begins when it is said: *an hour*, *a unicorn*, *an SVG*."""
    word = name.strip().lower()
    if _SPELLED_OUT.match(word) or len(word) == 1:
        return "an" if word[0] in _LETTERS_WITH_VOWEL_SOUND or word[0] == "8" else "a"
    if re.match(r"(8|11\b|18\b)", word):
        return "an"
    if _SAID_WITH_VOWEL.match(word):
        return "an"
    return "an" if word[:1] in set("aeiou") and not _SAID_WITH_CONSONANT.match(word) else "a"


def fill(template: str, name: str, *, articles: bool = True) -> str:
    """`template` with every `{}` replaced by `name`; `articles`: `a {}` and `an {}` agree with it.

    >>> fill("a photo of a {}.", "umbrella")
    'a photo of an umbrella.'
    """
    if articles:
        chosen = article(name)
        template = _ARTICLE.sub(lambda m: m[1] + chosen[1:] + " {}", template)
    return template.replace("{}", name)


def prompts_for(
    class_names: Sequence[str], templates: Sequence[str] | str, *, articles: bool = True
) -> list[list[str]]:
    """Every prompt of a task: one list for each class, one sentence for each template.

    Raises ValueError or TypeError when the names or the templates cannot make a classifier
    (see `check_class_names`, `check_templates`).
    """
    names, forms = check_class_names(class_names), check_templates(templates)
    return [[fill(form, name, articles=articles) for form in forms] for name in names]


def check_templates(templates: Sequence[str] | str) -> list[str]:
    """The templates as a list: one template, a list of them, or the name of a set.

    Raises TypeError for anything that is not text, ValueError when there are none, when one has no
    `{}` (every class would get the same sentence), or when a set's name is not known.
    """
    if isinstance(templates, str):
        if "{}" not in templates and templates in TEMPLATE_SETS:
            return list(TEMPLATE_SETS[templates])
        templates = [templates]
    forms = list(templates)
    if not forms:
        raise ValueError('No templates. Give at least one, such as ["a picture of a {}"].')
    for form in forms:
        if not isinstance(form, str):
            raise TypeError(
                f"A template is a str with {{}} in it, such as 'a picture of a {{}}'; "
                f"got {type(form).__name__}: {form!r}."
            )
        if "{}" not in form:
            braces = re.search(r"\{[^{}]*\}", form)
            if braces:
                advice = f"Write {{}} instead of {braces[0]}."
            elif " " not in form.strip():
                advice = f"If you meant a set of templates: {', '.join(TEMPLATE_SETS)}."
            else:
                advice = f"Put {{}} where the class name goes: {form.rstrip('. ') + ' {}'!r}."
            raise ValueError(
                f"The template {form!r} has no {{}} in it, so every class would get the same "
                f"sentence. {advice}"
            )
    return forms


def check_class_names(class_names: Sequence[str]) -> list[str]:
    """The class names as a list of distinct, non-empty strings.

    Raises TypeError for a lone string or a name that is not text, ValueError when the list is
    empty, or a name is blank or occurs twice (which of the two would be the right answer?).
    """
    if isinstance(class_names, str):
        raise TypeError(
            f"class_names is a list of names; got the one string {class_names!r}. "
            f"For a single class write [{class_names!r}]."
        )
    names = list(class_names)
    if not names:
        raise ValueError("The list of class names is empty. A classifier needs at least one class.")
    for i, name in enumerate(names):
        if not isinstance(name, str):
            raise TypeError(
                f"Class names are words: class {i} is {name!r} ({type(name).__name__}). "
                "Write numbers as text, such as 'seven' or '7'."
            )
        if not name.strip():
            raise ValueError(f"Class {i} has a blank name, {name!r}. Give it a word or remove it.")
    twice = [name for name, count in Counter(n.strip() for n in names).items() if count > 1]
    if twice:
        shown = ", ".join(repr(name) for name in twice[:5]) + (", …" if len(twice) > 5 else "")
        raise ValueError(
            f"{len(twice)} class name(s) occur more than once: {shown}. The same words give the "
            "same embedding, so no prediction could tell them apart: merge the classes, or say "
            "more in the names, such as 'crane (bird)' and 'crane (machine)'."
        )
    return names
