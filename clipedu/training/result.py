"""What a training run gives back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer
from clipedu.training.recipe import Recipe


@dataclass(frozen=True)
class TrainingResult:
    """What a run leaves.

    Attributes:
        model: in eval mode; the averaged weights where the recipe keeps an average.
        step: steps taken; `recipe.steps` unless the run was broken off.
        history: one row a step: step, loss, logit_scale, learning_rate, gradient (its length),
            pairs_per_second, seconds (so far), and zero_shot (accuracy by task) where it was
            evaluated.
        seconds: of training, without evaluation, with the earlier parts of a resumed run.
        pairs_per_second: over all of it.
        zero_shot: the last evaluation.
        folder: where the files are, if any were asked for.
    """

    model: CLIP
    tokenizer: Tokenizer
    recipe: Recipe
    seed: int
    step: int
    history: list[dict[str, Any]]
    seconds: float
    pairs_per_second: float
    zero_shot: dict[str, float]
    folder: Path | None


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C, after the step was finished and a checkpoint left. `result` is the run so far."""

    def __init__(self, message: str, result: TrainingResult) -> None:
        super().__init__(message)
        self.result = result
