"""Exercises 01.1 and 01.2: byte-pair merges by hand, and one merge in one word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator

from clipedu.tokenizer import bpe
from clipedu_classroom.spec import FunctionExercise, Misconception, ValueExercise


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
            "How often does each word occur in the text?",
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


Pieces = list[str]


Pair = tuple[str, str]


def merge(pieces: Pieces, pair: Pair) -> Pieces:
    return list(bpe.merge_pair(tuple(pieces), (pair[0], pair[1])))


def unglued(pieces: Pieces, pair: Pair) -> list[Any]:
    glued = pair[0] + pair[1]
    done: list[Any] = []
    i = 0
    while i < len(pieces):
        match = i + 1 < len(pieces) and (pieces[i], pieces[i + 1]) == tuple(pair)
        done.append(tuple(pair) if match else pieces[i])
        i += 2 if match else 1
    return done if glued else []


def put_in(make: Callable[[Pair], Pieces]) -> Callable[[Pieces, Pair], Pieces]:
    """Finds the pair rightly and puts something else in its place."""

    def wrong(pieces: Pieces, pair: Pair) -> Pieces:
        parts = ([piece] if isinstance(piece, str) else make(pair) for piece in found(pieces, pair))
        return [piece for part in parts for piece in part]

    found = unglued
    return wrong


def deletes(pieces: Pieces, pair: Pair) -> Pieces:
    return [piece for piece in unglued(pieces, pair) if isinstance(piece, str)]


def draw_word(generator: Generator) -> dict[str, Any]:
    """A word over few pieces, so that the pair comes often, at times over itself."""
    kinds = ["a", "b", "ab", "ba", "c"]
    count = int(torch.randint(3, 12, (), generator=generator))
    numbers = torch.randint(0, len(kinds), (count,), generator=generator).tolist()
    pieces = [kinds[i] for i in numbers]
    at = int(torch.randint(0, count - 1, (), generator=generator))
    return {"pieces": pieces, "pair": (pieces[at], pieces[at + 1])}


def _word(text: str, first: str, second: str) -> Any:
    return lambda generator: {"pieces": text.split("|"), "pair": (first, second)}


MERGE = FunctionExercise(
    id="01.2",
    name="merge",
    reference=merge,
    inputs=draw_word,
    extremes={
        "a run of one letter": _word("n|o|o|o|n", "o", "o"),
        "a long run of one letter": _word("o|o|o|o|o|s", "o", "o"),
        "a pair after one other piece": _word("s|c|a|r", "c", "a"),
        "a pair that occurs twice": _word("c|a|n|c|a|n", "c", "a"),
        "the pair both ways round": _word("a|n|x|n|a", "a", "n"),
        "the pair at the end": _word("f|i|s|h", "s", "h"),
        "a pair that does not occur": _word("f|i|s|h", "h", "s"),
        "letters inside larger pieces": _word("st|ar|s|tar", "t", "a"),
        "other pieces that spell the same": _word("st|ar|sta|r|s|tar", "st", "ar"),
        "one piece": _word("car", "c", "ar"),
    },
    misconceptions=(
        Misconception(
            "the pair is put in as a tuple, not as one piece",
            unglued,
            "Glue the two strings.",
        ),
        Misconception(
            "the pair is taken out and nothing put in its place",
            deletes,
            "No letter of a word may get lost.",
        ),
        Misconception(
            "the pair is not found at the end of the word",
            lambda pieces, pair: merge(pieces[:-1], pair) + pieces[-1:],
            "How far does the walk go?",
        ),
        Misconception(
            "the halves are glued in the wrong order",
            put_in(lambda pair: [pair[1] + pair[0]]),
            "The letters of the word keep their order.",
        ),
        Misconception(
            "a space stays between the halves",
            put_in(lambda pair: [pair[0] + " " + pair[1]]),
            "Glue the two strings.",
        ),
        Misconception(
            "the second half stays beside the glued piece",
            put_in(lambda pair: [pair[0] + pair[1], pair[1]]),
            "No letter may be there twice.",
        ),
        Misconception(
            "the pieces come back as one string",
            lambda pieces, pair: "".join(pieces),
            "Return a list of pieces.",
        ),
        Misconception(
            "the pieces come back as one string with spaces",
            lambda pieces, pair: " ".join(merge(pieces, pair)),
            "Return a list of pieces.",
        ),
        Misconception(
            "the walk begins at the second piece",
            lambda pieces, pair: pieces[:1] + merge(pieces[1:], pair),
            "Can the pair be at the beginning?",
        ),
        Misconception(
            "a sign stays between the halves",
            put_in(lambda pair: [pair[0] + "+" + pair[1]]),
            "Glue the two strings.",
        ),
        Misconception(
            "pieces that are not glued get lost",
            lambda pieces, pair: [
                pair[0] + pair[1] for piece in unglued(pieces, pair) if not isinstance(piece, str)
            ],
            "All other pieces stay as they are.",
        ),
    ),
)
