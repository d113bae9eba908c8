"""Exercise 00.3: a search over captions by whole words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator

from clipedu.classroom.spec import FunctionExercise, Misconception
from clipedu.classroom.specs.lesson_00_words import draw_below

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
