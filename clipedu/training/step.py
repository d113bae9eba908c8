"""One training step, which reads like the paper's Figure 3, and the words for when it goes wrong.

GradCache, ranks and split weights are in `run.network`, tiles and ranks in `run.loss`: chosen when
the run was made, so that there is one step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from clipedu.objectives import clamp_logit_scale_
from clipedu.training.batches import Batch
from clipedu.training.optimizer import skip_update_where_, update_average_
from clipedu.training.parallel import clip_gradients_, to_local
from clipedu.training.run import Run


class TrainingDiverged(RuntimeError):
    """Loss or gradient is no longer a number. The step in which that happened changed no weight."""


class StepNumbers(NamedTuple):
    """What a step leaves to be logged: (3,) loss, logit scale, gradient norm, on the device."""

    step: int
    learning_rate: float
    values: Tensor


def train_step(run: Run, batch: Batch) -> StepNumbers:
    """One step. It looks at no value, which would wait for a GPU; :func:`read_steps` does."""
    recipe, optimizer, scaler = run.recipe, run.optimizer, run.scaler
    rate = recipe.learning_rate_at(run.step)
    for group in optimizer.param_groups:
        group["lr"] = rate
    torch.manual_seed(_mix(run.seed, run.step, run.world.rank))  # for patch dropout
    optimizer.zero_grad(set_to_none=True)

    with run.autocast():
        image, text, scale = run.network(batch.pictures, batch.tokens)  # (n, E), (n, E), ()
    # Outside autocast: logits go up to 100, where bfloat16 has steps of 0.5.
    loss = run.loss(image, text, scale, batch.false_negative_ids)
    scaler.scale(loss).backward()

    scaler.unscale_(optimizer)
    norm = clip_gradients_(run.parameters, recipe.grad_clip or math.inf)

    loss = run.world.sum(loss.detach()) / run.world.size  # the mean of all ranks
    skip_update_where_(optimizer, ~(loss.isfinite() & norm.isfinite()))
    scaler.step(optimizer)
    scaler.update()
    # After the step: a clamp in the forward pass would stop the gradient above the maximum.
    clamp_logit_scale_(run.model.logit_scale, recipe.max_logit_scale)

    if run.average is not None:
        update_average_(run.average, run.model, recipe.ema_decay, run.step)
    run.step += 1
    return StepNumbers(run.step, rate, torch.stack((loss, scale.detach(), norm)))


def read_steps(
    run: Run, steps: Sequence[StepNumbers], batch_at: Callable[[int], Batch]
) -> list[dict[str, Any]]:
    """The history rows of some steps, with one look at the device for all of them.

    Raises TrainingDiverged for the first one whose loss or gradient is not finite; `batch_at(k)`
    makes the batch of step k once more, to see whether its pictures are to blame.
    """
    rows = []
    table = torch.stack([numbers.values for numbers in steps]).tolist()
    for (step, rate, _), (loss, scale, norm) in zip(steps, table, strict=True):
        # fp16's scaler meets gradients that are infinite, and skips the step
        if not (math.isfinite(loss) and (math.isfinite(norm) or run.scaler.is_enabled())):
            run.step = step - 1  # this one was not taken
            what = f"The gradient is {norm}" if math.isfinite(loss) else f"The loss is {loss}"
            raise TrainingDiverged(explain_divergence(what, run, rate, batch_at(run.step)))
        row = {"step": step, "loss": loss, "logit_scale": scale}
        rows.append(row | {"learning_rate": rate, "gradient": norm})
    return rows


def explain_divergence(what: str, run: Run, rate: float, batch: Batch) -> str:
    """Where to look, in the order in which it usually is."""
    wrong = (~batch.pictures.isfinite()).flatten(1).any(1).nonzero().flatten().tolist()
    named = run.model.named_parameters()
    broken = [name for name, p in named if not to_local(p).isfinite().all()]
    if wrong:
        cause = (
            f"* the pictures: {len(wrong)} of {len(batch.pictures)} in this batch hold NaN or "
            f"infinity, the first at row {wrong[0]}. That is the cause: fix the data."
        )
    elif broken:
        cause = f"* the weights: {broken[0]} was not finite before this step: the cause is earlier."
    else:
        cause = "* the pictures: all finite in this batch, so not the cause."
    lines = [
        f"{what} at step {run.step + 1} of {run.recipe.steps}. No weight was changed by this "
        "step. Look at",
        cause,
        f"* the learning rate: {rate:.2g} here, {run.recipe.learning_rate:.2g} at its peak. Most "
        "often this is it: try a third, or a longer warm-up.",
        f"* the logit scale: {run.model.logit_scale.exp().item():.1f} (largest allowed "
        f"{run.recipe.max_logit_scale:g}). If it ran up to the limit, the learning rate was too "
        "high; if the limit is far above 100, lower it.",
    ]
    if run.choice.dtype == torch.float16:
        lines.append("* the precision: fp16 overflows above 65,504. Try bf16 or fp32.")
    return "\n".join(lines)


def _mix(seed: int, step: int, rank: int) -> int:
    return int(np.random.SeedSequence((seed, step, rank, 3)).generate_state(1, np.uint64)[0] >> 1)
