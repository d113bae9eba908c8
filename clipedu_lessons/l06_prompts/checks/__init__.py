"""What is right in lesson 06, prompts."""

from clipedu_lessons.l06_prompts.checks.averages import ENSEMBLE, ON_PAPER, PROBABILITIES
from clipedu_lessons.l06_prompts.checks.choices import CHOICE, FLIPS, PARTS

EXERCISES = [ON_PAPER, PROBABILITIES, FLIPS, ENSEMBLE, PARTS, CHOICE]
