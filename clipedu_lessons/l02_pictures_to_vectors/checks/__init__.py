"""What is right in lesson 02, pictures to vectors: an exercise or two a file, in the order of the
lesson."""

from __future__ import annotations

from clipedu_lessons.l02_pictures_to_vectors.checks.blur import BLUR
from clipedu_lessons.l02_pictures_to_vectors.checks.patches import PARAMETERS, PATCHIFY, SHAPES_OF
from clipedu_lessons.l02_pictures_to_vectors.checks.pooling import POOL

EXERCISES = [SHAPES_OF, PATCHIFY, PARAMETERS, BLUR, POOL]
