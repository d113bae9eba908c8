"""Exercise 00.7: queries and balanced pairs, as section 2.2 of the paper describes them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from torch import Generator

from clipedu_classroom.spec import FunctionExercise, Misconception, whole
from clipedu_lessons.l00_pictures_and_words.checks.search import words_of

Answer = tuple[list[str], list[int]]


def small_wit(texts: list[str], least: int, pmi: float, most: int) -> Answer:
    return _wit(texts, least, pmi, most)


def _wit(
    texts: list[str],
    least: int,
    pmi: float,
    most: int,
    *,
    cut: Callable[[str], list[str]] = words_of,
    once: bool = False,
    is_query: Callable[[int, float, int, float], bool] = lambda n, info, least, pmi: (
        n >= least and info >= pmi
    ),
    total: Callable[[int, int], int] = lambda n1, n2: n2,
    fits: Callable[[str, list[str]], bool] = lambda query, words: (
        f" {query} " in f" {' '.join(words)} "
    ),
    take: Callable[[list[int], int], list[int]] = lambda rows, most: rows[:most],
) -> Answer:
    """The right answer, with one step at a time exchangeable for a wrong one."""
    lists = [cut(text) for text in texts]
    counted = [list(dict.fromkeys(words)) for words in lists] if once else lists
    ones = Counter(word for words in counted for word in words)
    twos = Counter(pair for words in lists for pair in zip(words, words[1:], strict=False))
    n1, n2 = ones.total(), twos.total()
    queries = {word for word, n in ones.items() if n >= least}
    for (a, b), n in twos.items():
        info = math.log2(n / total(n1, n2) / (ones[a] * ones[b] / n1**2))
        if is_query(n, info, least, pmi):
            queries.add(f"{a} {b}")
    rows: set[int] = set()
    for query in queries:
        rows |= set(take([i for i, words in enumerate(lists) if fits(query, words)], most))
    return sorted(queries), sorted(rows)


def wit_with(**changed: Any) -> Callable[..., Answer]:
    return lambda texts, least, pmi, most: _wit(texts, least, pmi, most, **changed)


TEXTS = (
    "a new york taxi", "New York, skyline", "york new", "new car, car", "car in the rain",
    "rain, new york", "the rain", "the car", "carmine car", "ice cream", "ice cream, a treat",
    "Ice-cream van", "cream of the ice", "taxi, yellow", "yellow taxi", "the yellow car",
    "rain rain rain", "a van in the rain", "traffic light", "Traffic light, red",
    "red light", "the light", "light rain", "red car", "a red van",
)  # fmt: skip


def draw_texts(generator: Generator) -> dict[str, Any]:
    """Always the same texts, in another order: PMI does not depend on it, the choice does."""
    order = [whole(generator, 0, 10**6) for _ in TEXTS]
    mixed = [text for _, text in sorted(zip(order, TEXTS, strict=True))]
    return {"texts": mixed, "least": 3, "pmi": 3.0, "most": whole(generator, 1, 2)}


def _ask(least: int, pmi: float, most: int, *texts: str) -> Any:
    return lambda generator: {
        "texts": list(texts or TEXTS), "least": least, "pmi": pmi, "most": most
    }  # fmt: skip


_EXACT = ("a b", "a b", "a c", "a d")  # PMI(a, b) is log2 4
STATED = ("red house", "red car", "blue house", "new york", "New York!")
WIT = FunctionExercise(
    id="00.7",
    name="small_wit",
    reference=small_wit,
    inputs=draw_texts,
    extremes={
        "the example of the exercise": _ask(2, 3.0, 1, *STATED),
        "a low bar for bigrams": _ask(2, -9.0, 1),
        "no text": lambda generator: {"texts": [], "least": 1, "pmi": 0.0, "most": 1},
        "texts of one word": _ask(1, 0.0, 1, "cat", "dog", "cat"),
        "a text without words": _ask(1, 0.5, 5, "?!", "cat, cat", "dog cat"),
        "two words side by side in one order only": _ask(2, 1.0, 5, "b c", "b c", "c b", "x y z"),
        "a word that one text repeats": _ask(3, 9.0, 1, "rain rain rain", "a cat"),
        "a PMI of exactly `pmi`": _ask(2, 2.0, 1, *_EXACT),
        "a PMI just below `pmi`": _ask(2, 2.2, 1, *_EXACT),
        "a word inside another": _ask(2, 9.0, 1, "carmine", "car", "car", "scar carmine"),
    },
    misconceptions=(
        Misconception(
            "a bigram's count is divided by the number of words, not of bigrams",
            wit_with(total=lambda n1, n2: n1),
            "How many bigrams does a text of three words have?",
        ),
        Misconception(
            "a rare bigram is a query if its PMI is high",
            wit_with(is_query=lambda n, info, least, pmi: info >= pmi),
            "A bigram needs both: its count and its PMI.",
        ),
        Misconception(
            "no bigram is a query",
            wit_with(is_query=lambda n, info, least, pmi: False),
            "Which two words of the example belong together?",
        ),
        Misconception(
            "a word counts once for each text, not once for each occurrence",
            wit_with(once=True),
            "How often does “rain rain rain” contain rain?",
        ),
        Misconception(
            "`least` is exceeded, where it need only be reached",
            lambda texts, least, pmi, most: _wit(texts, least + 1, pmi, most),
            "At least 3 includes 3.",
        ),
        Misconception(
            "a bigram matches a text that has its two words anywhere",
            wit_with(fits=lambda query, words: set(query.split()) <= set(words)),
            "The two words are side by side, in this order.",
        ),
        Misconception(
            "the last matches are taken, not the first",
            wit_with(take=lambda rows, most: rows[-most:]),
            "Take the first `most` texts that match.",
        ),
        Misconception(
            "all matches are taken, whatever `most` says",
            wit_with(take=lambda rows, most: rows),
            "Where do you use `most`?",
        ),
        Misconception(
            "capitals make a difference",
            wit_with(cut=lambda text: re.findall(r"\w+", text)),
            "Compare in lower case.",
        ),
        Misconception(
            "punctuation stays with its word",
            wit_with(cut=lambda text: text.lower().split()),
            "Which words has “New York!”?",
        ),
        Misconception(
            "`most` texts are taken in all, not for each query",
            lambda texts, least, pmi, most: (
                (found := _wit(texts, least, pmi, most))[0],
                found[1][:most],
            ),
            "The limit holds for each query.",
        ),
        Misconception(
            "the chosen texts are returned, not their indices",
            lambda texts, least, pmi, most: (
                (found := _wit(texts, least, pmi, most))[0],
                [texts[i] for i in found[1]],
            ),
            "Return indices, so that the pictures can be found too.",
        ),
    ),
)
