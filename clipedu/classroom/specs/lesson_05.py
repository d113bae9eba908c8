"""What is right in lesson 05, zero-shot: an exercise or two in each file.

The references spell each formula out, apart from the library.
"""

from __future__ import annotations

from clipedu.classroom.specs.lesson_05_counts import LOWER_END, MEAN_PER_CLASS
from clipedu.classroom.specs.lesson_05_recall import RECALL
from clipedu.classroom.specs.lesson_05_words import ON_PAPER, WEIGHTS

EXERCISES = [ON_PAPER, WEIGHTS, MEAN_PER_CLASS, RECALL, LOWER_END]
