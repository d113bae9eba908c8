"""The training loop: pairs in, a CLIP out.

On a CPU, recipe, seed and number of threads decide every bit of the weights, and a run that was
broken off and resumed ends with the same bits as one that was not. It stops before anything is
spoiled: a loss that is not finite changes no weight, and Ctrl-C ends the step and leaves a
checkpoint.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import signal
import statistics
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from clipedu.device import fork_rng, is_accelerator, keep_freed_memory, pick_device, rank_device
from clipedu.evaluation import Task
from clipedu.files import write_whole
from clipedu.models import CLIP
from clipedu.objectives import chance_loss
from clipedu.pairs import PairSet, training_pairs
from clipedu.tokenizer import Tokenizer
from clipedu.training.adapt import METHODS, merge_, train_mode_
from clipedu.training.batches import Feeder, Pairs, dataset_fingerprint
from clipedu.training.checkpoint import (
    CHECKPOINT_NAME,
    HISTORY_NAME,
    MODEL_NAME,
    history_lines,
    last_checkpoint,
    load_checkpoint,
    open_folder,
    read_history,
    save_checkpoint,
    save_model,
)
from clipedu.training.grad_cache import check_chunks, warn_of_batch_norm
from clipedu.training.parallel import explain_lost_ranks, join_world, unshard
from clipedu.training.recipe import Recipe, get_recipe, refuse_unaffordable
from clipedu.training.run import Run, check_same_run, check_seed, restore_, to_checkpoint
from clipedu.training.step import TrainingDiverged, read_steps, train_step
from clipedu.training.validation import Evaluate, evaluated, load_tasks

Callback = Callable[[dict[str, Any], CLIP], None]
#: Steps between two looks at a GPU, which has to finish its work for each.
LOOK_EVERY = 10


@dataclass(frozen=True)
class TrainingResult:
    """What a training run leaves behind."""

    model: CLIP  # in eval mode; the averaged weights where the recipe keeps an average
    tokenizer: Tokenizer
    recipe: Recipe
    seed: int
    step: int  # steps taken; `recipe.steps` unless the run was broken off
    #: One row a step: step, loss, logit_scale, learning_rate, gradient (its norm),
    #: pairs_per_second, seconds (so far), and zero_shot (accuracy by task) where evaluated.
    history: list[dict[str, Any]]
    seconds: float  # of training, without evaluation, with the earlier parts of a resumed run
    folder: Path | None  # where the files are, if any were asked for

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
    start: CLIP | None = None,
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
        out: folder for checkpoint, model, recipe and history; None: no files.
        pairs, tokenizer: by default `training_pairs()`, and one trained on the captions of `pairs`.
        resume: a run's folder or checkpoint; its files go on there, unless `out` is given.
        start: the model to fine-tune, which stays as it is, for a recipe that names a method.
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
        if world.restarts and resumed is None and target and (target / CHECKPOINT_NAME).exists():
            resumed = target
        saved = None
        if resumed is not None:
            saved = load_checkpoint(resumed)
            check_same_run(saved, resumed, recipe, seed, tokenizer)
            recipe, seed, tokenizer = saved.recipe, saved.seed, saved.tokenizer
            resumed = resumed if resumed.is_dir() else resumed.parent
        goes_on = resumed is not None and (target or resumed).resolve() == resumed.resolve()
        target = target or resumed
        recipe = get_recipe("laptop" if recipe is None else recipe)
        seed = check_seed(0 if seed is None else seed)
        refuse_unaffordable(recipe, choice.device)
        check_chunks(world.share(recipe.batch_size), recipe.execution.accumulate)
        folder, size = target if world.is_main_process else None, recipe.config().vision.resolution
        with explain_lost_ranks(world, lambda: last_checkpoint(target)):
            with world.main_process_first():  # files made when missing, a folder that must be empty
                if folder is not None:
                    open_folder(folder, overwrite or goes_on)
                data = training_pairs(size, progress=progress) if pairs is None else pairs
                _check_pairs(recipe, data)
                if isinstance(data, PairSet):  # others bring their own captions
                    data = data.drawn(recipe.captions, recipe.set_weights)
                wordless = recipe.objective == "simclr" and not callable(evaluate)
                tasks = None if evaluate is None or wordless else load_tasks(evaluate, size)
            if tokenizer is None:
                if not (texts := data.texts()):
                    raise ValueError("These pairs have no texts(): give `train` a tokenizer.")
                tokenizer = Tokenizer.train(texts, recipe.vocab_size, progress=progress)
            _check_start(recipe, start, tokenizer, resumed is not None)
            texts = data.texts() if recipe.objective == "ngrams" else []
            facts = dataset_fingerprint(data)
            run = Run(recipe, seed, choice, tokenizer, facts, world, start, texts)
            if saved is not None:
                restore_(run, saved, str(resumed))
            if resumed is not None:  # the rows after the checkpoint will be made again
                run.history = [row for row in read_history(resumed) if row["step"] <= run.step]
            if folder is not None:  # nothing refuses the run any more: what it replaces may go
                for name in () if goes_on else (CHECKPOINT_NAME, MODEL_NAME):
                    (folder / name).unlink(missing_ok=True)
                recipe.save(folder / "recipe.json")
                write_whole(folder / HISTORY_NAME, history_lines(run.history))
            with fork_rng(choice.device):  # what the caller draws afterwards does not depend on it
                return _loop(run, data, folder, tasks, progress, callbacks)


def _loop(
    run: Run,
    pairs: Pairs,
    folder: Path | None,
    tasks: Evaluate | list[Task] | None,
    progress: bool,
    callbacks: Sequence[Callback],
) -> TrainingResult:
    recipe, device = run.recipe, run.choice.device
    feeder = Feeder(pairs, run.tokenizer, recipe, run.seed, device, run.world)
    batches = feeder.batches(run.step, recipe.steps, ahead=is_accelerator(device))
    look_every = LOOK_EVERY if is_accelerator(device) and not callbacks else 1
    shown, unread, accuracy = progress and run.world.is_main_process, [], {}
    at_once = run.world.share(recipe.batch_size) // recipe.execution.accumulate
    seen_apart = at_once < recipe.batch_size and recipe.method == "scratch"
    if seen_apart and run.world.is_main_process:
        warn_of_batch_norm(run.model, at_once)
    train_mode_(run.model, recipe.method)
    with (
        contextlib.closing(batches),
        progress_bar(recipe, run.step, shown) as bar,
        catch_interrupt() as interrupted,
    ):
        clock = time.perf_counter()
        for batch in batches:
            unread.append(train_step(run, batch))
            finished = run.step == recipe.steps
            looks, evaluates, saves = (
                finished or (every > 0 and run.step % every == 0)
                for every in (look_every, recipe.evaluate_every, recipe.checkpoint_every)
            )
            if not (looks or evaluates or saves):
                continue
            try:
                rows = read_steps(run, unread, feeder)
            except TrainingDiverged as error:
                raise TrainingDiverged(f"{error}\n{last_checkpoint(folder)}") from None
            each = (time.perf_counter() - clock) / len(unread)
            for row in rows:
                run.seconds += each
                row |= {"pairs_per_second": recipe.batch_size / each, "seconds": run.seconds}
            if tasks is not None and evaluates:
                rows[-1]["zero_shot"] = accuracy = evaluated(run, tasks)
            unread, clock = [], time.perf_counter()  # evaluation is not training; what follows is
            run.history += rows
            if folder is not None:  # a disk that is full costs the file, not the run
                with contextlib.suppress(OSError), (folder / HISTORY_NAME).open("a") as file:
                    file.write(history_lines(rows))
            for row in rows:
                for callback in callbacks:
                    callback(row, run.model)
            bar.set_postfix_str(describe(run.history, recipe, accuracy), refresh=False)
            bar.update(len(rows))
            stop = run.world.any(interrupted(), device) and not finished
            if saves or stop:
                checkpoint = to_checkpoint(run)  # split weights need every rank for this
                if folder is not None:
                    _try_to(save_checkpoint, folder / CHECKPOINT_NAME, checkpoint)
            if stop:
                words = (
                    f"Stopped after step {run.step} of {recipe.steps}. {last_checkpoint(folder)}"
                )
                raise TrainingInterrupted(words, _result(run, folder))
    result = _result(run, folder)
    if folder is not None:
        facts = {name: getattr(result, name) for name in ("seed", "step", "seconds", "zero_shot")}
        about = {"recipe": recipe.to_dict(), **facts}
        _try_to(save_model, folder / MODEL_NAME, result.model, result.tokenizer, about=about)
    return result


def _check_pairs(recipe: Recipe, pairs: Pairs) -> None:
    if pairs.role == "held_out":
        words = "These pairs are held out, to show what a model can do with pictures it never saw"
        raise ValueError(f"{words}. Train on training_pairs(), or on shards of training icon sets.")
    n, most = recipe.batch_size, pairs.largest_batch
    if n > most:
        why = "" if most == len(pairs) else f": at most {most} of them, as no name may come twice"
        words = f"A batch of {n} pairs can't be filled from {len(pairs)}{why}"
        raise ValueError(f"{words}. Take a batch_size of at most {most}, or more data.")


def _check_start(recipe: Recipe, start: CLIP | None, words: Tokenizer, resumed: bool) -> None:
    if start is None and recipe.method != "scratch" and not resumed:
        raise ValueError(f"{recipe.method!r} needs a trained model: train(..., start=model).")
    if start is not None and recipe.method == "scratch":
        raise ValueError(f"With a model to start from, method is one of {', '.join(METHODS)}.")
    if start is not None and start.config != recipe.config(words.vocab_size):
        wrong = "The recipe or the tokenizer belongs to another model than the one to start from"
        raise ValueError(f"{wrong}. Take finetune_recipe(model), and the model's own tokenizer.")


def _result(run: Run, folder: Path | None) -> TrainingResult:
    facts = (run.tokenizer, run.recipe, run.seed, run.step, run.history, run.seconds)
    return TrainingResult(merge_(unshard(run.best_model)).eval(), *facts, folder)


def _try_to(write: Callable[..., Any], *what: Any, **more: Any) -> None:
    """Writes a file. A disk that is full costs the file, not the run."""
    try:
        write(*what, **more)
    except OSError as error:
        warnings.warn(f"{error} The run goes on.", stacklevel=3)


def progress_bar(recipe: Recipe, step: int, show: bool) -> tqdm:
    """tqdm's bar over the steps of a run; :func:`describe` has its words."""
    return tqdm(
        total=recipe.steps,
        initial=step,
        disable=not show,
        # A notebook keeps every version of the line: fewer of them.
        mininterval=0.5 if sys.stderr.isatty() else 5.0,
        bar_format="{n_fmt}/{total_fmt} steps |{bar:12}| {elapsed}<{remaining}{postfix}",
    )


