"""Exercise 00.7, the small WIT: answers that are nearly right are named, other right ones pass."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from clipedu_classroom import specs
from clipedu_classroom.checks import report_on
from clipedu_classroom.report import Report
from clipedu_classroom.subject import LocalSubject

Answer = tuple[list[str], list[int]]
Wit = Callable[[list[str], int, float, int], Answer]
reference = getattr(specs.find("00.7"), "reference")  # noqa: B009


def judge(answer: Wit, seed: int) -> Report:
    return report_on(specs.find("00.7"), LocalSubject(answer), seed=seed, points=1, title="")


def by_query(texts: list[str], least: int, pmi: float, most: int) -> Answer:
    """An index from queries to texts, PMI as a difference of logarithms."""
    words = [[m[0] for m in re.finditer(r"\w+", text.lower())] for text in texts]
    index: dict[str, list[int]] = defaultdict(list)
    ones, twos = Counter[str](), Counter[str]()
    for row, text in enumerate(words):
        both = [" ".join(pair) for pair in pairwise(text)]
        ones.update(text)
        twos.update(both)
        for query in {*text, *both}:
            index[query].append(row)
    queries = [word for word in ones if ones[word] >= least]
    for both in (both for both in twos if twos[both] >= least):
        one, two = both.split()
        bits = math.log2(twos[both]) - math.log2(twos.total())
        bits -= math.log2(ones[one]) + math.log2(ones[two]) - 2 * math.log2(ones.total())
        queries += [both] if bits >= pmi else []
    rows = {row for query in queries for row in index[query][:most]}
    return sorted(queries), sorted(rows)


def as_array(texts: list[str], least: int, pmi: float, most: int) -> Answer:
    queries, rows = by_query(texts, least, pmi, most)
    return queries, np.array(rows, dtype=int)  # type: ignore[return-value]


@pytest.mark.parametrize("answer", [by_query, as_array])
def test_other_right_answers_pass(answer: Wit) -> None:
    for seed in range(5):
        report = judge(answer, seed)
        assert report.passed, report


def in_one_quota(texts: list[str], least: int, pmi: float, most: int) -> Answer:
    queries, rows = reference(texts, least, pmi, most)
    return queries, rows[:most]


def unsorted(texts: list[str], least: int, pmi: float, most: int) -> Answer:
    queries, rows = reference(texts, least, pmi, most)
    return queries[::-1], rows


def above_the_bar(texts: list[str], least: int, pmi: float, most: int) -> Answer:
    return reference(texts, least + 1, pmi, most)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (in_one_quota, "in all, not for each query"),
        (above_the_bar, "exceeded"),
        (unsorted, "order"),
    ],
)
def test_nearly_right_is_caught_and_named(answer: Wit, words: str) -> None:
    for seed in range(3):
        report = judge(answer, seed)
        assert report.status == "failed" and words in str(report), report


def test_each_wrong_answer_is_named_and_no_two_are_the_same() -> None:
    assert specs.spec_problems(specs.find("00.7")) == []
