"""What is right in lesson 04, train a CLIP: an exercise or two a file, in order."""

from __future__ import annotations

from clipedu_lessons.l04_train_a_clip.checks.by_hand import SCHEDULE
from clipedu_lessons.l04_train_a_clip.checks.groups import SPLIT
from clipedu_lessons.l04_train_a_clip.checks.schedule import RATE
from clipedu_lessons.l04_train_a_clip.checks.step import CLAMP
from clipedu_lessons.l04_train_a_clip.checks.words import CAUSES, WEIGHTS

LIBRARY_NEEDED = ("clipedu.training",)  # the last exercise trains
EXERCISES = [SCHEDULE, RATE, SPLIT, CLAMP, CAUSES, WEIGHTS]
