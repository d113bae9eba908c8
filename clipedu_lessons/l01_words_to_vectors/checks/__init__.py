"""What is right in lesson 01, words to vectors: an exercise or two in each file."""

from __future__ import annotations

from clipedu_lessons.l01_words_to_vectors.checks.mask import MASK
from clipedu_lessons.l01_words_to_vectors.checks.merges import MERGE, MERGES
from clipedu_lessons.l01_words_to_vectors.checks.pooling import BAG, EOT

EXERCISES = [MERGES, MERGE, BAG, MASK, EOT]
