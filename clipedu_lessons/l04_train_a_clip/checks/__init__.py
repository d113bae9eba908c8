"""What is right in lesson 04, train a CLIP: an exercise or more a file, in order."""

from __future__ import annotations

from clipedu_lessons.l04_train_a_clip.checks.bugs import FIVE_BUGS
from clipedu_lessons.l04_train_a_clip.checks.model import CLASSIFIER, CLIP_CLASS
from clipedu_lessons.l04_train_a_clip.checks.optimizer import GROUPS, MUON, ORTHOGONALIZE
from clipedu_lessons.l04_train_a_clip.checks.schedule import LEARNING_RATE
from clipedu_lessons.l04_train_a_clip.checks.step import LOOP, STEP

PARTS = [CLIP_CLASS, LEARNING_RATE, GROUPS, ORTHOGONALIZE, MUON, STEP, LOOP, CLASSIFIER]
EXERCISES = [*PARTS, FIVE_BUGS]
