"""What is right in lesson 05, zero-shot: an exercise or two in each file.

The references spell each formula out, apart from the library.
"""

from __future__ import annotations

from clipedu_lessons.l05_zero_shot.checks.classifier import NAME_PICTURES, ON_PAPER
from clipedu_lessons.l05_zero_shot.checks.measures import LOWER_END, MEAN_PER_CLASS, RECALL
from clipedu_lessons.l05_zero_shot.checks.search import CELL_SEARCH, THRESHOLD

EXERCISES = [ON_PAPER, MEAN_PER_CLASS, RECALL, LOWER_END, NAME_PICTURES, THRESHOLD, CELL_SEARCH]
