"""Exercise 01.2: glue one pair in one word."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator

from clipedu_classroom.spec import FunctionExercise, Misconception
from clipedu_lessons.l01_words_to_vectors.checks import mergers as mergers


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
    reference=mergers.merge,
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
        Misconception(
            "only the first occurrence is glued", mergers.first_only, "How often does it come?"
        ),
        Misconception(
            "the walk goes on by one piece after gluing, not by two",
            mergers.steps_by_one,
            "Where is the second half of the pair after gluing?",
        ),
        Misconception(
            "a last piece that is not glued gets lost",
            mergers.loses_the_last,
            "Try a word in which the pair does not occur.",
        ),
        Misconception(
            "the text is searched, so that halves of larger pieces are glued",
            mergers.as_text,
            "Compare whole pieces, not letters.",
        ),
        Misconception(
            "any two pieces that spell the same are glued",
            mergers.letters_only,
            "The pair (st, ar) is not the pair (sta, r).",
        ),
        Misconception(
            "the pair is glued in either order",
            mergers.either_order,
            "Is (a, n) the same as (n, a)?",
        ),
        Misconception(
            "gluing goes from right to left",
            mergers.from_the_right,
            "Try a run of three equal letters.",
        ),
        Misconception(
            "only the left half of the pair is compared",
            mergers.only_the_left_half,
            "Both halves must fit.",
        ),
        Misconception(
            "the pair is put in as a tuple, not as one piece",
            mergers.unglued,
            "Glue the two strings.",
        ),
        Misconception(
            "the pair is taken out and nothing put in its place",
            mergers.deletes,
            "No letter of a word may get lost.",
        ),
        Misconception(
            "in a run of equal letters one letter is used twice",
            mergers.looks_back,
            "A letter can be glued once only.",
        ),
        Misconception(
            "it is enough that one half of the pair fits",
            mergers.one_half_is_enough,
            "Both halves must fit.",
        ),
        Misconception(
            "the pair is not found at the end of the word",
            mergers.not_at_the_end,
            "How far does the walk go?",
        ),
        Misconception(
            "the halves are glued in the wrong order",
            mergers.put_in(lambda pair: [pair[1] + pair[0]]),
            "The letters of the word keep their order.",
        ),
        Misconception(
            "a space stays between the halves",
            mergers.put_in(lambda pair: [pair[0] + " " + pair[1]]),
            "Glue the two strings.",
        ),
        Misconception(
            "the second half stays beside the glued piece",
            mergers.put_in(lambda pair: [pair[0] + pair[1], pair[1]]),
            "No letter may stand twice.",
        ),
        Misconception(
            "all letters are put together and cut at the pair only",
            mergers.recut,
            "All other pieces stay as they are.",
        ),
        Misconception(
            "the pieces come back as one string",
            lambda pieces, pair: "".join(pieces),
            "Return a list of pieces.",
        ),
        Misconception(
            "the pieces come back as one string with spaces",
            lambda pieces, pair: " ".join(mergers.merge(pieces, pair)),
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
            mergers.past_the_end,
            "Has every piece a right neighbour?",
        ),
        Misconception(
            "a glued piece is glued again when it ends like the left half",
            mergers.grows,
            "Compare whole pieces of the given word.",
        ),
        Misconception(
            "only the last occurrence is glued",
            mergers.last_only,
            "How often does it come?",
        ),
        Misconception(
            "the walk begins at the second piece",
            lambda pieces, pair: pieces[:1] + mergers.merge(pieces[1:], pair),
            "Can the pair stand at the beginning?",
        ),
        Misconception(
            "a sign stays between the halves",
            mergers.put_in(lambda pair: [pair[0] + "+" + pair[1]]),
            "Glue the two strings.",
        ),
        Misconception(
            "pieces that are not glued get lost",
            lambda pieces, pair: [
                pair[0] + pair[1]
                for piece in mergers.unglued(pieces, pair)
                if not isinstance(piece, str)
            ],
            "All other pieces stay as they are.",
        ),
    ),
)
