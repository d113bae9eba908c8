"""Exercises 00.2 and 00.3: a clean name from a file name, and a search by whole words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator

from clipedu.classroom.spec import FunctionExercise, Misconception

Styles = list[str]


def _draw(generator: Generator, below: int) -> int:
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
    picked = [kinds[_draw(generator, len(kinds))] for _ in range(1 + _draw(generator, 3))]
    glue = ["-", "_", "--", "_-"]
    text = picked[0]
    for word in [*picked[1:], ["bold", "Thin", "outlined", "off"][_draw(generator, 4)]]:
        text += glue[_draw(generator, 4)] + word
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
        "a style alone": _name("Bold.svg"),
        "a word that ends like a style": _name("half-embold.svg"),
        "a style in capitals": _name("Bag-OUTLINED.svg"),
        "letters of the extension at the end": _name("wi-bugs.svg"),
        "letters of the extension at the start": _name("svg-viewer.svg"),
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

# 00.3: search

Captions = list[str]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _search(
    captions: Captions,
    query: str,
    *,
    fits: Callable[[str, str], bool] | None = None,
    key: Callable[[str], Any] = lambda text: len(_words(text)),
) -> list[int]:
    found = fits or (lambda query, text: set(_words(query)) <= set(_words(text)))
    if not _words(query):
        return []
    rows = [i for i, text in enumerate(captions) if found(query, text)]
    return sorted(rows, key=lambda i: key(captions[i]))


def search(captions: Captions, query: str) -> list[int]:
    return _search(captions, query)


def _fits(fits: Callable[[str, str], bool]) -> Callable[[Captions, str], list[int]]:
    return lambda captions, query: _search(captions, query, fits=fits)


def _letters(query: str, text: str) -> bool:
    return all(word in text.lower() for word in _words(query))


def _phrase(query: str, text: str) -> bool:
    return query.lower() in text.lower()


def _any(query: str, text: str) -> bool:
    return bool(set(_words(query)) & set(_words(text)))


def _case(query: str, text: str) -> bool:
    return set(re.findall(r"\w+", query)) <= set(re.findall(r"\w+", text))


def _commas(query: str, text: str) -> bool:
    return set(query.lower().split()) <= set(text.lower().split())


def _query_in_capitals(query: str, text: str) -> bool:
    return set(re.findall(r"\w+", query)) <= set(_words(text))


def _query_with_commas(query: str, text: str) -> bool:
    return set(query.lower().split()) <= set(_words(text))


def _whole_phrase(query: str, text: str) -> bool:
    return re.search(rf"\b{re.escape(query.lower())}\b", text.lower()) is not None


def _letters_with_commas(query: str, text: str) -> bool:
    return all(word in text.lower() for word in query.lower().split())


def _begins(query: str, text: str) -> bool:
    return all(any(word.startswith(part) for word in _words(text)) for part in _words(query))


def _equal(query: str, text: str) -> bool:
    return set(_words(query)) == set(_words(text))


def _empty_finds_all(captions: Captions, query: str) -> list[int]:
    return search(captions, query) or (list(range(len(captions))) if not _words(query) else [])


def _empty_finds_all_ranked(captions: Captions, query: str) -> list[int]:
    if _words(query):
        return search(captions, query)
    return sorted(range(len(captions)), key=lambda i: len(_words(captions[i])))


CAPTIONS = (
    "Cat, line",
    "black cat",
    "location",
    "a kind of category",
    "an icon of a cat, outlined",
    "cat",
    "Rain cloud, weather",
    "cloud",
    "cloud, a kind of rain weather today",
    "night cloud, rainy",
    "rain",
    "cat cat",
)
QUERIES = ("cat", "Cloud rain", "CAT", "rain cloud", "black cat", "weather, rain")


def draw_search(generator: Generator) -> dict[str, Any]:
    order = torch.randperm(len(CAPTIONS), generator=generator).tolist()
    return {
        "captions": [CAPTIONS[i] for i in order],
        "query": QUERIES[_draw(generator, len(QUERIES))],
    }


def _ask(query: str, *captions: str) -> Any:
    return lambda generator: {"captions": list(captions or CAPTIONS), "query": query}


SEARCH = FunctionExercise(
    id="00.3",
    name="search",
    reference=search,
    inputs=draw_search,
    trials=4,
    extremes={
        "letters inside longer words": _ask("cat"),
        "capitals in the query": _ask("CAT"),
        "two words in another order": _ask("rain cloud"),
        "a comma behind the word": _ask("cat", "cat, line", "dog, line", "a cat"),
        "a comma in the query": _ask("rain, cloud"),
        "captions of the same length": _ask("cat", "b cat", "a cat", "c cat", "cat"),
        "long words in short captions": _ask("cat", "cat extraordinarily", "a b cat", "cat by me"),
        "nothing fits": _ask("zebra"),
        "an empty query": _ask(""),
        "a query of spaces": _ask("  "),
    },
    misconceptions=(
        Misconception(
            "letters are searched, not words", _fits(_letters), "Does location hold the word cat?"
        ),
        Misconception(
            "one of the words is enough", _fits(_any), "All words of the query must be there."
        ),
        Misconception(
            "the query is searched as one piece of text",
            _fits(_phrase),
            "The words may stand in any order.",
        ),
        Misconception("capitals make a difference", _fits(_case), "Compare in lower case."),
        Misconception(
            "a comma counts as part of the word before it",
            _fits(_commas),
            "What does split make of “cat, line”?",
        ),
        Misconception(
            "the caption must have no other words", _fits(_equal), "More words are allowed."
        ),
        Misconception(
            "the results are not sorted",
            lambda captions, query: sorted(search(captions, query)),
            "Which result comes first?",
        ),
        Misconception(
            "the longest captions come first",
            lambda captions, query: _search(captions, query, key=lambda text: -len(_words(text))),
            "Which result comes first?",
        ),
        Misconception(
            "the results are in reverse order",
            lambda captions, query: search(captions, query)[::-1],
            "Which result comes first? And of equals?",
        ),
        Misconception(
            "captions are sorted by letters, not by words",
            lambda captions, query: _search(captions, query, key=len),
            "Count words.",
        ),
        Misconception(
            "captions are sorted by the alphabet",
            lambda captions, query: _search(captions, query, key=lambda text: text),
            "Count words; of equals, keep the order that they have.",
        ),
        Misconception(
            "equals are sorted by the alphabet, not left in their order",
            lambda captions, query: _search(
                captions, query, key=lambda text: (len(_words(text)), text)
            ),
            "A sort by one number leaves equals as they stand.",
        ),
        Misconception(
            "repeated words are counted once",
            lambda captions, query: _search(
                captions, query, key=lambda text: len(set(_words(text)))
            ),
            "How many words has “cat cat”?",
        ),
        Misconception(
            "an empty query finds everything", _empty_finds_all, "What should an empty query find?"
        ),
        Misconception(
            "an empty query finds everything, sorted",
            _empty_finds_all_ranked,
            "What should an empty query find?",
        ),
        Misconception(
            "the captions come back, not their places",
            lambda captions, query: [captions[i] for i in search(captions, query)],
            "Return numbers, so that the pictures can be found too.",
        ),
        Misconception(
            "only the first result is returned",
            lambda captions, query: search(captions, query)[:1],
            "Return all of them.",
        ),
        Misconception(
            "the places are counted from 1",
            lambda captions, query: [i + 1 for i in search(captions, query)],
            "The first caption has place 0.",
        ),
        Misconception(
            "a mask of true and false comes back, not places",
            lambda captions, query: [i in search(captions, query) for i in range(len(captions))],
            "Return the places of the captions that fit.",
        ),
        Misconception(
            "the captions are in lower case and the query is not",
            _fits(_query_in_capitals),
            "What does the query CAT find?",
        ),
        Misconception(
            "a comma in the query counts as part of its word",
            _fits(_query_with_commas),
            "Take the query apart as you do the captions.",
        ),
        Misconception(
            "the words of the query must stand side by side, in its order",
            _fits(_whole_phrase),
            "The words may stand in any order.",
        ),
        Misconception(
            "letters are searched, not words, and the query keeps its commas",
            _fits(_letters_with_commas),
            "Does location hold the word cat?",
        ),
        Misconception(
            "a word need only begin like the word of the query",
            _fits(_begins),
            "Is rainy the word rain?",
        ),
        Misconception(
            "only the first word of the query is searched",
            _fits(lambda query, text: _words(query)[0] in _words(text)),
            "All words of the query must be there.",
        ),
        Misconception(
            "of equals, the last one comes first",
            lambda captions, query: sorted(
                search(captions, query), key=lambda i: (len(_words(captions[i])), -i)
            ),
            "Of equals, the one that stands first in the list.",
        ),
        Misconception(
            "the words of the query are searched as one piece of text",
            _fits(lambda query, text: " ".join(_words(query)) in " ".join(_words(text))),
            "The words may stand in any order.",
        ),
        Misconception(
            "the caption's words are searched in the query, not the query's in the caption",
            _fits(lambda query, text: set(_words(text)) <= set(_words(query))),
            "Which of the two sets is a part of the other?",
        ),
    ),
)
