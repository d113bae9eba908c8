"""Lesson 06: prompts by hand, as lists, as an ensemble of opinions, and what they flip.

06.5 is an open question, graded by its rubric.
"""

from clipedu_lessons.l06_prompts.checks.answers import FLIPS, PROBABILITIES
from clipedu_lessons.l06_prompts.checks.asking import ON_PAPER, PROMPTS

EXERCISES = [ON_PAPER, PROMPTS, PROBABILITIES, FLIPS]
