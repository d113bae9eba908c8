"""The training loop: pairs in, a CLIP out.

Notable:

* a run is repeatable: on a CPU, recipe, seed and number of threads decide every bit of the weights,
  and a run that was broken off and resumed ends with the same bits as one that was not;
* it stops before it spoils anything: a loss that is not finite never reaches the weights, and
  Ctrl-C ends the step and leaves a checkpoint;
* the step itself is in :mod:`clipedu.training.step`, what a run leaves in its folder in
  :mod:`clipedu.training.folder`: this file is what stands around them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clipedu.device import DeviceChoice, keep_freed_memory, pick_device
from clipedu.evaluation import Task
from clipedu.models import CLIP
from clipedu.pairs import training_pairs
from clipedu.tokenizer import Tokenizer
from clipedu.training.accumulate import check_chunks, warn_of_batch_norm
from clipedu.training.batches import Feeder, Pairs, facts_of, texts_of
from clipedu.training.checkpoint import CHECKPOINT_NAME, load_checkpoint
from clipedu.training.distributed import World, explain_lost_ranks, join_world
from clipedu.training.folder import (
    clear_folder,
    keep_checkpoint,
    keep_model,
    last_checkpoint,
    last_checkpoint_in,
    open_folder,
)
from clipedu.training.measuring import Evaluate, evaluated, evaluator
from clipedu.training.paper import refuse_unaffordable
from clipedu.training.progress import History, ProgressLine, catch_interrupt
from clipedu.training.recipe import Recipe, get_recipe
from clipedu.training.result import TrainingInterrupted, TrainingResult
from clipedu.training.run import Run, check_same_run, check_seed, new_run, restore_
from clipedu.training.sharding import gathered
from clipedu.training.step import TrainingDiverged, train_step

Callback = Callable[[dict[str, Any], CLIP], None]


def train(
    recipe: str | Recipe | None = None,
    *,
    seed: int | None = None,
    out: str | Path | None = None,
    pairs: Pairs | None = None,
    tokenizer: Tokenizer | None = None,
    resume: str | Path | None = None,
    evaluate: Evaluate | str | Task | Sequence[str | Task] | None = None,
    progress: bool = True,
    callbacks: Sequence[Callback] = (),
    device: str | None = None,
    overwrite: bool = False,
) -> TrainingResult:
    """Trains a CLIP from scratch, or goes on with a run that was broken off.

    Args:
        recipe: a name of RECIPES or a Recipe, by default "laptop"; with `resume` it is known, leave
            it out.
        seed: decides the first weights and the batches; 0 unless given.
        out: folder for checkpoint.safetensors, model.safetensors, recipe.json, history.jsonl. None:
            no files.
        pairs: by default `training_pairs()` at the model's resolution.
        tokenizer: by default one that is trained on the captions of `pairs`.
        resume: a run's folder or checkpoint. The files go on in its folder, unless `out` names
            another.
        evaluate: tasks or their names, or a function (model, tokenizer) -> {name: accuracy}.
        progress: show a line with loss against ln N, pairs/s, logit scale and zero-shot accuracy.
        callbacks: each is called after each step with the history row and the model.
        device: see :func:`clipedu.device.pick_device`. Under torchrun each rank takes the GPU of
            its number.
        overwrite: let a new run replace the one in `out`.
    Raises:
        ValueError: what can't work here: a batch larger than the data, too much compute, held-out
            pairs, a seed below 0.
        FileExistsError: `out` holds a run already. Whatever is refused, that run stays.
        FileNotFoundError, CheckpointError: there is nothing to resume, or it is another run.
        TrainingDiverged: loss or gradient is not finite; says where to look. The last checkpoint
            stays.
        TrainingInterrupted: Ctrl-C. A KeyboardInterrupt, with the run so far in `result`.
        RankLost: under torchrun, when another process ended or can't be found.

    Started by torchrun, this is one of several processes (ranks) which share each batch; see
    :mod:`clipedu.training.distributed`. Rank 0 writes, and every rank returns the same model. When
    torchrun starts the processes anew after a crash, the run in `out` goes on.
    """
    choice = pick_device(device)
    keep_freed_memory()
    with join_world(choice.device.type) as world:
        if world.restarts and resume is None and out is not None:
            resume = out if (Path(out) / CHECKPOINT_NAME).exists() else None
        if choice.device.type == "cuda" and world.size > 1:
            here = torch.device("cuda", world.local_rank)
            choice = DeviceChoice(here, choice.dtype, choice.reason)
        place = out if out is not None else resume
        with explain_lost_ranks(world, lambda: last_checkpoint_in(place)):
            return _train(
                world,
                choice,
                recipe,
                seed,
                out,
                pairs,
                tokenizer,
                resume,
                evaluate,
                progress and world.writes,
                callbacks,
                overwrite,
            )


def _train(
    world: World,
    choice: DeviceChoice,
    recipe: str | Recipe | None,
    seed: int | None,
    out: str | Path | None,
    pairs: Pairs | None,
    tokenizer: Tokenizer | None,
    resume: str | Path | None,
    evaluate: Evaluate | str | Task | Sequence[str | Task] | None,
    progress: bool,
    callbacks: Sequence[Callback],
    overwrite: bool,
) -> TrainingResult:
    saved = None
    if resume is not None:
        saved = load_checkpoint(resume)
        check_same_run(saved, resume, recipe, seed, tokenizer)
        recipe, seed, tokenizer = saved.recipe, saved.seed, saved.tokenizer
        resume = Path(resume) if Path(resume).is_dir() else Path(resume).parent
    recipe = get_recipe("laptop" if recipe is None else recipe)
    seed = check_seed(0 if seed is None else seed)
    refuse_unaffordable(recipe, choice.device.type)
    check_chunks(world.share(recipe.batch_size), recipe.execution.accumulate)
    with world.one_by_one():  # files that are made when missing, and a folder that must be empty
        folder = None
        if world.writes:
            folder = open_folder(out if out is not None else resume, resume, overwrite)
        if pairs is None:
            pairs = training_pairs(recipe.config().vision.resolution, progress=progress)
        _check_pairs(recipe, pairs)
        measure = evaluator(evaluate, recipe, world)  # now: a wrong name must not wait
    if tokenizer is None:
        tokenizer = Tokenizer.train(texts_of(pairs), recipe.vocab_size, progress=progress)
    run = new_run(recipe, seed, choice, tokenizer, facts_of(pairs), world)
    # The random state is the run's own: what the caller draws afterwards does not depend on it.
    with torch.random.fork_rng([choice.device] if choice.device.type == "cuda" else []):
        torch.manual_seed(seed)
        if saved is not None:
            restore_(run, saved, str(resume))
        if folder is not None and overwrite:
            clear_folder(folder, resume)
        history = History(folder, upto=run.step, before=resume if world.writes else None)
        if folder is not None:
            recipe.save(folder / "recipe.json")
        return _loop(run, pairs, history, folder, measure, progress, callbacks)


def _loop(
    run: Run,
    pairs: Pairs,
    history: History,
    folder: Path | None,
    measure: Evaluate | None,
    progress: bool,
    callbacks: Sequence[Callback],
) -> TrainingResult:
    recipe = run.recipe
    feeder = Feeder(pairs, run.tokenizer, recipe, run.seed, run.choice.device, run.world)
    batches = feeder.batches(run.step, recipe.steps, ahead=run.choice.device.type == "cuda")
    run.model.train()
    if run.world.size > 1 and run.world.writes:
        warn_of_batch_norm(run.model, run.world.share(recipe.batch_size))
    with (
        contextlib.closing(batches),
        ProgressLine(recipe, run.step, progress) as line,
        catch_interrupt() as interrupted,
    ):
        clock = time.perf_counter()
        for batch in batches:
            try:
                row = train_step(run, batch)
            except TrainingDiverged as error:
                raise TrainingDiverged(f"{error}\n{last_checkpoint(folder)}") from None
            finished = run.step == recipe.steps
            took = time.perf_counter() - clock
            run.seconds += took
            row |= {"pairs_per_second": recipe.batch_size / took, "seconds": run.seconds}
            if measure is not None and (finished or _due(run.step, recipe.evaluate_every)):
                row["zero_shot"] = evaluated(run, measure)
            clock = time.perf_counter()  # evaluation is not training; what follows is
            history.append(row)
            line.update(row)
            for callback in callbacks:
                callback(row, run.model)
            stop = run.world.any(interrupted(), run.choice.device) and not finished
            if finished or stop or _due(run.step, recipe.checkpoint_every):
                keep_checkpoint(run, folder)
            if stop:
                result = _result(run, history, folder)
                raise TrainingInterrupted(
                    f"Stopped after step {run.step} of {recipe.steps}. {last_checkpoint(folder)}",
                    result,
                )
    result = _result(run, history, folder)
    if folder is not None:
        keep_model(result, folder)
    return result


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def _check_pairs(recipe: Recipe, pairs: Pairs) -> None:
    if getattr(pairs, "role", "train") == "held_out":
        raise ValueError(
            "These pairs are held out: what a model learns from can't show what it can do unseen. "
            "Train on training_pairs(), or on shards of training families."
        )
    n, has = recipe.batch_size, len(pairs)
    if hasattr(pairs, "name_ids") and n > (names := len(np.unique(pairs.name_ids))):
        raise ValueError(
            f"A batch of {n} pairs can't be filled from {has} with {names} different names: no "
            f"name comes twice in a batch. Take a batch_size of at most {names}, or more data."
        )
    if n > has:
        raise ValueError(
            f"A batch of {n} pairs can't be filled from {has}. Take a batch_size of at most "
            f"{has}, or more data."
        )


def _result(run: Run, history: History, folder: Path | None) -> TrainingResult:
    rows = history.rows
    return TrainingResult(
        model=gathered(run.best_model).eval(),
        tokenizer=run.tokenizer,
        recipe=run.recipe,
        seed=run.seed,
        step=run.step,
        history=rows,
        seconds=run.seconds,
        pairs_per_second=run.step * run.recipe.batch_size / run.seconds if run.seconds else 0.0,
        zero_shot=next((row["zero_shot"] for row in reversed(rows) if "zero_shot" in row), {}),
        folder=folder,
    )
