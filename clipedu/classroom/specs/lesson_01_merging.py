"""Exercise 01.2: glue one pair in one word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator

from clipedu import bpe
from clipedu.classroom.spec import FunctionExercise, Misconception

Pieces = list[str]
Pair = tuple[str, str]


def merge(pieces: Pieces, pair: Pair) -> Pieces:
    return list(bpe.merge_pair(tuple(pieces), (pair[0], pair[1])))


def _first_only(pieces: Pieces, pair: Pair) -> Pieces:
    for i in range(len(pieces) - 1):
        if (pieces[i], pieces[i + 1]) == tuple(pair):
            return [*pieces[:i], pair[0] + pair[1], *pieces[i + 2 :]]
    return list(pieces)


def _steps_by_one(pieces: Pieces, pair: Pair) -> Pieces:
    matches = [(a, b) == tuple(pair) for a, b in zip(pieces, [*pieces[1:], ""], strict=True)]
    return [
        pair[0] + pair[1] if match else piece for piece, match in zip(pieces, matches, strict=True)
    ]


def _loses_the_last(pieces: Pieces, pair: Pair) -> Pieces:
    done, i = [], 0
    while i < len(pieces) - 1:
        match = (pieces[i], pieces[i + 1]) == tuple(pair)
        done.append(pair[0] + pair[1] if match else pieces[i])
        i += 2 if match else 1
    return done


def _as_text(pieces: Pieces, pair: Pair) -> Pieces:
    return " ".join(pieces).replace(" ".join(pair), "".join(pair)).split(" ")


def _letters_only(pieces: Pieces, pair: Pair) -> Pieces:
    """The pair's letters are looked for in the text as a whole, over all edges of pieces."""
    glued = pair[0] + pair[1]
    done, i = [], 0
    while i < len(pieces):
        if i + 1 < len(pieces) and pieces[i] + pieces[i + 1] == glued:
            done.append(glued)
            i += 2
        else:
            done.append(pieces[i])
            i += 1
    return done


def _either_order(pieces: Pieces, pair: Pair) -> Pieces:
    done, i = [], 0
    while i < len(pieces):
        if i + 1 < len(pieces) and sorted(pieces[i : i + 2]) == sorted(pair):
            done.append(pieces[i] + pieces[i + 1])
            i += 2
        else:
            done.append(pieces[i])
            i += 1
    return done


def _from_the_right(pieces: Pieces, pair: Pair) -> Pieces:
    done, i = [], len(pieces) - 1
    while i >= 0:
        if i > 0 and (pieces[i - 1], pieces[i]) == tuple(pair):
            done.append(pair[0] + pair[1])
            i -= 2
        else:
            done.append(pieces[i])
            i -= 1
    return done[::-1]


def _only_the_left_half(pieces: Pieces, pair: Pair) -> Pieces:
    done, i = [], 0
    while i < len(pieces):
        if i + 1 < len(pieces) and pieces[i] == pair[0]:
            done.append(pieces[i] + pieces[i + 1])
            i += 2
        else:
            done.append(pieces[i])
            i += 1
    return done


def _unglued(pieces: Pieces, pair: Pair) -> list[Any]:
    glued = pair[0] + pair[1]
    done: list[Any] = []
    i = 0
    while i < len(pieces):
        match = i + 1 < len(pieces) and (pieces[i], pieces[i + 1]) == tuple(pair)
        done.append(tuple(pair) if match else pieces[i])
        i += 2 if match else 1
    return done if glued else []


def _looks_back(pieces: Pieces, pair: Pair) -> Pieces:
    """The piece before is looked up in the old word, so that a letter may be used twice."""
    done: Pieces = []
    for i, piece in enumerate(pieces):
        if i and (pieces[i - 1], piece) == tuple(pair):
            done[-1] = pair[0] + pair[1]
        else:
            done.append(piece)
    return done


def _one_half_is_enough(pieces: Pieces, pair: Pair) -> Pieces:
    done, i = [], 0
    while i < len(pieces):
        if i + 1 < len(pieces) and (pieces[i] == pair[0] or pieces[i + 1] == pair[1]):
            done.append(pieces[i] + pieces[i + 1])
            i += 2
        else:
            done.append(pieces[i])
            i += 1
    return done


def _not_at_the_end(pieces: Pieces, pair: Pair) -> Pieces:
    return merge(pieces[:-1], pair) + pieces[-1:]


def _past_the_end(pieces: Pieces, pair: Pair) -> Pieces:
    done, i = [], 0
    while i < len(pieces):
        match = (pieces[i], pieces[i + 1]) == tuple(pair)
        done.append(pair[0] + pair[1] if match else pieces[i])
        i += 2 if match else 1
    return done


def _grows(pieces: Pieces, pair: Pair) -> Pieces:
    done: Pieces = []
    for piece in pieces:
        if done and done[-1].endswith(pair[0]) and piece == pair[1]:
            done[-1] += piece
        else:
            done.append(piece)
    return done


