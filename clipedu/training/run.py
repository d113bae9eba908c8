"""A run in progress: all that changes in training, made new, written down and picked up again."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from clipedu import objectives
from clipedu.device import DeviceChoice
from clipedu.models import CLIP, ModifiedResNet, VisionTransformer
from clipedu.models.transformer import Transformer
from clipedu.numbers import is_whole
from clipedu.tokenizer import Tokenizer
from clipedu.training import parallel
from clipedu.training.adapt import adapt_
from clipedu.training.checkpoint import Checkpoint, CheckpointError, load_weights_
from clipedu.training.grad_cache import GradCache
from clipedu.training.optimizer import make_optimizer, optimizer_tensors, restore_optimizer_
from clipedu.training.parallel import World, full_tensors
from clipedu.training.recipe import Execution, Recipe, get_recipe

#: (image (n, E), text (n, E), logit scale (), caption ids (n,) or None) -> loss ().
Loss = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Run:
    """A training run: before its first step when it is made, with weights from the seed or `start`.

    choice: the device, and the dtype of the autocast where the recipe's precision is "auto";
    fingerprint: of the data, see `dataset_fingerprint`; texts: the captions, of which "ngrams"
    makes its dictionary. Raises ValueError for what ranks can't share, and split fp16 weights.
    """

    def __init__(
        self,
        recipe: Recipe,
        seed: int,
        choice: DeviceChoice,
        tokenizer: Tokenizer,
        fingerprint: dict[str, Any] | None = None,
        world: World | None = None,
        start: CLIP | None = None,
        texts: Sequence[str] = (),
    ) -> None:
        self.recipe, self.seed, self.tokenizer = recipe, seed, tokenizer
        self.fingerprint, self.world = fingerprint or {}, world or World()
        self.step, self.seconds = 0, 0.0  # steps taken, and seconds of training so far
        self.history: list[dict[str, Any]] = []  # a row for each step
        self.choice = replace(choice, dtype=_DTYPES.get(recipe.precision, choice.dtype))
        execution, device = recipe.execution, choice.device
        is_half, is_split = (
            self.choice.dtype == torch.float16,
            execution.sharded and self.world.size > 1,
        )
        if is_split and is_half:
            raise ValueError(
                "execution.sharded can't run in fp16: there each rank would decide by its own part "
                'of the gradient whether to skip a step. Take precision "bf16" or "fp32".'
            )
        if self.world.size > 1 and recipe.objective not in objectives.PLAIN:
            raise ValueError(
                f"{recipe.objective} trains in one process: only clip and siglip can be shared."
            )
        config, ngrams = recipe.config(tokenizer.vocab_size), None
        if recipe.objective == "ngrams" and texts:
            different = list(dict.fromkeys(texts))
            rows = tokenizer(different, recipe.context_length, truncate=True)
            ngrams = objectives.count_ngrams(rows)
        self.model = model = objectives.new_model(
            recipe.objective, config, seed=seed, options=recipe.options, ngrams=ngrams
        )
        if start is not None:
            load_weights_(model, dict(start.state_dict()), "the model to start from")
        adapt_(model, recipe.method, recipe.rank, seed)
        self.bias: nn.Parameter | None = None  # SigLIP's, a scalar
        if recipe.objective == "siglip":
            model.logit_scale.data.fill_(objectives.SIGLIP_LOGIT_SCALE_INIT)
            bias = objectives.siglip_bias_init(recipe.batch_size)
            self.bias = nn.Parameter(torch.tensor(bias, device=device))
            parallel.average_gradient(self.bias, self.world)
        model.to(device)
        for parameter in model.parameters():
            if parameter.ndim == 4:  # convolutions on a CPU are faster with the channels last
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self.average: CLIP | None = None  # the moving average of the weights
        if recipe.ema_decay:
            self.average = copy.deepcopy(model).eval().requires_grad_(False)
        #: What a step calls: the model, compiled, in chunks, replicated or split.
        self.network = prepare_(model, execution, recipe.patch_dropout)
        if is_split:
            for one in filter(None, (model, self.average)):
                parallel.split_weights_(one, device)
            parallel.average_gradient(model.logit_scale, self.world)
        else:
            self.network = parallel.replicate(self.network, self.world, device)
        if execution.accumulate > 1:
            self.network = GradCache(self.network, execution.accumulate)
        if recipe.objective in objectives.PLAIN:
            self.loss = choose_loss(recipe, self.world, self.bias)
        else:
            self.loss = cast(objectives.ImageModel, model).loss
        named = [*model.named_parameters()]
        if self.bias is not None:
            named.append(("logit_bias", self.bias))
        numbers: Any = {"lr": recipe.learning_rate, "betas": recipe.betas, "eps": recipe.eps}
        muon = recipe.optimizer == "muon"
        self.optimizer = make_optimizer(named, recipe.weight_decay, muon=muon, **numbers)
        # Keeps fp16 gradients from vanishing; idle at other precisions.
        self.scaler = torch.amp.GradScaler(device.type, enabled=is_half)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Everything that is learned."""
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    @property
    def best_model(self) -> CLIP:
        """What to evaluate and keep: the average where there is one."""
        return self.model if self.average is None else self.average

    def autocast(self) -> torch.autocast:
        """The context of a forward pass."""
        dtype = self.choice.dtype
        return torch.autocast(self.choice.device.type, dtype, enabled=dtype != torch.float32)


