"""What is right in lesson 13, the real CLIP. The references spell the steps out, apart from the
library."""

from __future__ import annotations

from clipedu_lessons.l13_the_real_clip.checks.keys import KEYS
from clipedu_lessons.l13_the_real_clip.checks.photographs import PREPROCESS
from clipedu_lessons.l13_the_real_clip.checks.positions import STRETCH
from clipedu_lessons.l13_the_real_clip.checks.reading import SIZES, SUSPECTS

EXERCISES = [SIZES, SUSPECTS, KEYS, PREPROCESS, STRETCH]