def _last_only(pieces: Pieces, pair: Pair) -> Pieces:
    for i in range(len(pieces) - 2, -1, -1):
        if (pieces[i], pieces[i + 1]) == tuple(pair):
            return [*pieces[:i], pair[0] + pair[1], *pieces[i + 2 :]]
    return list(pieces)


def _put_in(make: Callable[[Pair], Pieces]) -> Callable[[Pieces, Pair], Pieces]:
    """Finds the pair rightly and puts something else in its place."""

    def wrong(pieces: Pieces, pair: Pair) -> Pieces:
        parts = ([piece] if isinstance(piece, str) else make(pair) for piece in found(pieces, pair))
        return [piece for part in parts for piece in part]

    found = _unglued
    return wrong


def _recut(pieces: Pieces, pair: Pair) -> Pieces:
    glued = pair[0] + pair[1]
    return "".join(pieces).replace(glued, f" {glued} ").split()


def _deletes(pieces: Pieces, pair: Pair) -> Pieces:
    return [piece for piece in _unglued(pieces, pair) if isinstance(piece, str)]


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
        "a pair that occurs twice": _word("c|a|n|c|a|n", "c", "a"),
        "the pair both ways round": _word("a|n|x|n|a", "a", "n"),
        "the pair at the end": _word("f|i|s|h", "s", "h"),
        "a pair that does not occur": _word("f|i|s|h", "h", "s"),
        "letters inside larger pieces": _word("st|ar|s|tar", "t", "a"),
        "other pieces that spell the same": _word("st|ar|sta|r|s|tar", "st", "ar"),
        "one piece": _word("car", "c", "ar"),
    },
    misconceptions=(
        Misconception("only the first occurrence is glued", _first_only, "How often does it come?"),
        Misconception(
            "the walk goes on by one piece after gluing, not by two",
            _steps_by_one,
            "Where is the second half of the pair after gluing?",
        ),
        Misconception(
            "a last piece that is not glued gets lost",
            _loses_the_last,
            "Try a word in which the pair does not occur.",
        ),
        Misconception(
            "the text is searched, so that halves of larger pieces are glued",
            _as_text,
            "Compare whole pieces, not letters.",
        ),
        Misconception(
            "any two pieces that spell the same are glued",
            _letters_only,
            "The pair (st, ar) is not the pair (sta, r).",
        ),
        Misconception(
            "the pair is glued in either order", _either_order, "Is (a, n) the same as (n, a)?"
        ),
        Misconception(
            "gluing goes from right to left", _from_the_right, "Try a run of three equal letters."
        ),
        Misconception(
            "only the left half of the pair is compared",
            _only_the_left_half,
            "Both halves must fit.",
        ),
        Misconception(
            "the pair is put in as a tuple, not as one piece", _unglued, "Glue the two strings."
        ),
        Misconception(
            "the pair is taken out and nothing put in its place",
            _deletes,
            "No letter of a word may get lost.",
        ),
        Misconception(
            "in a run of equal letters one letter is used twice",
            _looks_back,
            "A letter can be glued once only.",
        ),
        Misconception(
            "it is enough that one half of the pair fits",
            _one_half_is_enough,
            "Both halves must fit.",
        ),
        Misconception(
            "the pair is not found at the end of the word",
            _not_at_the_end,
            "How far does the walk go?",
        ),
        Misconception(
            "the halves are glued in the wrong order",
            _put_in(lambda pair: [pair[1] + pair[0]]),
            "The letters of the word keep their order.",
        ),
        Misconception(
            "a space stays between the halves",
            _put_in(lambda pair: [pair[0] + " " + pair[1]]),
            "Glue the two strings.",
        ),
        Misconception(
            "the second half stays beside the glued piece",
            _put_in(lambda pair: [pair[0] + pair[1], pair[1]]),
            "No letter may stand twice.",
        ),
        Misconception(
            "all letters are put together and cut at the pair only",
            _recut,
            "All other pieces stay as they are.",
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
            "pieces are taken two by two, so that a letter is used twice and the last one lost",
            lambda pieces, pair: [
                a + b if (a, b) == tuple(pair) else a
                for a, b in zip(pieces[:-1], pieces[1:], strict=True)
            ],
            "After gluing, where does the walk go on? And what becomes of the last piece?",
        ),
        Misconception(
            "the piece after the last one is asked for",
            _past_the_end,
            "Has every piece a right neighbour?",
        ),
        Misconception(
            "a glued piece is glued again when it ends like the left half",
            _grows,
            "Compare whole pieces of the given word.",
        ),
        Misconception(
            "only the last occurrence is glued",
            _last_only,
            "How often does it come?",
        ),
        Misconception(
            "the walk begins at the second piece",
            lambda pieces, pair: pieces[:1] + merge(pieces[1:], pair),
            "Can the pair stand at the beginning?",
        ),
        Misconception(
            "a sign stays between the halves",
            _put_in(lambda pair: [pair[0] + "+" + pair[1]]),
            "Glue the two strings.",
        ),
        Misconception(
            "pieces that are not glued get lost",
            lambda pieces, pair: [
                pair[0] + pair[1] for piece in _unglued(pieces, pair) if not isinstance(piece, str)
            ],
            "All other pieces stay as they are.",
        ),
    ),
)
