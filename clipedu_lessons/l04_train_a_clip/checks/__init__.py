"""What is right in lesson 04, train a CLIP: an exercise or two a file, in order."""

from __future__ import annotations

from clipedu_lessons.l04_train_a_clip.checks.optimizer import CLAMP, SPLIT
from clipedu_lessons.l04_train_a_clip.checks.runs import CAUSES, WEIGHTS
from clipedu_lessons.l04_train_a_clip.checks.schedule import RATE, SCHEDULE

EXERCISES = [SCHEDULE, RATE, SPLIT, CLAMP, CAUSES, WEIGHTS]
