"""What is right in lesson 03, the contrastive loss: an exercise or two in each file.

The references spell each formula out, apart from the library.
"""

from __future__ import annotations

from clipedu.classroom.specs.lesson_03_clamp import CLAMP
from clipedu.classroom.specs.lesson_03_floor import FLOOR
from clipedu.classroom.specs.lesson_03_gradient import GRADIENT
from clipedu.classroom.specs.lesson_03_loss import LOSS
from clipedu.classroom.specs.lesson_03_rows import NORMALISE, READ
from clipedu.classroom.specs.lesson_03_siglip import SIGLIP

EXERCISES = [READ, NORMALISE, LOSS, CLAMP, FLOOR, SIGLIP, GRADIENT]
