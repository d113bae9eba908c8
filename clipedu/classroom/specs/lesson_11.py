"""What is right in lesson 11, robustness: logits and lines, own classes, mixtures of weights."""

from __future__ import annotations

from clipedu.classroom.specs.lesson_11_fit import FIT
from clipedu.classroom.specs.lesson_11_line import EFFECTIVE, EXPECT
from clipedu.classroom.specs.lesson_11_mixture import MIX
from clipedu.classroom.specs.lesson_11_own import OWN

EXERCISES = [EXPECT, EFFECTIVE, FIT, OWN, MIX]

LIBRARY_NEEDED = ("clipedu.evaluation",)  # the last exercise reads the testbed
