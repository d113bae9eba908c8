"""Training: a recipe, an optimizer, a loop, and files that can be trusted."""

# ruff: noqa: F401  (what this package offers)
from clipedu.training.adapt import METHODS
from clipedu.training.batches import Batch, Feeder, Pairs, TokenTable
from clipedu.training.checkpoint import (
    Checkpoint,
    CheckpointError,
    load_checkpoint,
    load_model,
    load_pretrained,
    read_history,
    save_checkpoint,
    save_model,
)
from clipedu.training.finetune import (
    TaskPairs,
    finetune_recipe,
    interpolate,
    load_any,
    split_task,
)
from clipedu.training.grad_cache import GradCache
from clipedu.training.optimizer import (
    SCHEDULES,
    is_decayed,
    learning_rate,
    make_optimizer,
    parameter_groups,
    update_average_,
)
from clipedu.training.parallel import RankLost, World, join_world
from clipedu.training.recipe import RECIPES, Execution, Recipe, get_recipe, training_flops
from clipedu.training.run import Run, prepare_
from clipedu.training.step import TrainingDiverged, read_steps, train_step
from clipedu.training.trainer import TrainingInterrupted, TrainingResult, train
from clipedu.training.validation import accuracy_of, left_out_split, validation_split
