"""Ways to search captions, right and wrong, for exercise 00.3."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

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


def letters(query: str, text: str) -> bool:
    return all(word in text.lower() for word in words_of(query))


def phrase(query: str, text: str) -> bool:
    return query.lower() in text.lower()


def any_word(query: str, text: str) -> bool:
    return bool(set(words_of(query)) & set(words_of(text)))


def case_counts(query: str, text: str) -> bool:
    return set(re.findall(r"\w+", query)) <= set(re.findall(r"\w+", text))


def commas_stay(query: str, text: str) -> bool:
    return set(query.lower().split()) <= set(text.lower().split())


def query_in_capitals(query: str, text: str) -> bool:
    return set(re.findall(r"\w+", query)) <= set(words_of(text))


def query_with_commas(query: str, text: str) -> bool:
    return set(query.lower().split()) <= set(words_of(text))


def whole_phrase(query: str, text: str) -> bool:
    return re.search(rf"\b{re.escape(query.lower())}\b", text.lower()) is not None


def letters_with_commas(query: str, text: str) -> bool:
    return all(word in text.lower() for word in query.lower().split())


def begins(query: str, text: str) -> bool:
    return all(any(word.startswith(part) for word in words_of(text)) for part in words_of(query))


def equal_words(query: str, text: str) -> bool:
    return set(words_of(query)) == set(words_of(text))


def empty_finds_all(captions: Captions, query: str) -> list[int]:
    return search(captions, query) or (list(range(len(captions))) if not words_of(query) else [])


def empty_finds_all_ranked(captions: Captions, query: str) -> list[int]:
    if words_of(query):
        return search(captions, query)
    return sorted(range(len(captions)), key=lambda i: len(words_of(captions[i])))


def comma_finds_all(captions: Captions, query: str) -> list[int]:
    """Only a query of nothing or of spaces is treated apart."""
    return empty_finds_all_ranked(captions, query) if query.strip() else []


def cut_by(cut: Callable[[str], list[str]]) -> Callable[[Captions, str], list[int]]:
    """The right search, with another idea of what a word is."""

    def found(captions: Captions, query: str) -> list[int]:
        wanted = set(cut(query))
        rows = [i for i, text in enumerate(captions) if wanted and wanted <= set(cut(text))]
        return sorted(rows, key=lambda i: len(cut(captions[i])))

    return found
