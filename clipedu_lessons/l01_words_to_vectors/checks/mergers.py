"""Ways to glue a pair in a word: the right one, and those that are known to be wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clipedu.tokenizer import bpe

Pieces = list[str]
Pair = tuple[str, str]


def merge(pieces: Pieces, pair: Pair) -> Pieces:
    return list(bpe.merge_pair(tuple(pieces), (pair[0], pair[1])))


def first_only(pieces: Pieces, pair: Pair) -> Pieces:
    for i in range(len(pieces) - 1):
        if (pieces[i], pieces[i + 1]) == tuple(pair):
            return [*pieces[:i], pair[0] + pair[1], *pieces[i + 2 :]]
    return list(pieces)


def steps_by_one(pieces: Pieces, pair: Pair) -> Pieces:
    matches = [(a, b) == tuple(pair) for a, b in zip(pieces, [*pieces[1:], ""], strict=True)]
    return [
        pair[0] + pair[1] if match else piece for piece, match in zip(pieces, matches, strict=True)
    ]


def loses_the_last(pieces: Pieces, pair: Pair) -> Pieces:
    done, i = [], 0
    while i < len(pieces) - 1:
        match = (pieces[i], pieces[i + 1]) == tuple(pair)
        done.append(pair[0] + pair[1] if match else pieces[i])
        i += 2 if match else 1
    return done


def as_text(pieces: Pieces, pair: Pair) -> Pieces:
    return " ".join(pieces).replace(" ".join(pair), "".join(pair)).split(" ")


def letters_only(pieces: Pieces, pair: Pair) -> Pieces:
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


def either_order(pieces: Pieces, pair: Pair) -> Pieces:
    done, i = [], 0
    while i < len(pieces):
        if i + 1 < len(pieces) and sorted(pieces[i : i + 2]) == sorted(pair):
            done.append(pieces[i] + pieces[i + 1])
            i += 2
        else:
            done.append(pieces[i])
            i += 1
    return done


def from_the_right(pieces: Pieces, pair: Pair) -> Pieces:
    done, i = [], len(pieces) - 1
    while i >= 0:
        if i > 0 and (pieces[i - 1], pieces[i]) == tuple(pair):
            done.append(pair[0] + pair[1])
            i -= 2
        else:
            done.append(pieces[i])
            i -= 1
    return done[::-1]


def only_the_left_half(pieces: Pieces, pair: Pair) -> Pieces:
    done, i = [], 0
    while i < len(pieces):
        if i + 1 < len(pieces) and pieces[i] == pair[0]:
            done.append(pieces[i] + pieces[i + 1])
            i += 2
        else:
            done.append(pieces[i])
            i += 1
    return done


def unglued(pieces: Pieces, pair: Pair) -> list[Any]:
    glued = pair[0] + pair[1]
    done: list[Any] = []
    i = 0
    while i < len(pieces):
        match = i + 1 < len(pieces) and (pieces[i], pieces[i + 1]) == tuple(pair)
        done.append(tuple(pair) if match else pieces[i])
        i += 2 if match else 1
    return done if glued else []


def looks_back(pieces: Pieces, pair: Pair) -> Pieces:
    """The piece before is looked up in the old word, so that a letter may be used twice."""
    done: Pieces = []
    for i, piece in enumerate(pieces):
        if i and (pieces[i - 1], piece) == tuple(pair):
            done[-1] = pair[0] + pair[1]
        else:
            done.append(piece)
    return done


def one_half_is_enough(pieces: Pieces, pair: Pair) -> Pieces:
    done, i = [], 0
    while i < len(pieces):
        if i + 1 < len(pieces) and (pieces[i] == pair[0] or pieces[i + 1] == pair[1]):
            done.append(pieces[i] + pieces[i + 1])
            i += 2
        else:
            done.append(pieces[i])
            i += 1
    return done


def not_at_the_end(pieces: Pieces, pair: Pair) -> Pieces:
    return merge(pieces[:-1], pair) + pieces[-1:]


def past_the_end(pieces: Pieces, pair: Pair) -> Pieces:
    done, i = [], 0
    while i < len(pieces):
        match = (pieces[i], pieces[i + 1]) == tuple(pair)
        done.append(pair[0] + pair[1] if match else pieces[i])
        i += 2 if match else 1
    return done


def grows(pieces: Pieces, pair: Pair) -> Pieces:
    done: Pieces = []
    for piece in pieces:
        if done and done[-1].endswith(pair[0]) and piece == pair[1]:
            done[-1] += piece
        else:
            done.append(piece)
    return done


def last_only(pieces: Pieces, pair: Pair) -> Pieces:
    for i in range(len(pieces) - 2, -1, -1):
        if (pieces[i], pieces[i + 1]) == tuple(pair):
            return [*pieces[:i], pair[0] + pair[1], *pieces[i + 2 :]]
    return list(pieces)


def put_in(make: Callable[[Pair], Pieces]) -> Callable[[Pieces, Pair], Pieces]:
    """Finds the pair rightly and puts something else in its place."""

    def wrong(pieces: Pieces, pair: Pair) -> Pieces:
        parts = ([piece] if isinstance(piece, str) else make(pair) for piece in found(pieces, pair))
        return [piece for part in parts for piece in part]

    found = unglued
    return wrong


def recut(pieces: Pieces, pair: Pair) -> Pieces:
    glued = pair[0] + pair[1]
    return "".join(pieces).replace(glued, f" {glued} ").split()


def deletes(pieces: Pieces, pair: Pair) -> Pieces:
    return [piece for piece in unglued(pieces, pair) if isinstance(piece, str)]
