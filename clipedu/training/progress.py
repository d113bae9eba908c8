"""What a run leaves in its folder, what it tells meanwhile, and Ctrl-C, which ends a step."""

from __future__ import annotations

import contextlib
import json
import math
import shlex
import signal
import statistics
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from clipedu.files import write_whole
from clipedu.training.checkpoint import CHECKPOINT_NAME, MODEL_NAME, save_checkpoint
from clipedu.training.recipe import Recipe
from clipedu.training.run import Run, to_checkpoint

HISTORY_NAME = "history.jsonl"


def open_folder(out: Path, resumed: Path | None, overwrite: bool) -> None:
    """Makes the folder of a run where it is missing. What it holds stays.

    Raises FileExistsError when it holds another run or only a model, or is a file.
    """
    held = [name for name in (CHECKPOINT_NAME, MODEL_NAME) if (out / name).exists()]
    if held and not overwrite and not _is_same(out, resumed):
        go_on = f"Go on with it (resume={str(out)!r}), choose"
        raise FileExistsError(
            f"{out} holds a run already ({', '.join(held)}). "
            f"{go_on if CHECKPOINT_NAME in held else 'Choose'} another folder, or pass "
            "overwrite=True to lose it."
        )
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"{out} is a file; out must be a folder.")
    out.mkdir(parents=True, exist_ok=True)


def clear_folder(folder: Path, resumed: Path | None) -> None:
    """Removes another run's checkpoint and model; those of the run that is resumed stay.

    Or a crash would leave the old run's under the new run's name. Call it when nothing can refuse
    the new run any more: a wrong name must not cost the old one.
    """
    if not _is_same(folder, resumed):
        for name in (CHECKPOINT_NAME, MODEL_NAME):
            (folder / name).unlink(missing_ok=True)


def _is_same(folder: Path, resumed: Path | None) -> bool:
    return resumed is not None and folder.resolve() == resumed.resolve()


def last_checkpoint(folder: Path | None) -> str:
    """Where a run can go on from, in a sentence."""
    if folder is None:
        return "No checkpoint was kept: train(..., out=FOLDER) keeps one."
    if not (folder / CHECKPOINT_NAME).exists():
        return f"There is no checkpoint in {folder} yet."
    return (
        f"The last checkpoint is in {folder}. Go on from it with train(resume={str(folder)!r}), "
        f"or `clipedu train --resume {shlex.quote(str(folder))}`."
    )


def keep_checkpoint(run: Run, folder: Path | None) -> None:
    """Writes the run down, on the rank that has a folder; call it on every rank.

    A disk that is full is warned of: training goes on.
    """
    if folder is None and not run.is_split:
        return
    checkpoint = to_checkpoint(run)  # split weights need every rank for this
    if folder is not None:
        try:
            save_checkpoint(folder / CHECKPOINT_NAME, checkpoint)
        except OSError as error:
            warnings.warn(f"{error} Training goes on.", stacklevel=2)


class History:
    """Rows of a run, one for each step, kept in memory and appended to history.jsonl.

    A run that is resumed after step `upto` forgets the rows after it: they will be made again.
    """

    def __init__(self, folder: Path | None, *, upto: int = 0, before: Path | None = None) -> None:
        self.rows: list[dict[str, Any]] = []
        self._path = None if folder is None else folder / HISTORY_NAME
        if upto and before is not None:
            self.rows = [row for row in read_history(before) if row["step"] <= upto]
        if self._path is not None:
            write_whole(self._path, "".join(json.dumps(row) + "\n" for row in self.rows))

    def append(self, row: dict[str, Any]) -> None:
        """Adds a row. A disk that is full costs the file, not the run."""
        self.rows.append(row)
        if self._path is not None:
            with contextlib.suppress(OSError), self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


def read_history(path: str | Path) -> list[dict[str, Any]]:
    """The rows of a history.jsonl, or of the one in a run's folder; empty where there is none.

    A last line that was cut off when the machine stopped is left out.
    """
    file = Path(path) / HISTORY_NAME if Path(path).is_dir() else Path(path)
    rows: list[dict[str, Any]] = []
    if file.exists():
        for line in file.read_text("utf-8").splitlines():
            with contextlib.suppress(ValueError):
                rows.append(json.loads(line))
    return rows


def progress_bar(recipe: Recipe, step: int, show: bool) -> tqdm:
    """tqdm's bar over the steps of a run; :func:`describe` has its words."""
    return tqdm(
        total=recipe.steps,
        initial=step,
        disable=not show,
        unit="step",
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
    if recipe.objective == "infonce":  # SigLIP's loss has no such landmark
        loss += f" (ln {n} = {math.log(n):.2f})"
    speed = statistics.fmean(row["pairs_per_second"] for row in rows[-10:])
    words = [loss, f"{speed:,.0f} pairs/s", f"logit scale {rows[-1]['logit_scale']:.1f}"]
    return ", ".join(words + [f"{name} {x:.1%}" for name, x in (accuracy or {}).items()])


@contextlib.contextmanager
def catch_interrupt() -> Iterator[Callable[[], bool]]:
    """Within this block Ctrl-C raises a flag, so that a step can end; a second one breaks off.

    Yields a function that tells whether Ctrl-C was pressed. Outside the main thread signals can't
    be caught, and where Ctrl-C is ignored (a job in the background) it stays ignored.
    """
    pressed = threading.Event()
    ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    if ignored or threading.current_thread() is not threading.main_thread():
        yield pressed.is_set
        return

    def note(number: int, frame: object) -> None:
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)
