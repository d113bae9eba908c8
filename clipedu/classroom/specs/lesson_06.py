"""Lesson 06: prompts by hand, as lists, as an ensemble of opinions, and what they flip.

06.5 is an open question, graded by its rubric.
"""

from clipedu.classroom.specs.lesson_06_answers import FLIPS, PROBABILITIES
from clipedu.classroom.specs.lesson_06_asking import ON_PAPER, PROMPTS

EXERCISES = [ON_PAPER, PROMPTS, PROBABILITIES, FLIPS]
