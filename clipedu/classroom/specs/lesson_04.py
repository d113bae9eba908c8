"""What is right in lesson 04, train a CLIP: an exercise or two a file, in order."""

from __future__ import annotations

from clipedu.classroom.specs.lesson_04_by_hand import SCHEDULE
from clipedu.classroom.specs.lesson_04_groups import SPLIT
from clipedu.classroom.specs.lesson_04_schedule import RATE
from clipedu.classroom.specs.lesson_04_step import CLAMP
from clipedu.classroom.specs.lesson_04_words import CAUSES, WEIGHTS

LIBRARY_NEEDED = ("clipedu.training",)  # the last exercise trains
EXERCISES = [SCHEDULE, RATE, SPLIT, CLAMP, CAUSES, WEIGHTS]
