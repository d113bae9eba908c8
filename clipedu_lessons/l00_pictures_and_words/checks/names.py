"""Exercises 00.1 and 00.2: the price of a label set, and a clean name from a file name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator

from clipedu_classroom.spec import FunctionExercise, Misconception, ValueExercise

# 00.1: 512 features, 1,000 labels, 50 more labels; 400 pictures, 250 of them in the label set.
WIDE, LABELS, MORE = 512, 1000, 50
ASKED, INSIDE = 400, 250


def label_set() -> tuple[float, ...]:
    """Numbers in the last layer, for 50 more labels; best percentage; numbers with words."""
    return ((WIDE + 1) * LABELS, (WIDE + 1) * MORE, 100 * INSIDE / ASKED, 0)


LABEL_SET = ValueExercise(
    id="00.1",
    name=("last_layer", "for_fifty_more", "best_percent", "with_words"),
    expected=label_set,
    misconceptions=(
        Misconception(
            "the biases are forgotten",
            lambda v: v[0] == WIDE * LABELS or v[1] == WIDE * MORE,
            "Each output has its weights and one number more.",
        ),
        Misconception(
            "one bias is counted for the whole layer",
            lambda v: v[0] == WIDE * LABELS + 1 or v[1] == WIDE * MORE + 1,
            "Each output has a bias of its own.",
        ),
        Misconception(
            "a bias is counted for each feature, not for each label",
            lambda v: v[0] == WIDE * LABELS + WIDE or v[1] == WIDE * MORE + WIDE,
            "How many outputs has the layer?",
        ),
        Misconception(
            "a label is taken for a single number",
            lambda v: v[0] == LABELS or v[1] == MORE,
            "How does one output come about from the features?",
        ),
        Misconception(
            "the numbers of one output are given, not those of all",
            lambda v: WIDE + 1 in v[:2],
            "How many outputs are there?",
        ),
        Misconception(
            "the share of pictures that must be wrong is given for the best accuracy",
            lambda v: v[2] == 100 - 100 * INSIDE / ASKED,
            "Which pictures can be named right at all?",
        ),
        Misconception(
            "a picture outside the label set is hoped to be right by luck",
            lambda v: 63 < v[2] <= 100,
            "Is there an output that stands for it?",
        ),
        Misconception(
            "all pictures are divided by those that can be right",
            lambda v: v[2] == 100 * ASKED / INSIDE,
            "Can an accuracy be above 100 percent?",
        ),
        Misconception(
            "the percentage is rounded to a whole number",
            lambda v: v[2] in (62, 63),
            "It is a number with one decimal.",
        ),
        Misconception(
            "a list of names is believed to need weights of its own",
            lambda v: v[3] > 0,
            "What had to change in the model when umbrella was put on the list?",
        ),
    ),
)


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
            "A full stop may be part of the name.",
        ),
        Misconception(
            "every .svg goes, not only the one at the end",
            _with(extension=lambda text: text.replace(".svg", "")),
            "Only the ending goes; .svg may also be inside a name.",
        ),
        Misconception(
            "the name is cut at its first .svg",
            _with(extension=lambda text: text.split(".svg")[0]),
            "Only the ending goes; .svg may also be inside a name.",
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
            "only the underscore separates words", _with(separators=r"[_\s]+"), "And the hyphen?"
        ),
        Misconception("capitals are kept", _with(lower=False), "Captions are in lower case."),
        Misconception("the style stays in the name", _with(style="no"), "What is the last word?"),
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
            "everything after the last full stop is cut off",
            _with(extension=lambda text: text.rpartition(".")[0] or text),
            "Only the ending .svg goes. What becomes of version-2.5?",
        ),
        Misconception(
            "the words are glued together without a space",
            lambda file_name, styles: clean(file_name, styles).replace(" ", ""),
            "There is one space between two words.",
        ),
        Misconception(
            "digits and full stops are taken for separators",
            _with(separators=r"[^a-zA-Z]+"),
            "Only hyphens and underscores separate words.",
        ),
        Misconception(
            "the first letter is made large again",
            lambda file_name, styles: clean(file_name, styles).capitalize(),
            "All letters become small.",
        ),
        Misconception(
            "the style stays, and two separators together become two spaces",
            _with(style="no", separators="[-_ ]"),
            "Steps 3 and 4: how many spaces are between two words, and what is the last word?",
        ),
    ),
)
