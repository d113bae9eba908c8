"""Exercise 01.1: four byte-pair merges with pencil and paper."""

from __future__ import annotations

from typing import Any

from clipedu.tokenizer import bpe
from clipedu_classroom.spec import Misconception, ValueExercise


def _letters(value: Any) -> tuple[str, ...]:
    return tuple(str(part).strip().lower() for part in value)


WORDS = {"pen": 6, "pencil": 2, "open": 3, "nail": 4, "snail": 1}


def four_merges() -> tuple[str, ...]:
    steps = bpe.train_steps({tuple(word): times for word, times in WORDS.items()})
    return tuple(next(steps).symbol for _ in range(4))


MERGES = ValueExercise(
    id="01.1",
    name=("first", "second", "third", "fourth"),
    expected=four_merges,
    misconceptions=(
        Misconception(
            "the pairs are not counted anew after a merge",
            lambda value: _letters(value)[:2] == ("en", "pe"),
            "Which letters has the first merge used up?",
        ),
        Misconception(
            "each word is counted once, however often it occurs",
            lambda value: _letters(value)[:2] == ("en", "il"),
            "How often does each word stand in the text?",
        ),
        Misconception(
            "of two equal counts the alphabetically first is not taken",
            lambda value: (
                _letters(value)[0] == "pe" or _letters(value) == ("en", "pen", "il", "na")
            ),
            "Read rule 3 of the lesson's section 2 again.",
        ),
        Misconception(
            "whole words are taken by their frequency, not pairs",
            lambda value: _letters(value)[0] in WORDS,
            "A merge joins two neighbouring pieces.",
        ),
        Misconception(
            "a pair is written apart, where the glued piece was asked for",
            lambda value: any(set(part) & set(" +-,") for part in _letters(value)),
            "Write the piece that the merge makes, without a sign between.",
        ),
        Misconception(
            "the fourth merge joins letters that an earlier merge has used",
            lambda value: _letters(value) == ("en", "pen", "il", "ai"),
            "Is the i of nail still a piece of its own?",
        ),
        Misconception(
            "two merges are written as one",
            lambda value: "nail" in _letters(value),
            "Each merge joins two pieces; write down what each of the four makes.",
        ),
        Misconception(
            "letters are written, where the piece of a whole pair was asked for",
            lambda value: any(len(part) == 1 for part in _letters(value)),
            "Write the piece that the merge makes.",
        ),
        Misconception(
            "the third pair is not the most frequent one",
            lambda value: _letters(value)[:2] == ("en", "pen") and _letters(value)[2] != "il",
            "Count the pairs of nail, snail and pencil together.",
        ),
        Misconception(
            "the fourth pair is not the most frequent one",
            lambda value: (
                _letters(value)[:3] == ("en", "pen", "il")
                and _letters(value)[3] not in ("ail", "ai", "na", "nail")
            ),
            "Write the words with their new pieces and count once more.",
        ),
    ),
)
