"""What is right in lesson 02, pictures to vectors."""

from __future__ import annotations

import inspect

from clipedu.models.resnet import AttentionPool2d
from clipedu_lessons.l02_pictures_to_vectors.checks.blur import BLUR
from clipedu_lessons.l02_pictures_to_vectors.checks.encoder import ENCODER
from clipedu_lessons.l02_pictures_to_vectors.checks.parameters import PARAMETERS
from clipedu_lessons.l02_pictures_to_vectors.checks.pooling import POOL
from clipedu_lessons.l02_pictures_to_vectors.checks.resnet import RESNET
from clipedu_lessons.l02_pictures_to_vectors.checks.stem import STEM

#: What 02.9 imports from the library.
GIVEN = "\n".join(
    [
        "import torch",
        "from torch import Tensor, nn",
        "from torch.nn.functional import scaled_dot_product_attention as attention",
        inspect.getsource(AttentionPool2d),
    ]
)
EXERCISES = [PARAMETERS, STEM, ENCODER, BLUR, POOL, RESNET]
