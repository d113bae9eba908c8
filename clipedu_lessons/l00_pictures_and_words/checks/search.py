"""Exercise 00.3: a search over captions by whole words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator

from clipedu_classroom.spec import FunctionExercise, Misconception
from clipedu_lessons.l00_pictures_and_words.checks.names import draw_below

Captions = list[str]


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def search_by(
    captions: Captions,
    query: str,
    *,
    fits: Callable[[str, str], bool] | None = None,
    key: Callable[[str], Any] = lambda text: len(words_of(text)),
) -> list[int]:
    found = fits or (lambda query, text: set(words_of(query)) <= set(words_of(text)))
    if not words_of(query):
        return []
    rows = [i for i, text in enumerate(captions) if found(query, text)]
    return sorted(rows, key=lambda i: key(captions[i]))


def search(captions: Captions, query: str) -> list[int]:
    return search_by(captions, query)


def fitting(fits: Callable[[str, str], bool]) -> Callable[[Captions, str], list[int]]:
    return lambda captions, query: search_by(captions, query, fits=fits)


def case_counts(query: str, text: str) -> bool:
    return set(re.findall(r"\w+", query)) <= set(re.findall(r"\w+", text))


def cut_by(cut: Callable[[str], list[str]]) -> Callable[[Captions, str], list[int]]:
    """The right search, with another idea of what a word is."""

    def found(captions: Captions, query: str) -> list[int]:
        wanted = set(cut(query))
        rows = [i for i, text in enumerate(captions) if wanted and wanted <= set(cut(text))]
        return sorted(rows, key=lambda i: len(cut(captions[i])))

    return found


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
        "query": QUERIES[draw_below(generator, len(QUERIES))],
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
        "a query of signs only": _ask(" , "),
        "a number": _ask("24", "24 hours", "a day"),
        "other signs than commas": _ask("cat", "cat & dog", "one cat!"),
        "letters beyond a to z": _ask("crème", "cr me", "a crème", "icon_crème"),
    },
    misconceptions=(
        Misconception(
            "the query is searched as one piece of text",
            fitting(lambda query, text: query.lower() in text.lower()),
            "The words may be in any order.",
        ),
        Misconception("capitals make a difference", fitting(case_counts), "Compare in lower case."),
        Misconception(
            "a comma counts as part of the word before it",
            fitting(lambda query, text: set(query.lower().split()) <= set(text.lower().split())),
            "What does split make of “cat, line”?",
        ),
        Misconception(
            "the caption must have no other words",
            fitting(lambda query, text: set(words_of(query)) == set(words_of(text))),
            "More words are allowed.",
        ),
        Misconception(
            "the results are in reverse order",
            lambda captions, query: search(captions, query)[::-1],
            "Which result comes first? And among ties?",
        ),
        Misconception(
            "captions are sorted by the alphabet",
            lambda captions, query: search_by(captions, query, key=lambda text: text),
            "Count words; ties keep the order that they have.",
        ),
        Misconception(
            "only commas are taken off, and other signs stay with their words",
            cut_by(lambda text: text.lower().replace(",", "").split()),
            "Which words has “one cat!”?",
        ),
        Misconception(
            "signs between spaces are counted as words",
            lambda captions, query: search_by(captions, query, key=lambda text: len(text.split())),
            "How many words has “cat & dog”?",
        ),
        Misconception(
            "only letters make words, so that numbers are lost",
            cut_by(lambda text: re.findall("[a-z]+", text.lower())),
            "A number is a word, too.",
        ),
        Misconception(
            "only the first result is returned",
            lambda captions, query: search(captions, query)[:1],
            "Return all of them.",
        ),
        Misconception(
            "the indices are counted from 1",
            lambda captions, query: [i + 1 for i in search(captions, query)],
            "The first caption has index 0.",
        ),
        Misconception(
            "a mask of true and false comes back, not indices",
            lambda captions, query: [i in search(captions, query) for i in range(len(captions))],
            "Return the indices of the captions that match.",
        ),
        Misconception(
            "the captions are in lower case and the query is not",
            fitting(lambda query, text: set(re.findall(r"\w+", query)) <= set(words_of(text))),
            "What does the query CAT find?",
        ),
        Misconception(
            "a comma in the query counts as part of its word",
            fitting(lambda query, text: set(query.lower().split()) <= set(words_of(text))),
            "Take the query apart as you do the captions.",
        ),
        Misconception(
            "only the first word of the query is searched",
            fitting(lambda query, text: words_of(query)[0] in words_of(text)),
            "All words of the query must be there.",
        ),
        Misconception(
            "the words of the query are searched as one piece of text",
            fitting(lambda query, text: " ".join(words_of(query)) in " ".join(words_of(text))),
            "The words may be in any order.",
        ),
        Misconception(
            "the caption's words are searched in the query, not the query's in the caption",
            fitting(lambda query, text: set(words_of(text)) <= set(words_of(query))),
            "Which of the two sets is a part of the other?",
        ),
    ),
)
