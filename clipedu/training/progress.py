"""What a run tells: a line for people, a file for programs; and Ctrl-C, heard politely."""

from __future__ import annotations

import contextlib
import json
import math
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from clipedu.files import write_whole
from clipedu.training.recipe import Recipe

HISTORY_NAME = "history.jsonl"


class History:
    """Rows of a run, one for each step, kept in memory and appended to history.jsonl.

    A run that goes on after step k forgets the rows after k: they will be made again.
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
    path = Path(path)
    file = path / HISTORY_NAME if path.is_dir() else path
    rows: list[dict[str, Any]] = []
    if file.exists():
        for line in file.read_text("utf-8").splitlines():
            with contextlib.suppress(ValueError):
                rows.append(json.loads(line))
    return rows


class ProgressLine:
    """tqdm's bar with the four numbers that say how a run goes."""

    def __init__(self, recipe: Recipe, step: int, show: bool) -> None:
        self.recipe = recipe
        self._speed = 0.0
        self._accuracy = ""
        self._bar = tqdm(
            total=recipe.steps,
            initial=step,
            disable=not show,
            unit="step",
            # A notebook keeps every version of the line: fewer of them.
            mininterval=0.5 if sys.stderr.isatty() else 5.0,
            bar_format="{n_fmt}/{total_fmt} steps |{bar:12}| {elapsed}<{remaining}{postfix}",
        )

    def update(self, row: dict[str, Any]) -> None:
        """Shows a history row."""
        speed = row["pairs_per_second"]
        self._speed = speed if not self._speed else 0.9 * self._speed + 0.1 * speed
        if "zero_shot" in row:
            self._accuracy = ", ".join(
                f"{name} {value:.1%}" for name, value in row["zero_shot"].items()
            )
        self._bar.set_postfix_str(
            describe_row(row, self.recipe, self._speed, self._accuracy), refresh=False
        )
        self._bar.update(1)

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()


def describe_row(row: dict[str, Any], recipe: Recipe, speed: float, accuracy: str = "") -> str:
    """The line: loss 3.12 (ln 512 = 6.24), 1,012 pairs/s, logit scale 23.1, lucide 41.2%."""
    n = recipe.batch_size
    words = [
        f"loss {row['loss']:.2f}",
        f"{speed:,.0f} pairs/s",
        f"logit scale {row['logit_scale']:.1f}",
    ]
    if recipe.objective == "infonce":  # SigLIP's loss has no such landmark
        words[0] += f" (ln {n} = {math.log(n):.2f})"
    return ", ".join([*words, accuracy] if accuracy else words)


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
