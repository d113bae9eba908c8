"""What is right in lesson 01, words to vectors: a few exercises in each file."""

from __future__ import annotations

from clipedu_lessons.l01_words_to_vectors.checks.attention import ATTENTION, HEADS
from clipedu_lessons.l01_words_to_vectors.checks.bpe import ENCODE, TOKENIZER, TRAIN
from clipedu_lessons.l01_words_to_vectors.checks.encoder import BLOCK, FEED_FORWARD, TEXT
from clipedu_lessons.l01_words_to_vectors.checks.merges import MERGE, MERGES
from clipedu_lessons.l01_words_to_vectors.checks.pooling import BAG, EOT

BPE = [MERGES, MERGE, TRAIN, ENCODE, TOKENIZER]
EXERCISES = [*BPE, BAG, ATTENTION, HEADS, FEED_FORWARD, BLOCK, EOT, TEXT]
