"""What is right in lesson 09, scaling laws. The references spell each formula out."""

from __future__ import annotations

from clipedu.classroom.specs.lesson_09_count import BLOCK, PAPER
from clipedu.classroom.specs.lesson_09_fit import FIT
from clipedu.classroom.specs.lesson_09_largest import LARGEST

EXERCISES = [PAPER, BLOCK, FIT, LARGEST]