def describe(
    rows: Sequence[dict[str, Any]], recipe: Recipe, accuracy: Mapping[str, float] | None = None
) -> str:
    """How a run goes: loss 3.12 (ln 512 = 6.24), 1,012 pairs/s, logit scale 23.1, lucide 41.2%.

    The speed is that of the last ten steps.
    """
    n, loss = recipe.batch_size, f"loss {rows[-1]['loss']:.2f}"
    chance = chance_loss(recipe.objective, n, recipe.vocab_size)
    if chance is not None:
        loss += f" (ln {round(math.exp(chance))} = {chance:.2f})"
    speed = statistics.fmean(row["pairs_per_second"] for row in rows[-10:])
    words = [loss, f"{speed:,.0f} pairs/s"]
    if recipe.objective in ("clip", "siglip", "convirt"):
        words.append(f"logit scale {rows[-1]['logit_scale']:.1f}")
    return ", ".join(words + [f"{name} {x:.1%}" for name, x in (accuracy or {}).items()])


@contextlib.contextmanager
def catch_interrupt() -> Iterator[Callable[[], bool]]:
    """Within this block Ctrl-C raises a flag, so that a step can end; a second one breaks off.

    Yields a function that tells whether Ctrl-C was pressed. Outside the main thread signals can't
    be caught, and where Ctrl-C is ignored (a job in the background) it stays ignored.
    """
    pressed = threading.Event()

    def note(number: int, frame: object) -> None:
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()

    before = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    listens = is_main and before != signal.SIG_IGN
    if listens:
        signal.signal(signal.SIGINT, note)
    try:
        yield pressed.is_set
    finally:
        if listens:
            signal.signal(signal.SIGINT, before)