def prepare_(model: nn.Module, execution: Execution, patch_dropout: float = 0.0) -> nn.Module:
    """Sets a model up for training and returns what to call: itself, or compiled."""
    for part in model.modules():
        if isinstance(part, (Transformer, ModifiedResNet)):
            part.recompute = execution.recompute
        if isinstance(part, VisionTransformer):
            part.patch_dropout = patch_dropout
    return cast(nn.Module, torch.compile(model)) if execution.compile else model


def choose_loss(recipe: Recipe, world: World, bias: nn.Parameter | None) -> Loss:
    """The recipe's loss: whole, in tiles, or over several ranks."""
    tile = recipe.execution.tile
    how: dict[str, Any] = {"check_values": False}  # training looks at the loss itself
    info_nce: Any = objectives.info_nce
    siglip: Any = objectives.siglip
    if world.size > 1:
        info_nce, siglip = objectives.sharded_info_nce, objectives.sharded_siglip
        how |= {"tile": tile, "gather_mode": recipe.execution.gather}
    elif tile:
        info_nce, siglip = objectives.tiled_info_nce, objectives.tiled_siglip
        how["tile"] = tile
    if bias is None:
        return partial(info_nce, **how)
    return lambda image, text, scale, ids: siglip(image, text, scale, bias, **how)


def to_checkpoint(run: Run) -> Checkpoint:
    """What :func:`restore_` needs; the run's own tensors, so write them before the next step.

    Split weights are put together for it: call it on every rank. A step draws its random numbers
    from seed and step alone, so that no random state has to be kept.
    """
    return Checkpoint(
        recipe=run.recipe,
        seed=run.seed,
        step=run.step,
        config=run.model.config,
        tokenizer=run.tokenizer,
        model=full_tensors(run.model.state_dict()),
        optimizer=full_tensors(optimizer_tensors(run.optimizer)),
        average={} if run.average is None else full_tensors(run.average.state_dict()),
        extra={} if run.bias is None else {"logit_bias": run.bias.data},
        facts={**run.fingerprint, "seconds": run.seconds, "scaler": run.scaler.state_dict()},
    )


def restore_(run: Run, saved: Checkpoint, where: str) -> None:
    """Puts a new run where `saved` was.

    Raises CheckpointError when the data is not what it was, or weights don't fit.
    """
    for name, value in run.fingerprint.items():
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
    run.step, run.seconds = saved.step, saved.facts["seconds"]


def check_seed(seed: int) -> int:
    """The seed as a plain int. Raises ValueError for one that numpy and torch don't take."""
    if not is_whole(seed) or not 0 <= seed < 2**64:
        raise ValueError(f"A seed is a whole number from 0 to 2**64 - 1, not {seed!r}.")
    return int(seed)


def check_same_run(
    saved: Checkpoint,
    where: str | Path,
    recipe: str | Recipe | None,
    seed: int | None,
    tokenizer: Tokenizer | None,
) -> None:
    """Raises CheckpointError when a recipe, seed or tokenizer is given and not the saved run's."""
    ours, given = saved.recipe.to_dict(), get_recipe(recipe or saved.recipe).to_dict()
    changed = [f"{n} ({ours[n]!r} / {given[n]!r})" for n in ours if ours[n] != given[n]]
    if changed:
        wrong = f"another recipe. Different (saved / given): {', '.join(changed)}. Leave the recipe"
    elif seed is not None and seed != saved.seed:
        wrong = f"seed {saved.seed}, not {seed}. Leave the seed"
    elif tokenizer is not None and tokenizer.to_dict() != saved.tokenizer.to_dict():
        wrong = "another tokenizer: its ids would mean other words. Leave the tokenizer"
    else:
        return
    raise CheckpointError(
        f"The run in {where} has {wrong} out to go on as it was begun, or start a new run in "
        "another folder."
    )
