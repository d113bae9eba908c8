"""Exercise 00.3: a search over captions by whole words."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Generator

from clipedu_classroom.spec import FunctionExercise, Misconception
from clipedu_lessons.l00_pictures_and_words.checks import searches as ways
from clipedu_lessons.l00_pictures_and_words.checks.words import draw_below

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
    reference=ways.search,
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
    },
    misconceptions=(
        Misconception(
            "letters are searched, not words",
            ways.fitting(ways.letters),
            "Does location hold the word cat?",
        ),
        Misconception(
            "one of the words is enough",
            ways.fitting(ways.any_word),
            "All words of the query must be there.",
        ),
        Misconception(
            "the query is searched as one piece of text",
            ways.fitting(ways.phrase),
            "The words may stand in any order.",
        ),
        Misconception(
            "capitals make a difference", ways.fitting(ways.case_counts), "Compare in lower case."
        ),
        Misconception(
            "a comma counts as part of the word before it",
            ways.fitting(ways.commas_stay),
            "What does split make of “cat, line”?",
        ),
        Misconception(
            "the caption must have no other words",
            ways.fitting(ways.equal_words),
            "More words are allowed.",
        ),
        Misconception(
            "the results are not sorted",
            lambda captions, query: sorted(ways.search(captions, query)),
            "Which result comes first?",
        ),
        Misconception(
            "the longest captions come first",
            lambda captions, query: ways.search_by(
                captions, query, key=lambda text: -len(ways.words_of(text))
            ),
            "Which result comes first?",
        ),
        Misconception(
            "the results are in reverse order",
            lambda captions, query: ways.search(captions, query)[::-1],
            "Which result comes first? And of equals?",
        ),
        Misconception(
            "captions are sorted by letters, not by words",
            lambda captions, query: ways.search_by(captions, query, key=len),
            "Count words.",
        ),
        Misconception(
            "captions are sorted by the alphabet",
            lambda captions, query: ways.search_by(captions, query, key=lambda text: text),
            "Count words; of equals, keep the order that they have.",
        ),
        Misconception(
            "equals are sorted by the alphabet, not left in their order",
            lambda captions, query: ways.search_by(
                captions, query, key=lambda text: (len(ways.words_of(text)), text)
            ),
            "A sort by one number leaves equals as they stand.",
        ),
        Misconception(
            "repeated words are counted once",
            lambda captions, query: ways.search_by(
                captions, query, key=lambda text: len(set(ways.words_of(text)))
            ),
            "How many words has “cat cat”?",
        ),
        Misconception(
            "an empty query finds everything",
            ways.empty_finds_all,
            "What should an empty query find?",
        ),
        Misconception(
            "an empty query finds everything, sorted",
            ways.empty_finds_all_ranked,
            "What should an empty query find?",
        ),
        Misconception(
            "a query of signs only finds everything",
            ways.comma_finds_all,
            "How many words has a query that is a comma?",
        ),
        Misconception(
            "only commas are taken off, and other signs stay with their words",
            ways.cut_by(lambda text: text.lower().replace(",", "").split()),
            "Which words has “one cat!”?",
        ),
        Misconception(
            "signs between spaces are counted as words",
            lambda captions, query: ways.search_by(
                captions, query, key=lambda text: len(text.split())
            ),
            "How many words has “cat & dog”?",
        ),
        Misconception(
            "only letters make words, so that numbers are lost",
            ways.cut_by(lambda text: re.findall("[a-z]+", text.lower())),
            "A number is a word, too.",
        ),
        Misconception(
            "the captions come back, not their places",
            lambda captions, query: [captions[i] for i in ways.search(captions, query)],
            "Return numbers, so that the pictures can be found too.",
        ),
        Misconception(
            "only the first result is returned",
            lambda captions, query: ways.search(captions, query)[:1],
            "Return all of them.",
        ),
        Misconception(
            "the places are counted from 1",
            lambda captions, query: [i + 1 for i in ways.search(captions, query)],
            "The first caption has place 0.",
        ),
        Misconception(
            "a mask of true and false comes back, not places",
            lambda captions, query: [
                i in ways.search(captions, query) for i in range(len(captions))
            ],
            "Return the places of the captions that fit.",
        ),
        Misconception(
            "the captions are in lower case and the query is not",
            ways.fitting(ways.query_in_capitals),
            "What does the query CAT find?",
        ),
        Misconception(
            "a comma in the query counts as part of its word",
            ways.fitting(ways.query_with_commas),
            "Take the query apart as you do the captions.",
        ),
        Misconception(
            "the words of the query must stand side by side, in its order",
            ways.fitting(ways.whole_phrase),
            "The words may stand in any order.",
        ),
        Misconception(
            "letters are searched, not words, and the query keeps its commas",
            ways.fitting(ways.letters_with_commas),
            "Does location hold the word cat?",
        ),
        Misconception(
            "a word need only begin like the word of the query",
            ways.fitting(ways.begins),
            "Is rainy the word rain?",
        ),
        Misconception(
            "only the first word of the query is searched",
            ways.fitting(lambda query, text: ways.words_of(query)[0] in ways.words_of(text)),
            "All words of the query must be there.",
        ),
        Misconception(
            "of equals, the last one comes first",
            lambda captions, query: sorted(
                ways.search(captions, query), key=lambda i: (len(ways.words_of(captions[i])), -i)
            ),
            "Of equals, the one that stands first in the list.",
        ),
        Misconception(
            "the words of the query are searched as one piece of text",
            ways.fitting(
                lambda query, text: " ".join(ways.words_of(query)) in " ".join(ways.words_of(text))
            ),
            "The words may stand in any order.",
        ),
        Misconception(
            "the caption's words are searched in the query, not the query's in the caption",
            ways.fitting(lambda query, text: set(ways.words_of(text)) <= set(ways.words_of(query))),
            "Which of the two sets is a part of the other?",
        ),
    ),
)
