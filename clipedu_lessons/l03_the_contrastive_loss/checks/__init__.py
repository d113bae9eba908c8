"""What is right in lesson 03, the contrastive loss: an exercise or two in each file.

The references spell each formula out, apart from the library.
"""

from __future__ import annotations

from clipedu_lessons.l03_the_contrastive_loss.checks.backward import BACKWARD
from clipedu_lessons.l03_the_contrastive_loss.checks.gradient import GRADIENT
from clipedu_lessons.l03_the_contrastive_loss.checks.limits import CLAMP, FLOOR
from clipedu_lessons.l03_the_contrastive_loss.checks.loss import LOSS
from clipedu_lessons.l03_the_contrastive_loss.checks.rows import READ
from clipedu_lessons.l03_the_contrastive_loss.checks.siglip import SIGLIP

EXERCISES = [READ, LOSS, CLAMP, FLOOR, SIGLIP, GRADIENT, BACKWARD]
