"""Every message that a check can give is made of whole sentences."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clipedu_classroom import relations, specs
from clipedu_classroom.spec import Exercise, ValueExercise

LESSONS = Path(__file__).parents[2] / "clipedu_lessons"
NUMBERS = [path.name[1:3] for path in sorted(LESSONS.glob("l[0-9][0-9]_*"))]
#: Names of code that a sentence may begin with.
NAMES = "argmax dim float64 gather new peak position reshape strip tail torch".split()
EXERCISES = [exercise for number in NUMBERS for exercise in specs.of_lesson(number).values()]


def faults(message: str) -> list[str]:
    """What keeps a message from being made of whole sentences."""
    plain = re.sub(r"`[^`]*`|\w+\[[^]]*\]|\w[\w.]*\([^)]*\)|\w+[_.=]\w[\w.]*", "Code", message)
    plain = re.sub(rf"\b({'|'.join(NAMES)})\b", "Code", plain)
    found = []
    if not re.match(r"[A-Z0-9`'\"{]", message):
        found.append("it does not begin like a sentence")
    if not re.search(r"[.!?][)'\"]?$", message):
        found.append("it has no end")
    if "`" in plain:
        found.append("a backtick has no partner")
    if plain.count("(") != plain.count(")"):
        found.append("a parenthesis has no partner")
    if re.search(r"  |\.\.(?!\.)| [.,;:?!](\s|$)|\bNone\b|\{\}\.", plain):
        found.append("spaces, full stops or commas are doubled or stray")
    if re.search(r"[.!?] [a-z]", plain):
        found.append("a sentence begins with a small letter")
    return found


def messages(exercise: Exercise) -> list[str]:
    """All that a check of this exercise can say in words of its own."""
    found = [misconception.message for misconception in exercise.all_misconceptions]
    if isinstance(exercise, ValueExercise):
        return found
    found += [f"{rule.broken[0].upper()}{rule.broken[1:]}." for rule in exercise.properties]
    found += [f"The values are right, but {rule.when}. {rule.hint}" for rule in exercise.limits]
    for words in exercise.extremes or {}:
        found += [f"It goes wrong for: {words}.", f"For {words} the result holds nan or inf."]
    return found


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.id)
def test_an_exercise_speaks_in_whole_sentences(exercise: Exercise) -> None:
    wrong = {message: faults(message) for message in messages(exercise)}
    assert {message: found for message, found in wrong.items() if found} == {}


def test_relations_are_told_in_whole_sentences() -> None:
    spoken = [*(row[1] for row in relations.CHANGES), *map(str.strip, relations.TELLING.values())]
    assert [message for message in spoken if faults(message)] == []


@pytest.mark.parametrize(
    "message",
    ["no capital.", "No end", "A `lone tick.", "(Open.", "Two  spaces.", "Twice..", "One. two."],
)
def test_a_broken_sentence_is_found(message: str) -> None:
    assert faults(message)
