"""What is right in lesson 02, pictures to vectors."""

from __future__ import annotations

from clipedu_lessons.l02_pictures_to_vectors.checks.blur import BLUR
from clipedu_lessons.l02_pictures_to_vectors.checks.encoder import ENCODER
from clipedu_lessons.l02_pictures_to_vectors.checks.parameters import PARAMETERS
from clipedu_lessons.l02_pictures_to_vectors.checks.pooling import POOL
from clipedu_lessons.l02_pictures_to_vectors.checks.resnet import RESNET
from clipedu_lessons.l02_pictures_to_vectors.checks.stem import STEM

EXERCISES = [PARAMETERS, STEM, ENCODER, BLUR, POOL, RESNET]
