"""What is right in lesson 02, pictures to vectors: an exercise or two a file, in the order of the
lesson."""

from __future__ import annotations

from clipedu.classroom.specs.lesson_02_blur import BLUR
from clipedu.classroom.specs.lesson_02_patches import PATCHIFY, SHAPES_OF
from clipedu.classroom.specs.lesson_02_pool import POOL
from clipedu.classroom.specs.lesson_02_sizes import PARAMETERS

EXERCISES = [SHAPES_OF, PATCHIFY, PARAMETERS, BLUR, POOL]
