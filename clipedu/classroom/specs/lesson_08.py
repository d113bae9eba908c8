"""What is right in lesson 08, scaling up: counting, and code for pieces that make a whole.

The references spell each formula out, apart from the library.
"""

from __future__ import annotations

from clipedu.classroom.specs.lesson_08_chunks import CHUNKS
from clipedu.classroom.specs.lesson_08_counting import COUNT, FACTORS
from clipedu.classroom.specs.lesson_08_pieces import PIECES
from clipedu.classroom.specs.lesson_08_rank import RANK

EXERCISES = [COUNT, FACTORS, PIECES, RANK, CHUNKS]
