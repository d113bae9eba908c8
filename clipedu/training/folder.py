"""What a run leaves in its folder, and how it says where that is."""

from __future__ import annotations

import warnings
from pathlib import Path

from clipedu.training.checkpoint import CHECKPOINT_NAME, MODEL_NAME, save_checkpoint, save_model
from clipedu.training.result import TrainingResult
from clipedu.training.run import Run, to_checkpoint


def open_folder(out: str | Path | None, resume: Path | None, overwrite: bool) -> Path | None:
    """The folder of a run, made where it is missing; None without `out`. What it holds stays.

    Raises FileExistsError when it holds another run or only a model, or is a file.
    """
    if out is None:
        return None
    folder = Path(out)
    held = [name for name in (CHECKPOINT_NAME, MODEL_NAME) if (folder / name).exists()]
    if held and not overwrite and not _is_of(folder, resume):
        go_on = f"Go on with it (resume={str(folder)!r}), choose"
        raise FileExistsError(
            f"{folder} holds a run already ({', '.join(held)}). "
            f"{go_on if CHECKPOINT_NAME in held else 'Choose'} another folder, or pass "
            "overwrite=True to lose it."
        )
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file; out must be a folder.")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def clear_folder(folder: Path, resume: Path | None) -> None:
    """Removes another run's checkpoint and model; those of the run that goes on stay.

    Or a crash would leave the old run's under the new run's name. Call it when nothing can refuse
    the new run any more: a wrong name must not cost the old one.
    """
    if not _is_of(folder, resume):
        for name in (CHECKPOINT_NAME, MODEL_NAME):
            (folder / name).unlink(missing_ok=True)


def _is_of(folder: Path, resume: Path | None) -> bool:
    """Whether the folder is that of the run that goes on."""
    return resume is not None and folder.resolve() == resume.resolve()


def last_checkpoint_in(place: str | Path | None) -> str:
    """:func:`last_checkpoint` of a folder or a file in it."""
    folder = None if place is None else Path(place)
    return last_checkpoint(folder.parent if folder is not None and folder.is_file() else folder)


def last_checkpoint(folder: Path | None) -> str:
    """Where a run can go on from, in a sentence."""
    if folder is None:
        return "No checkpoint was kept: train(..., out=FOLDER) keeps one."
    if not (folder / CHECKPOINT_NAME).exists():
        return f"There is no checkpoint in {folder} yet."
    return (
        f"The last checkpoint is in {folder}. Go on from it with train(resume={str(folder)!r}), "
        f"or `clipedu train --resume {folder}`."
    )


def keep_checkpoint(run: Run, folder: Path | None) -> None:
    """Writes the run down, on the rank that has a folder; call it on every rank.

    A disk that is full is warned of: training goes on.
    """
    if folder is None and not run.sharded:
        return
    checkpoint = to_checkpoint(run)  # split weights need every rank for this
    if folder is None:
        return
    try:
        save_checkpoint(folder / CHECKPOINT_NAME, checkpoint)
    except OSError as error:
        warnings.warn(f"{error} Training goes on.", stacklevel=2)


def keep_model(result: TrainingResult, folder: Path) -> None:
    """Writes the trained model; where it can't, it warns."""
    facts = {name: getattr(result, name) for name in ("seed", "step", "seconds", "zero_shot")}
    try:
        save_model(
            folder / MODEL_NAME,
            result.model,
            result.tokenizer,
            about={"recipe": result.recipe.to_dict(), **facts},
        )
    except OSError as error:
        warnings.warn(f"{error} The model is in the result, in memory.", stacklevel=2)
