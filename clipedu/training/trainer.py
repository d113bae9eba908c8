"""The training loop: pairs in, a CLIP out.

On a CPU, recipe, seed and number of threads decide every bit of the weights, and a run that was
broken off and resumed ends with the same bits as one that was not. It stops before anything is
spoiled: a loss that is not finite changes no weight, and Ctrl-C ends the step and leaves a
checkpoint.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from clipedu.device import fork_rng, is_accelerator, keep_freed_memory, pick_device, rank_device
from clipedu.evaluation import Task
from clipedu.models import CLIP
from clipedu.pairs import training_pairs
from clipedu.tokenizer import Tokenizer
from clipedu.training.batches import Feeder, Pairs, dataset_fingerprint
from clipedu.training.checkpoint import CHECKPOINT_NAME, MODEL_NAME, load_checkpoint, save_model
from clipedu.training.grad_cache import check_chunks, warn_of_batch_norm
from clipedu.training.paper import refuse_unaffordable
from clipedu.training.parallel import explain_lost_ranks, join_world, unshard
from clipedu.training.progress import (
    History,
    catch_interrupt,
    clear_folder,
    describe,
    keep_checkpoint,
    last_checkpoint,
    open_folder,
    progress_bar,
)
from clipedu.training.recipe import Recipe, get_recipe
from clipedu.training.run import Run, check_same_run, check_seed, new_run, restore_
from clipedu.training.step import TrainingDiverged, read_steps, train_step
from clipedu.training.validation import Evaluate, evaluated, evaluator

Callback = Callable[[dict[str, Any], CLIP], None]
#: Steps between two looks at a GPU, which has to finish its work for each.
LOOK_EVERY = 10


@dataclass(frozen=True)
class TrainingResult:
    """What a run leaves.

    Attributes:
        model: in eval mode; the averaged weights where the recipe keeps an average.
        step: steps taken; `recipe.steps` unless the run was broken off.
        history: one row a step: step, loss, logit_scale, learning_rate, gradient (its norm),
            pairs_per_second, seconds (so far), and zero_shot (accuracy by task) where evaluated.
        seconds: of training, without evaluation, with the earlier parts of a resumed run.
        folder: where the files are, if any were asked for.
    """

    model: CLIP
    tokenizer: Tokenizer
    recipe: Recipe
    seed: int
    step: int
    history: list[dict[str, Any]]
    seconds: float
    folder: Path | None

    @property
    def pairs_per_second(self) -> float:
        """Over the whole run."""
        return self.step * self.recipe.batch_size / self.seconds if self.seconds else 0.0

    @property
    def zero_shot(self) -> dict[str, float]:
        """The accuracies of the last evaluation, by task."""
        return next((row["zero_shot"] for row in self.history[::-1] if "zero_shot" in row), {})


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C, after the step was finished and a checkpoint left. `result` is the run so far."""

    def __init__(self, message: str, result: TrainingResult) -> None:
        super().__init__(message)
        self.result = result


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
    """Trains a CLIP from scratch, or resumes a run that was broken off.

    Args:
        recipe: a name of RECIPES or a Recipe, by default "laptop"; leave it out with `resume`.
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
        device: see :func:`clipedu.device.pick_device`.
        overwrite: let a new run replace the one in `out`.
    Raises:
        ValueError: what can't work: a batch larger than the data, too much compute, held-out
            pairs, a seed below 0.
        FileExistsError: `out` holds a run already. Whatever is refused, that run stays.
        FileNotFoundError, CheckpointError: there is nothing to resume, or it is another run.
        TrainingDiverged: loss or gradient is not finite; says where to look.
        TrainingInterrupted: Ctrl-C. A KeyboardInterrupt, with the run so far in `result`.
        RankLost: under torchrun, when another process ended or can't be found.

    Started by torchrun, this is one of several processes which share each batch, see
    :mod:`clipedu.training.parallel`. Rank 0 writes, and every rank returns the same model. When
    torchrun restarts them after a crash, the run in `out` is resumed.
    """
    choice = pick_device(device)
    keep_freed_memory()
    target, resumed = (None if path is None else Path(path) for path in (out, resume))
    with join_world(choice.device) as world:
        choice = dataclasses.replace(choice, device=rank_device(choice.device, world.local_rank))
        if world.restarts and resumed is None and target is not None:
            resumed = target if (target / CHECKPOINT_NAME).exists() else None
        saved = None
        if resumed is not None:
            saved = load_checkpoint(resumed)
            check_same_run(saved, resumed, recipe, seed, tokenizer)
            recipe, seed, tokenizer = saved.recipe, saved.seed, saved.tokenizer
            resumed = resumed if resumed.is_dir() else resumed.parent
        target = resumed if target is None else target
        recipe = get_recipe("laptop" if recipe is None else recipe)
        seed = check_seed(0 if seed is None else seed)
        refuse_unaffordable(recipe, choice.device)
        check_chunks(world.share(recipe.batch_size), recipe.execution.accumulate)
        with explain_lost_ranks(world, lambda: last_checkpoint(target)):
            with world.main_process_first():  # files made when missing, a folder that must be empty
                folder = target if world.is_main_process else None
                if folder is not None:
                    open_folder(folder, resumed, overwrite)
                size = recipe.config().vision.resolution
                data = training_pairs(size, progress=progress) if pairs is None else pairs
                _check_pairs(recipe, data)
                measure = evaluator(evaluate, recipe, world)  # now: a wrong name must not wait
            if tokenizer is None:
                if not (texts := data.texts()):
                    raise ValueError("These pairs have no texts(): give `train` a tokenizer.")
                tokenizer = Tokenizer.train(texts, recipe.vocab_size, progress=progress)
            run = new_run(recipe, seed, choice, tokenizer, dataset_fingerprint(data), world)
            with fork_rng(choice.device):  # what the caller draws afterwards does not depend on it
                torch.manual_seed(seed)
                if saved is not None:
                    restore_(run, saved, str(resumed))
                if folder is not None:
                    if overwrite:
                        clear_folder(folder, resumed)
                    recipe.save(folder / "recipe.json")
                earlier = resumed if world.is_main_process else None
                history = History(folder, upto=run.step, before=earlier)
                return _loop(run, data, history, folder, measure, progress, callbacks)


