"""What is right in lesson 01, words to vectors: an exercise or two in each file."""

from __future__ import annotations

from clipedu.classroom.specs.lesson_01_by_hand import MERGES
from clipedu.classroom.specs.lesson_01_eot import EOT
from clipedu.classroom.specs.lesson_01_mask import MASK
from clipedu.classroom.specs.lesson_01_merging import MERGE
from clipedu.classroom.specs.lesson_01_pooling import BAG

EXERCISES = [MERGES, MERGE, BAG, MASK, EOT]
