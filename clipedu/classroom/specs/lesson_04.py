"""What is right in lesson 04, train a CLIP: two exercises a file, in the order of the lesson."""

from __future__ import annotations

from clipedu.classroom.specs.lesson_04_schedule import RATE, SCHEDULE
from clipedu.classroom.specs.lesson_04_step import CLAMP, SPLIT
from clipedu.classroom.specs.lesson_04_words import CAUSES, WEIGHTS

LIBRARY_NEEDED = ("clipedu.training",)  # the last exercise trains
EXERCISES = [SCHEDULE, RATE, SPLIT, CLAMP, CAUSES, WEIGHTS]
