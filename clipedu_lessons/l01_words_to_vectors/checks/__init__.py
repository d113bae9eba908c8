"""What is right in lesson 01, words to vectors: an exercise or two in each file."""

from __future__ import annotations

from clipedu_lessons.l01_words_to_vectors.checks.by_hand import MERGES
from clipedu_lessons.l01_words_to_vectors.checks.eot import EOT
from clipedu_lessons.l01_words_to_vectors.checks.mask import MASK
from clipedu_lessons.l01_words_to_vectors.checks.merging import MERGE
from clipedu_lessons.l01_words_to_vectors.checks.pooling import BAG

EXERCISES = [MERGES, MERGE, BAG, MASK, EOT]
