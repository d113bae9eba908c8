"""What is right in lesson 08, scaling up: counting, and code for pieces that make a whole.

The references spell each formula out, apart from the library.
"""

from __future__ import annotations

from clipedu_lessons.l08_scaling_up.checks.pieces import COUNT, FACTORS, PIECES
from clipedu_lessons.l08_scaling_up.checks.ranks import CHUNKS, RANK

EXERCISES = [COUNT, FACTORS, PIECES, RANK, CHUNKS]
