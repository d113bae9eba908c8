"""A run in progress: all that changes in training, made new, written down and picked up again."""

from __future__ import annotations

import copy
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from clipedu.device import DeviceChoice
from clipedu.models import CLIP, build
from clipedu.objectives.contrastive import SIGLIP_LOGIT_SCALE_INIT, siglip_bias_init
from clipedu.tokenizer import Tokenizer
from clipedu.training.checkpoint import Checkpoint, CheckpointError, load_weights_
from clipedu.training.distributed import World, replicate
from clipedu.training.execution import prepare_
from clipedu.training.optimizer import make_optimizer, optimizer_tensors, restore_optimizer_
from clipedu.training.recipe import Recipe, differences, get_recipe
from clipedu.training.sharding import shard_, whole

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass
class Run:
    """A training run.

    Attributes:
        choice: device, and dtype of the autocast (float32: none).
        scaler: keeps fp16 gradients from vanishing; does nothing at other precisions.
        network: what a step calls: the model itself, which may be split among the ranks, or the
            model compiled or replicated.
        bias: SigLIP's, a scalar; None with InfoNCE.
        average: the moving average of the weights, where the recipe keeps one.
        step: steps taken; seconds: time they took.
        world: the processes that share the run.
        facts: what must be the same when the run goes on: see `batches.facts_of`.
    """

    recipe: Recipe
    seed: int
    choice: DeviceChoice
    tokenizer: Tokenizer
    model: CLIP
    optimizer: torch.optim.AdamW
    scaler: torch.amp.GradScaler
    network: nn.Module
    bias: nn.Parameter | None = None
    average: CLIP | None = None
    step: int = 0
    seconds: float = 0.0
    world: World = field(default_factory=World)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def sharded(self) -> bool:
        """Whether the ranks hold parts of the weights."""
        return self.recipe.execution.sharded and self.world.size > 1

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Everything that is learned."""
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    @property
    def best_model(self) -> CLIP:
        """What to evaluate and keep: the average where there is one."""
        return self.model if self.average is None else self.average


def new_run(
    recipe: Recipe,
    seed: int,
    choice: DeviceChoice,
    tokenizer: Tokenizer,
    facts: dict[str, Any] | None = None,
    world: World | None = None,
) -> Run:
    """A run before its first step, with weights from the seed.

    Raises ValueError for split weights in fp16.
    """
    world = world or World()
    dtype = _DTYPES.get(recipe.precision, choice.dtype)  # "auto" is not among them
    choice = DeviceChoice(choice.device, dtype, choice.reason)
    model = build(recipe.config(tokenizer.vocab_size), seed=seed)
    bias = None
    if recipe.objective == "siglip":
        model.logit_scale.data.fill_(SIGLIP_LOGIT_SCALE_INIT)
        start = torch.tensor(siglip_bias_init(recipe.batch_size), device=choice.device)
        bias = nn.Parameter(start)
    model.to(choice.device)
    for parameter in model.parameters():
        if parameter.ndim == 4:  # convolutions on a CPU are faster with the channels last
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    average = copy.deepcopy(model).eval().requires_grad_(False) if recipe.ema_decay else None
    network = prepare_(model, recipe.execution, recipe.patch_dropout)
    sharded = recipe.execution.sharded and world.size > 1
    if sharded:
        _refuse_fp16(dtype)
        for one in (model, average):
            if one is not None:
                shard_(one, choice.device)
    named = [*model.named_parameters(), *([] if bias is None else [("logit_bias", bias)])]
    return Run(
        recipe=recipe,
        seed=seed,
        choice=choice,
        tokenizer=tokenizer,
        model=model,
        optimizer=make_optimizer(named, recipe),
        scaler=torch.amp.GradScaler(choice.device.type, enabled=dtype == torch.float16),
        network=network if sharded else replicate(network, world, choice.device),
        bias=bias,
        average=average,
        world=world,
        facts=facts or {},
    )


def to_checkpoint(run: Run) -> Checkpoint:
    """What :func:`restore_` needs; the run's own tensors, so write them before the next step.

    Split weights are put together for it, so every rank must ask.
    """
    extra: dict[str, Tensor] = {"random.cpu": torch.get_rng_state()}
    if run.choice.device.type == "cuda":
        extra["random.cuda"] = torch.cuda.get_rng_state(run.choice.device)
    if run.bias is not None:
        extra["logit_bias"] = run.bias.data
    return Checkpoint(
        recipe=run.recipe,
        seed=run.seed,
        step=run.step,
        config=run.model.config,
        tokenizer=run.tokenizer,
        model=_wholes(run.model.state_dict()),
        optimizer=_wholes(optimizer_tensors(run.optimizer)),
        average={} if run.average is None else _wholes(run.average.state_dict()),
        extra=extra,
        facts={**run.facts, "seconds": run.seconds, "scaler": run.scaler.state_dict()},
    )


def _wholes(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: whole(value) for name, value in tensors.items()}


def _refuse_fp16(dtype: torch.dtype) -> None:
    if dtype == torch.float16:
        raise ValueError(
            "execution.sharded can't run in fp16: there each rank would decide by its own part of "
            'the gradient whether to skip a step. Take precision "bf16" or "fp32", or leave '
            "sharded out."
        )


def restore_(run: Run, saved: Checkpoint, where: str) -> None:
    """Puts a new run where `saved` was, torch's random state included.

    Raises CheckpointError when the data is not what it was, or weights don't fit.
    """
    for name, value in run.facts.items():
        before = saved.facts.get(name, value)  # earlier versions wrote down fewer facts
        if before != value:
            raise CheckpointError(
                f"The run in {where} was trained on other data ({name}: {before}, now {value}). "
                "Give it the same pairs (`clipedu train`: the same --shards or --validate), or "
                "start a new run."
            )
    load_weights_(run.model, saved.model, where)
    if run.average is not None:
        load_weights_(run.average, saved.average, where)
    try:
        restore_optimizer_(run.optimizer, saved.optimizer)
    except ValueError as error:
        raise CheckpointError(f"{where} can't be resumed: {error}") from error
    if run.bias is not None:
        run.bias.data.copy_(saved.extra["logit_bias"])
    if saved.facts["scaler"]:  # empty when the run had no need of one so far, as on a CPU
        run.scaler.load_state_dict(saved.facts["scaler"])
    torch.set_rng_state(saved.extra["random.cpu"])
    if run.choice.device.type == "cuda" and "random.cuda" in saved.extra:
        torch.cuda.set_rng_state(saved.extra["random.cuda"], run.choice.device)
    run.step = saved.step
    run.seconds = saved.facts["seconds"]


def check_seed(seed: int) -> int:
    """The seed as a plain int. Raises ValueError for one that numpy and torch don't take."""
    if not isinstance(seed, numbers.Integral) or not 0 <= seed < 2**64:
        raise ValueError(
            f"A seed is a whole number from 0 to 2**64 - 1, not {seed!r}. Any of them will do; "
            "0 is the default."
        )
    return int(seed)


def check_same_run(
    saved: Checkpoint,
    where: str | Path,
    recipe: str | Recipe | None,
    seed: int | None,
    tokenizer: Tokenizer | None,
) -> None:
    """Raises CheckpointError when a recipe, seed or tokenizer is given and not the saved run's."""
    if recipe is not None and (changed := differences(saved.recipe, get_recipe(recipe))):
        raise CheckpointError(
            f"The run in {where} has another recipe. Different (saved / given): "
            f"{', '.join(changed)}. Leave the "
            "recipe out to go on as it was begun, or start a new run in another folder."
        )
    if seed is not None and seed != saved.seed:
        raise CheckpointError(
            f"The run in {where} has seed {saved.seed}, not {seed}. Leave the seed out to go on."
        )
    if tokenizer is not None and tokenizer.to_dict() != saved.tokenizer.to_dict():
        raise CheckpointError(
            f"The run in {where} has another tokenizer: its ids would mean other words. Leave the "
            "tokenizer out."
        )
