"""Training: a recipe, an optimizer, a loop, and files that can be trusted."""

from clipedu.training.accumulate import cached_backward
from clipedu.training.batches import Batch, Feeder, Pairs, TokenTable, same_captions
from clipedu.training.checkpoint import (
    Checkpoint,
    CheckpointError,
    load_checkpoint,
    load_model,
    save_checkpoint,
    save_model,
)
from clipedu.training.distributed import RankLost, World, join_world
from clipedu.training.execution import Execution, compile_advice
from clipedu.training.optimizer import (
    is_decayed,
    learning_rate,
    make_optimizer,
    parameter_groups,
    update_average_,
)
from clipedu.training.paper import compare_with_paper, paper_recipe, training_flops
from clipedu.training.pretrained import load_pretrained, pretrained_names
from clipedu.training.progress import read_history
from clipedu.training.recipe import RECIPES, Recipe, get_recipe
from clipedu.training.result import TrainingInterrupted, TrainingResult
from clipedu.training.run import Run, new_run
from clipedu.training.step import TrainingDiverged, train_step
from clipedu.training.trainer import train
from clipedu.training.validation import validation_split

__all__ = [
    "RECIPES",
    "Batch",
    "Checkpoint",
    "CheckpointError",
    "Execution",
    "Feeder",
    "Pairs",
    "RankLost",
    "Recipe",
    "Run",
    "TokenTable",
    "TrainingDiverged",
    "TrainingInterrupted",
    "TrainingResult",
    "World",
    "cached_backward",
    "compare_with_paper",
    "compile_advice",
    "get_recipe",
    "is_decayed",
    "join_world",
    "learning_rate",
    "load_checkpoint",
    "load_model",
    "load_pretrained",
    "make_optimizer",
    "new_run",
    "paper_recipe",
    "parameter_groups",
    "pretrained_names",
    "read_history",
    "same_captions",
    "save_checkpoint",
    "save_model",
    "train",
    "train_step",
    "training_flops",
    "update_average_",
    "validation_split",
]
