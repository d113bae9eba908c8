"""Exercise 00.2: a clean name from a file name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator

from clipedu_classroom.spec import FunctionExercise, Misconception

Styles = list[str]


def draw_below(generator: Generator, below: int) -> int:
    return int(torch.randint(0, below, (), generator=generator))


def clean(file_name: str, styles: Styles) -> str:
    return _clean(file_name, styles)


def _clean(
    file_name: str,
    styles: Styles,
    *,
    extension: Callable[[str], str] = lambda text: text.removesuffix(".svg"),
    separators: str = r"[-_\s]+",
    lower: bool = True,
    style: str = "last",
) -> str:
    """The right answer, with one step at a time exchangeable for a wrong one."""
    text = extension(file_name)
    if lower:
        text = text.lower()
    words = [word for word in re.split(separators, text) if word or not separators.endswith("+")]
    if style == "last" and len(words) > 1 and words[-1] in styles:
        words = words[:-1]
    elif style == "anywhere":
        words = [word for word in words if word not in styles] or words
    elif style == "also alone" and words and words[-1] in styles:
        words = words[:-1]
    elif style == "always":
        words = words[:-1] if len(words) > 1 else words
    elif style == "in turn":
        for name in styles:
            if len(words) > 1 and words[-1] == name:
                words = words[:-1]
    elif style == "all at the end":
        while len(words) > 1 and words[-1] in styles:
            words = words[:-1]
    joined = " ".join(words)
    if style == "as letters":
        for name in styles:
            joined = joined.removesuffix(name).strip() or joined
    elif style == "replaced":
        for name in styles:
            joined = joined.replace(name, "")
        joined = " ".join(joined.split())
    return joined


def _with(**changed: Any) -> Callable[[str, Styles], str]:
    return lambda file_name, styles: _clean(file_name, styles, **changed)


def _without_first_style(file_name: str, styles: Styles) -> str:
    words = clean(file_name, styles).split(" ")
    return " ".join(words[1:] if len(words) > 1 and words[0] in styles else words)


def _without_style_in_any_case(file_name: str, styles: Styles) -> str:
    words = _clean(file_name, styles, style="no", lower=False).split(" ")
    return " ".join(words[:-1] if len(words) > 1 and words[-1].lower() in styles else words)


def draw_name(generator: Generator) -> dict[str, Any]:
    kinds = ["Arrow", "mouse", "Bag", "thin", "cloud", "Wi", "2", "bugs", "bolder", "Up"]
    picked = [kinds[draw_below(generator, len(kinds))] for _ in range(1 + draw_below(generator, 3))]
    glue = ["-", "_", "--", "_-"]
    text = picked[0]
    for word in [*picked[1:], ["bold", "Thin", "outlined", "off"][draw_below(generator, 4)]]:
        text += glue[draw_below(generator, 4)] + word
    return {"file_name": text + ".svg", "styles": ["bold", "thin", "outlined"]}


def _name(text: str) -> Any:
    return lambda generator: {"file_name": text, "styles": ["bold", "thin", "outlined"]}


CLEAN = FunctionExercise(
    id="00.2",
    name="clean_name",
    reference=clean,
    inputs=draw_name,
    trials=5,
    extremes={
        "a name with a style at its end": _name("Mouse-Pointer_bold.svg"),
        "a style word in the middle": _name("Bold-Arrow_thin.svg"),
        "two style words at the end": _name("text-bold_thin.svg"),
        "two style words at the end, the other way round": _name("text-thin_bold.svg"),
        "a style alone": _name("Bold.svg"),
        "a word that ends like a style": _name("half-embold.svg"),
        "a style in capitals": _name("Bag-OUTLINED.svg"),
        "letters of the extension at the end": _name("wi-bugs.svg"),
        "letters of the extension at the start": _name("svg-viewer.svg"),
        "an extension inside the name, and none at its end": _name("my.svg-filesvg"),
        "two separators together": _name("wi-_fi__off.svg"),
        "two hyphens together": _name("cloud--rain.svg"),
        "a full stop inside the name": _name("Version-2.5-thin.svg"),
        "no style": _name("cloud-rain.svg"),
        "no extension": _name("cloud_rain"),
        "a full stop and no extension": _name("version-2.5"),
    },
    misconceptions=(
        Misconception(
            "the extension is cut off with strip, which takes away letters, not an ending",
            _with(extension=lambda text: text.rstrip(".svg")),
            "Try the file name bags.svg.",
        ),
        Misconception(
            "the extension is taken off both ends as letters",
            _with(extension=lambda text: text.strip(".svg")),
            "strip takes away letters, not an ending.",
        ),
        Misconception(
            "the extension stays", _with(extension=lambda text: text), "How does a file name end?"
        ),
        Misconception(
            "the name is cut at its first full stop",
            _with(extension=lambda text: text.split(".")[0]),
            "A full stop may stand in the name.",
        ),
        Misconception(
            "every .svg goes, not only the one at the end",
            _with(extension=lambda text: text.replace(".svg", "")),
            "Only the ending goes; .svg may stand inside a name.",
        ),
        Misconception(
            "the name is cut at its first .svg",
            _with(extension=lambda text: text.split(".svg")[0]),
            "Only the ending goes; .svg may stand inside a name.",
        ),
        Misconception(
            "the full stop of a pattern stands for any character",
            _with(extension=lambda text: re.sub(".svg$", "", text)),
            "Does filesvg end in .svg?",
        ),
        Misconception(
            "the last four letters are cut off whatever they are",
            _with(extension=lambda text: text[:-4]),
            "Is there always an extension?",
        ),
        Misconception(
            "only the hyphen separates words",
            _with(separators=r"[-\s]+"),
            "Look at the underscore.",
        ),
        Misconception(
            "only the underscore separates words", _with(separators=r"[_\s]+"), "And the hyphen?"
        ),
        Misconception(
            "two separators together become two spaces",
            _with(separators="[-_ ]"),
            "How many spaces stand between two words?",
        ),
        Misconception("capitals are kept", _with(lower=False), "Captions are in lower case."),
        Misconception(
            "the style is compared before it is in lower case",
            lambda file_name, styles: _clean(file_name, styles, lower=False).lower(),
            "Is Bold in the list of styles?",
        ),
        Misconception("the style stays in the name", _with(style="no"), "What is the last word?"),
        Misconception(
            "style words are taken out wherever they stand",
            _with(style="anywhere"),
            "In bold arrow, bold is a part of the name.",
        ),
        Misconception(
            "a name that is nothing but a style becomes empty",
            _with(style="also alone"),
            "What is left of bold.svg?",
        ),
        Misconception(
            "the last word is dropped even if it is no style",
            _with(style="always"),
            "Is rain a style?",
        ),
        Misconception(
            "every style word at the end is taken off, not one",
            _with(style="all at the end"),
            "A file has one style: its last word.",
        ),
        Misconception(
            "the styles are tried in turn, and the loop goes on after the first that fits",
            _with(style="in turn"),
            "One word goes, and no more.",
        ),
        Misconception(
            "the style is compared as letters, so that longer words lose their end",
            _with(style="as letters"),
            "Compare whole words.",
        ),
        Misconception(
            "the style's letters are replaced wherever they occur",
            _with(style="replaced"),
            "Compare whole words, and only the last.",
        ),
        Misconception(
            "the words come back as a list",
            lambda file_name, styles: clean(file_name, styles).split(" "),
            "Return one string.",
        ),
        Misconception(
            "only the hyphen separates words, and two of them become two spaces",
            _with(separators="[- ]"),
            "Look at the underscore, and at two separators together.",
        ),
        Misconception(
            "whatever stands behind the last full stop is cut off",
            _with(extension=lambda text: text.rpartition(".")[0] or text),
            "Only the ending .svg goes. What becomes of version-2.5?",
        ),
        Misconception(
            "the words are glued together without a space",
            lambda file_name, styles: clean(file_name, styles).replace(" ", ""),
            "One space stands between two words.",
        ),
        Misconception(
            "digits and full stops are taken for separators",
            _with(separators=r"[^a-zA-Z]+"),
            "Only hyphens and underscores separate words.",
        ),
        Misconception(
            "a style at the beginning goes, too",
            _without_first_style,
            "Only the last word may be a style.",
        ),
        Misconception(
            "the first letter is made large again",
            lambda file_name, styles: clean(file_name, styles).capitalize(),
            "All letters become small.",
        ),
        Misconception(
            "the style goes, but capitals are kept",
            _without_style_in_any_case,
            "All letters become small, those of the name too.",
        ),
        Misconception(
            "the style stays, and two separators together become two spaces",
            _with(style="no", separators="[-_ ]"),
            "Steps 3 and 4: how many spaces stand between two words, and what is the last word?",
        ),
    ),
)
