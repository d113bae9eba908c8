"""What is right in lesson 08, scaling up: counting, pieces that make a whole, and broken ranks.

The references spell each formula out, apart from the library.
"""

from __future__ import annotations

from clipedu_lessons.l08_scaling_up.checks.pieces import CHUNKS, COUNT, FACTORS, PIECES
from clipedu_lessons.l08_scaling_up.checks.ranks import BACK, CACHED, FIVE_BUGS

EXERCISES = [COUNT, FACTORS, PIECES, CHUNKS, CACHED, BACK, FIVE_BUGS]
