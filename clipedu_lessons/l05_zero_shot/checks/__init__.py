"""What is right in lesson 05, zero-shot: an exercise or two in each file.

The references spell each formula out, apart from the library.
"""

from __future__ import annotations

from clipedu_lessons.l05_zero_shot.checks.counts import LOWER_END, MEAN_PER_CLASS
from clipedu_lessons.l05_zero_shot.checks.recall import RECALL
from clipedu_lessons.l05_zero_shot.checks.words import ON_PAPER, WEIGHTS

EXERCISES = [ON_PAPER, WEIGHTS, MEAN_PER_CLASS, RECALL, LOWER_END]
