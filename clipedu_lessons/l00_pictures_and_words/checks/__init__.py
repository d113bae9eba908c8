"""What is right in lesson 00, pictures and words, in the order of the lesson."""

from __future__ import annotations

from clipedu_lessons.l00_pictures_and_words.checks.names import LABEL_SET
from clipedu_lessons.l00_pictures_and_words.checks.search import SEARCH
from clipedu_lessons.l00_pictures_and_words.checks.vectors import SHARE, ZERO_SHOT
from clipedu_lessons.l00_pictures_and_words.checks.wit import WIT

EXERCISES = [LABEL_SET, SEARCH, ZERO_SHOT, SHARE, WIT]
