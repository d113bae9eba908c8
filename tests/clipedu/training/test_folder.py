"""A folder holds one run: another is not lost by accident, and never mixed with it."""

from __future__ import annotations

import dataclasses
import os
import signal
from pathlib import Path

import pytest

from clipedu.training import CheckpointError, TrainingInterrupted, load_checkpoint, train
from clipedu.training.checkpoint import CHECKPOINT_NAME, MODEL_NAME


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def press_ctrl_c(row, model) -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_another_run_is_not_overwritten(pairs, recipe, tmp_path: Path) -> None:
    recipe = dataclasses.replace(recipe, steps=2)
    train(recipe, pairs=pairs, out=tmp_path, progress=False)
    with pytest.raises(FileExistsError, match=r"holds a run already.*resume="):
        train(recipe, pairs=pairs, out=tmp_path, progress=False)
    train(recipe, seed=1, pairs=pairs, out=tmp_path, progress=False, overwrite=True)
    assert load_checkpoint(tmp_path).seed == 1
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError, match="out must be a folder"):
        train(recipe, pairs=pairs, out=tmp_path / "file", progress=False)


def test_a_model_alone_is_not_overwritten(pairs, recipe, tmp_path: Path) -> None:
    recipe, a, b = dataclasses.replace(recipe, steps=2), tmp_path / "a", tmp_path / "b"
    for folder in (a, b):
        train(recipe, pairs=pairs, out=folder, progress=False)
    (b / CHECKPOINT_NAME).unlink()
    before = contents(b)
    for how in ({"recipe": recipe}, {"resume": a}):
        with pytest.raises(FileExistsError, match=rf"\({MODEL_NAME}\)\. Choose another") as caught:
            train(**how, pairs=pairs, out=b, progress=False)
        assert "resume=" not in str(caught.value)  # there is nothing to go on from
    assert contents(b) == before
    train(recipe, seed=1, pairs=pairs, out=b, progress=False, overwrite=True)
    assert load_checkpoint(b).seed == 1


def test_what_is_refused_does_not_cost_the_old_run(
    pairs, fake_pairs, recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, a, b = dataclasses.replace(recipe, steps=2), tmp_path / "a", tmp_path / "b"
    for folder in (a, b):
        train(recipe, pairs=pairs, out=folder, progress=False)
    before = contents(b)
    order = {"recipe": recipe, "pairs": pairs, "out": b, "overwrite": True, "progress": False}
    wrong = [
        {"recipe": dataclasses.replace(recipe, batch_size=41)},
        {"evaluate": "imagenet"},
        {"seed": -1},
        {"recipe": None, "resume": a, "pairs": fake_pairs(count=30)},
        {"recipe": None, "resume": tmp_path / "nowhere"},
    ]
    for change in wrong:
        with pytest.raises((ValueError, CheckpointError, FileNotFoundError)):
            train(**{**order, **change})
        assert contents(b) == before, change

    def refuse(*args: object) -> None:  # as it does split weights in fp16
        raise ValueError("can't run in fp16")

    monkeypatch.setattr("clipedu.training.trainer.Run", refuse)
    with pytest.raises(ValueError, match="fp16"):
        train(**order)
    assert contents(b) == before


@pytest.mark.parametrize("goes_on", [False, True])
def test_no_model_of_an_overwritten_run_stays(
    goes_on: bool, fake_pairs, recipe, tmp_path: Path
) -> None:
    """After Ctrl-C it would be taken for the new run's."""
    a, b, recipe = tmp_path / "a", tmp_path / "b", dataclasses.replace(recipe, steps=4)
    pairs = fake_pairs()
    train(recipe, pairs=pairs, out=b, progress=False)
    order = {"pairs": pairs, "progress": False, "callbacks": [press_ctrl_c]}
    with pytest.raises(TrainingInterrupted):
        train(recipe, seed=1, out=a, **order)
    how = {"resume": a} if goes_on else {"recipe": recipe, "seed": 1}
    with pytest.raises(TrainingInterrupted):
        train(**how, out=b, overwrite=True, **order)
    assert not (b / MODEL_NAME).exists()
    saved = load_checkpoint(b)
    assert (saved.seed, saved.step) == (1, 2 if goes_on else 1)
    assert load_checkpoint(a).step == 1  # what was gone on from is as it was


def test_overwriting_does_not_touch_the_run_that_goes_on(
    pairs, recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, run = dataclasses.replace(recipe, steps=2), tmp_path / "run"
    train(recipe, pairs=pairs, out=run, progress=False)
    before = contents(run)
    (tmp_path / "link").symlink_to(run)
    monkeypatch.setattr("clipedu.training.trainer.save_model", lambda *args, **about: None)
    for resume in (run, run / CHECKPOINT_NAME, tmp_path / "link"):
        train(resume=resume, out=run, pairs=pairs, overwrite=True, progress=False)
        assert contents(run) == before
