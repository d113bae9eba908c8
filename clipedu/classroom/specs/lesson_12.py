"""What is right in lesson 12, limits: two-choice tests, one name more, clean accuracy."""

from __future__ import annotations

from clipedu.classroom.specs.lesson_12_choices import BAG, CHOICE
from clipedu.classroom.specs.lesson_12_clean import CLEAN
from clipedu.classroom.specs.lesson_12_counts import TAKES

EXERCISES = [BAG, CHOICE, TAKES, CLEAN]

# the last exercise asks the shipped model
LIBRARY_NEEDED = ("clipedu.evaluation", "clipedu.training", "clipedu.pairs")