def _loop(
    run: Run,
    pairs: Pairs,
    history: History,
    folder: Path | None,
    measure: Evaluate | None,
    progress: bool,
    callbacks: Sequence[Callback],
) -> TrainingResult:
    recipe, device = run.recipe, run.choice.device
    feeder = Feeder(pairs, run.tokenizer, recipe, run.seed, device, run.world)
    batches = feeder.batches(run.step, recipe.steps, ahead=is_accelerator(device))
    look_every = LOOK_EVERY if is_accelerator(device) and not callbacks else 1
    shown, unread, accuracy = progress and run.world.is_main_process, [], {}
    at_once = run.world.share(recipe.batch_size) // recipe.execution.accumulate
    if at_once < recipe.batch_size and run.world.is_main_process:
        warn_of_batch_norm(run.model, at_once)
    run.model.train()
    with (
        contextlib.closing(batches),
        progress_bar(recipe, run.step, shown) as bar,
        catch_interrupt() as interrupted,
    ):
        clock = time.perf_counter()
        for batch in batches:
            unread.append(train_step(run, batch))
            finished = run.step == recipe.steps
            evaluates = finished or _due(run.step, recipe.evaluate_every)
            saves = finished or _due(run.step, recipe.checkpoint_every)
            if not (evaluates or saves or _due(run.step, look_every)):
                continue
            try:
                rows = read_steps(run, unread, feeder)
            except TrainingDiverged as error:
                raise TrainingDiverged(f"{error}\n{last_checkpoint(folder)}") from None
            each = (time.perf_counter() - clock) / len(unread)
            for row in rows:
                run.seconds += each
                row |= {"pairs_per_second": recipe.batch_size / each, "seconds": run.seconds}
            if measure is not None and evaluates:
                rows[-1]["zero_shot"] = accuracy = evaluated(run, measure)
            unread, clock = [], time.perf_counter()  # evaluation is not training; what follows is
            for row in rows:
                history.append(row)
                for callback in callbacks:
                    callback(row, run.model)
            bar.set_postfix_str(describe(history.rows, recipe, accuracy), refresh=False)
            bar.update(len(rows))
            stop = run.world.any(interrupted(), device) and not finished
            if saves or stop:
                keep_checkpoint(run, folder)
            if stop:
                raise TrainingInterrupted(
                    f"Stopped after step {run.step} of {recipe.steps}. {last_checkpoint(folder)}",
                    _result(run, history, folder),
                )
    result = _result(run, history, folder)
    if folder is not None:
        _keep_model(result, folder)
    return result


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def _check_pairs(recipe: Recipe, pairs: Pairs) -> None:
    if pairs.role == "held_out":
        raise ValueError(
            "These pairs are held out: what a model learns from can't show what it can do unseen. "
            "Train on training_pairs(), or on shards of training icon sets."
        )
    n, most = recipe.batch_size, pairs.largest_batch
    if n > most:
        why = "" if most == len(pairs) else f": at most {most} of them, as no name may come twice"
        raise ValueError(
            f"A batch of {n} pairs can't be filled from {len(pairs)}{why}. Take a batch_size of at "
            f"most {most}, or more data."
        )


def _result(run: Run, history: History, folder: Path | None) -> TrainingResult:
    return TrainingResult(
        model=unshard(run.best_model).eval(),
        tokenizer=run.tokenizer,
        recipe=run.recipe,
        seed=run.seed,
        step=run.step,
        history=history.rows,
        seconds=run.seconds,
        folder=folder,
    )


def _keep_model(result: TrainingResult, folder: Path) -> None:
    facts = {name: getattr(result, name) for name in ("seed", "step", "seconds", "zero_shot")}
    about = {"recipe": result.recipe.to_dict(), **facts}
    try:
        save_model(folder / MODEL_NAME, result.model, result.tokenizer, about=about)
    except OSError as error:
        warnings.warn(f"{error} The model is in the result, in memory.", stacklevel=2)
