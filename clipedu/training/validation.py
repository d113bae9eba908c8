"""How recipes are chosen: on pictures set aside inside the training families.

The held-out families are for reporting. A recipe that was picked because it did well on them would
have learned from them, through the person who picked it.
"""

from __future__ import annotations

import torch

from clipedu.evaluation import Task
from clipedu.pairs import PairSet, set_aside, to_pictures, training_pairs


def validation_split(
    size: int = 32, *, names: int = 300, seed: int = 0, progress: bool = True
) -> tuple[PairSet, Task]:
    """Training pairs without some pictures, and those pictures as a task, at `size` pixels.

    For `names` names that two families share, one family's pictures are set aside: the name is
    known to the model, and so is the family's style, but not this drawing. The split depends on
    its own `seed`, so that runs with other seeds are measured on the same pictures.

        pairs, task = validation_split()
        train("lesson", pairs=pairs, evaluate=task)

    Raises ValueError when fewer than `names` names are shared.
    """
    pairs, (rgba, labels, classes) = set_aside(
        training_pairs(size, progress=progress), names=names, seed=seed
    )
    source = "set aside from the training families"
    pictures, numbers = to_pictures(rgba), torch.from_numpy(labels)
    return pairs, Task("validation", pictures, numbers, classes, ["{}"], source)
