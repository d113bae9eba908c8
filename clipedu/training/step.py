"""One training step, which reads like the paper's Fig 3, and the words for when it goes wrong.

On several ranks each takes its part of the batch; the loss is that of the whole (see
:mod:`clipedu.objectives.sharded`) and every rank ends the step with the same weights.
"""

from __future__ import annotations

import contextlib
import math
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from clipedu.objectives.contrastive import clamp_logit_scale_, info_nce, siglip
from clipedu.objectives.sharded import sharded_info_nce, sharded_siglip
from clipedu.objectives.tiled import tiled_info_nce, tiled_siglip
from clipedu.training.accumulate import cached_backward
from clipedu.training.batches import Batch
from clipedu.training.optimizer import learning_rate_of, set_learning_rate, update_average_
from clipedu.training.run import Run
from clipedu.training.sharding import clip_gradients_, here


class TrainingDiverged(RuntimeError):
    """Loss or gradient is no longer a number. The weights are still those from before the step."""


def train_step(run: Run, batch: Batch) -> dict[str, Any]:
    """One step: loss, gradient, weights, clamp. Returns the numbers of its history row.

    Raises TrainingDiverged, before any weight has changed, when loss or gradient is not finite.
    """
    recipe, model = run.recipe, run.model
    rate = learning_rate_of(recipe, run.step)
    set_learning_rate(run.optimizer, rate)

    run.optimizer.zero_grad(set_to_none=True)
    if recipe.patch_dropout:  # what is left out depends on (seed, step, rank) alone
        torch.manual_seed(_mix(run.seed, run.step, run.world.rank))

    def loss_of(image: Tensor, text: Tensor, scale: Tensor) -> Tensor:
        if _broken(run, not (image.sum() + text.sum() + scale).isfinite()):
            raise TrainingDiverged(explain_divergence("The embeddings hold NaN", run, batch, rate))
        # Outside autocast: logits go up to 100, where bf16 has steps of 0.5.
        loss = batch_loss(run, batch, image, text, scale)
        if _broken(run, not math.isfinite(loss.item())):
            words = f"The loss is {loss.item()}"
            raise TrainingDiverged(explain_divergence(words, run, batch, rate))
        return loss

    loss, (_, _, scale) = cached_backward(
        run.network,
        batch.pictures,
        batch.tokens,
        loss_of,
        chunks=recipe.execution.accumulate,
        multiply=run.scaler.scale,
        context=lambda: _autocast(run),
    )
    if run.world.size > 1:
        # neither DDP nor FSDP averages what is not a parameter of the network, or not split
        for number in (run.bias, model.logit_scale if run.sharded else None):
            if number is not None and number.grad is not None:
                dist.all_reduce(number.grad)
                number.grad /= run.world.size
    run.scaler.unscale_(run.optimizer)
    limit = recipe.grad_clip or math.inf
    length = clip_gradients_(run.parameters, limit, run.world, run.choice.device)
    if (
        not math.isfinite(length) and not run.scaler.is_enabled()
    ):  # fp16's scaler meets some, and skips the step
        raise TrainingDiverged(explain_divergence(f"The gradient is {length}", run, batch, rate))

    run.scaler.step(run.optimizer)
    run.scaler.update()
    clamp_logit_scale_(
        model.logit_scale, recipe.max_logit_scale
    )  # after the step, so that its gradient lives
    if run.average is not None:
        update_average_(run.average, model, recipe.ema_decay, run.step)
    run.step += 1
    return {
        "step": run.step,
        "loss": run.world.mean(loss.item(), run.choice.device),
        "logit_scale": scale.item(),
        "learning_rate": rate,
        "gradient": length,
    }


def batch_loss(run: Run, batch: Batch, image: Tensor, text: Tensor, scale: Tensor) -> Tensor:
    """The recipe's loss, in the way that its `execution` and the number of ranks ask for."""
    how, tile = run.recipe.execution.gather, run.recipe.execution.tile
    if run.bias is not None:
        if run.world.size > 1:
            return sharded_siglip(image, text, scale, run.bias, how=how, tile=tile)
        if tile:
            return tiled_siglip(image, text, scale, run.bias, tile=tile)
        return siglip(image, text, scale, run.bias)
    if run.world.size > 1:
        return sharded_info_nce(image, text, scale, same=batch.same, how=how, tile=tile)
    if tile:
        return tiled_info_nce(image, text, scale, same=batch.same, tile=tile)
    return info_nce(image, text, scale, same=batch.same)


def explain_divergence(what: str, run: Run, batch: Batch, rate: float) -> str:
    """Where to look, in the order in which it usually is."""
    wrong = (~batch.pictures.isfinite()).flatten(1).any(1).nonzero().flatten().tolist()
    broken = [name for name, p in run.model.named_parameters() if not here(p).isfinite().all()]
    scale = run.model.logit_scale.exp().item()
    lines = [
        f"{what} at step {run.step + 1} of {run.recipe.steps}. No weight was changed by this "
        "step. Look at"
    ]
    if wrong:
        lines.append(
            f"* the pictures: {len(wrong)} of {len(batch.pictures)} in this batch hold NaN or "
            "infinity, the first at "
            f"row {wrong[0]}. That is the cause: mend the data."
        )
    elif broken:
        lines.append(
            f"* the weights: {broken[0]} was not finite before this step, so the cause lies "
            "earlier."
        )
    else:
        lines.append("* the pictures: all finite in this batch, so not the cause.")
    lines += [
        f"* the learning rate: {rate:.2g} here, {run.recipe.learning_rate:.2g} at its peak. Most "
        "often this is it: "
        "try a third, or a longer warm-up.",
        f"* the logit scale: {scale:.1f} (largest allowed {run.recipe.max_logit_scale:g}). If it "
        "ran up to the limit, "
        "the learning rate was too high; if the limit is far above 100, lower it.",
    ]
    if run.choice.dtype == torch.float16:
        lines.append("* the precision: fp16 overflows above 65,504. Try bf16 or fp32.")
    return "\n".join(lines)


def _autocast(run: Run) -> contextlib.AbstractContextManager[Any]:
    if run.choice.dtype == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(run.choice.device.type, run.choice.dtype)


def _broken(run: Run, here: bool | Tensor) -> bool:
    """Whether it is so on any rank: all of them stop, or none."""
    return run.world.any(bool(here), run.choice.device)


def _mix(seed: int, step: int, rank: int) -> int:
    return int(np.random.SeedSequence((seed, step, rank, 3)).generate_state(1, np.uint64)[0] >> 1)
