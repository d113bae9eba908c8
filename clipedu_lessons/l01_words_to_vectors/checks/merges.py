"""Exercises 01.1 and 01.2: byte-pair merges by hand, and one merge in one word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator

from clipedu.tokenizer import bpe
from clipedu_classroom.spec import FunctionExercise, Misconception, Property, ValueExercise


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
            "A merge joins two neighboring symbols.",
        ),
        Misconception(
            "a pair is written apart, where the merged symbol was asked for",
            lambda value: any(set(part) & set(" +-,") for part in _letters(value)),
            "Write the symbol that the merge makes, without a sign between.",
        ),
        Misconception(
            "the fourth merge joins letters that an earlier merge has used",
            lambda value: _letters(value) == ("en", "pen", "il", "ai"),
            "Is the i of nail still a symbol of its own?",
        ),
        Misconception(
            "two merges are written as one",
            lambda value: "nail" in _letters(value),
            "Each merge joins two symbols; write down what each of the four makes.",
        ),
        Misconception(
            "letters are written, where the symbol of a whole pair was asked for",
            lambda value: any(len(part) == 1 for part in _letters(value)),
            "Write the symbol that the merge makes.",
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
            "Write the words with their new symbols and count once more.",
        ),
    ),
)


Pieces = tuple[Any, ...]


def unglued(pieces: Pieces, pair: Pieces) -> list[Any]:
    done: list[Any] = []
    i = 0
    while i < len(pieces):
        match = pieces[i : i + 2] == pair
        done.append(pair if match else pieces[i])
        i += 2 if match else 1
    return done


def put_in(make: Callable[[Pieces], list[Any]]) -> Callable[[Pieces, Pieces], list[Any]]:
    """Finds the pair rightly and puts something else in its place."""

    def wrong(pieces: Pieces, pair: Pieces) -> list[Any]:
        parts = (make(pair) if piece is pair else [piece] for piece in unglued(pieces, pair))
        return [piece for part in parts for piece in part]

    return wrong


def draw_word(generator: Generator) -> dict[str, Any]:
    """A word over few pieces, so that the pair comes often, at times over itself."""
    kinds = ["a", "b", "ab", "ba", "c"]
    count = int(torch.randint(3, 12, (), generator=generator))
    numbers = torch.randint(0, len(kinds), (count,), generator=generator).tolist()
    pieces = tuple(kinds[i] for i in numbers)
    at = int(torch.randint(0, count - 1, (), generator=generator))
    return {"symbols": pieces, "pair": pieces[at : at + 2]}


def _word(text: str, first: Any, second: Any, *, in_bytes: bool = False) -> Any:
    pieces: Pieces = tuple(text.split("|"))
    pieces = tuple(piece.encode() for piece in pieces) if in_bytes else pieces
    return lambda generator: {"symbols": pieces, "pair": (first, second)}


MERGE = FunctionExercise(
    id="01.2",
    name="merge_pair",
    reference=bpe.merge_pair,
    inputs=draw_word,
    properties=(
        Property(
            "the word comes back as a list, which can't be the key of a dictionary",
            lambda f, symbols, pair: (isinstance(f(symbols, pair), tuple), True),
        ),
    ),
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
        "bytes": _word("c|a|r|c|a|t", b"c", b"a", in_bytes=True),
    },
    misconceptions=(
        Misconception(
            "the pair is put in as a tuple, not as one symbol",
            unglued,
            "Join the two halves with +.",
        ),
        Misconception(
            "the pair is taken out and nothing put in its place",
            put_in(lambda pair: []),
            "No letter of a word may get lost.",
        ),
        Misconception(
            "the pair is not found at the end of the word",
            lambda pieces, pair: bpe.merge_pair(pieces[:-1], pair) + pieces[-1:],
            "How far does the walk go?",
        ),
        Misconception(
            "the halves are joined in the wrong order",
            put_in(lambda pair: [pair[1] + pair[0]]),
            "The letters of the word keep their order.",
        ),
        Misconception(
            "a space stays between the halves",
            put_in(lambda pair: [pair[0] + " " + pair[1]]),
            "Join the two halves with +.",
        ),
        Misconception(
            "the second half stays beside the merged symbol",
            put_in(lambda pair: [pair[0] + pair[1], pair[1]]),
            "No letter may be there twice.",
        ),
        Misconception(
            "the symbols come back as one string",
            lambda pieces, pair: "".join(pieces),
            "Return a tuple of symbols.",
        ),
        Misconception(
            "the symbols come back as one string with spaces",
            lambda pieces, pair: " ".join(bpe.merge_pair(pieces, pair)),
            "Return a tuple of symbols.",
        ),
        Misconception(
            "the walk begins at the second symbol",
            lambda pieces, pair: pieces[:1] + bpe.merge_pair(pieces[1:], pair),
            "Can the pair be at the beginning?",
        ),
        Misconception(
            "a sign stays between the halves",
            put_in(lambda pair: [pair[0] + "+" + pair[1]]),
            "Join the two halves with +.",
        ),
        Misconception(
            "symbols that are not merged get lost",
            lambda pieces, pair: [
                pair[0] + pair[1] for piece in unglued(pieces, pair) if piece is pair
            ],
            "All other symbols stay as they are.",
        ),
    ),
)
