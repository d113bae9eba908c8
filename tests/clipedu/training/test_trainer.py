from __future__ import annotations

import dataclasses
import json
import math
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from clipedu.evaluation import Task, zero_shot
from clipedu.pairs import PairSet, Pictures, load_icons
from clipedu.training import (
    TrainingDiverged,
    TrainingInterrupted,
    load_checkpoint,
    load_model,
    read_history,
    read_steps,
    train,
    trainer,
)


def press_ctrl_c_at(step: int):
    def callback(row, model) -> None:
        if row["step"] == step:
            os.kill(os.getpid(), signal.SIGINT)

    return callback


def weights(model) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def assert_same_bits(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


def test_it_learns(pairs, recipe) -> None:
    recipe = dataclasses.replace(recipe, steps=60, learning_rate=5e-3)
    result = train(recipe, pairs=pairs, progress=False)
    first, last = result.history[0]["loss"], result.history[-1]["loss"]
    assert first > 0.8 * math.log(16)
    assert last < 0.5 * math.log(16)
    assert not result.model.training
    assert result.step == len(result.history) == 60
    assert [row["step"] for row in result.history] == list(range(1, 61))
    assert result.pairs_per_second == pytest.approx(60 * 16 / result.seconds)
    assert result.folder is None and result.zero_shot == {}


def test_a_seed_decides_every_bit_and_another_seed_other_bits(pairs, recipe) -> None:
    short = dataclasses.replace(recipe, steps=3)
    one, again, other = (
        train(short, seed=s, pairs=pairs, progress=False).model.state_dict() for s in (1, 1, 2)
    )
    assert_same_bits(one, again)
    assert not torch.equal(one["logit_scale"], other["logit_scale"])


@pytest.mark.parametrize(
    "changes", [{}, {"ema_decay": 0.9, "objective": "siglip"}, {"precision": "bf16"}]
)
def test_a_resumed_run_ends_with_the_bits_of_an_unbroken_one(
    changes, fake_pairs, recipe, tmp_path: Path, capsys
) -> None:
    recipe = dataclasses.replace(recipe, steps=9, checkpoint_every=4, **changes)
    unbroken = train(recipe, seed=3, pairs=fake_pairs(), progress=False, out=tmp_path / "whole")
    with pytest.raises(TrainingInterrupted) as caught:
        train(
            recipe,
            seed=3,
            pairs=fake_pairs(),
            progress=False,
            out=tmp_path / "broken",
            callbacks=[press_ctrl_c_at(6)],
        )
    words = str(caught.value)
    assert "after step 6 of 9" in words
    assert f"clipedu train --resume {tmp_path / 'broken'}" in words
    assert caught.value.result.step == 6
    assert load_checkpoint(tmp_path / "broken").step == 6

    torch.manual_seed(999)  # a resumed run must not depend on the state it meets
    later = fake_pairs()
    resumed = train(resume=tmp_path / "broken", pairs=later, progress=False)
    assert later.asked == [6, 7, 8]
    assert_same_bits(resumed.model.state_dict(), unbroken.model.state_dict())
    ends = [load_checkpoint(tmp_path / name) for name in ("whole", "broken")]
    for part in ("model", "average", "optimizer", "extra"):
        assert_same_bits(getattr(ends[0], part), getattr(ends[1], part))
    for rows in (resumed.history, read_history(tmp_path / "broken")):
        assert [row["loss"] for row in rows] == [row["loss"] for row in unbroken.history]
    assert resumed.seconds > caught.value.result.seconds


def test_a_crash_is_resumed_from_the_last_checkpoint(fake_pairs, recipe, tmp_path: Path) -> None:
    """The rows after the checkpoint, and a line cut off by the crash, are made again."""
    recipe = dataclasses.replace(recipe, steps=9, checkpoint_every=4)
    unbroken = train(recipe, seed=3, pairs=fake_pairs(), progress=False)

    def crash(row, model) -> None:
        if row["step"] == 6:
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        train(recipe, seed=3, pairs=fake_pairs(), progress=False, out=tmp_path, callbacks=[crash])
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('{"step": 7, "lo')
    resumed = train(resume=tmp_path, pairs=fake_pairs(), progress=False)
    assert_same_bits(resumed.model.state_dict(), unbroken.model.state_dict())
    assert [row["step"] for row in read_history(tmp_path)] == list(range(1, 10))


def test_what_a_run_leaves(pairs, recipe, tmp_path: Path) -> None:
    recipe = dataclasses.replace(recipe, steps=4, ema_decay=0.5)
    result = train(recipe, pairs=pairs, out=tmp_path / "run", progress=False)
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == [
        "checkpoint.safetensors",
        "history.jsonl",
        "model.safetensors",
        "recipe.json",
    ]
    model, tokenizer, about = load_model(tmp_path / "run")
    assert_same_bits(model.state_dict(), result.model.state_dict())
    assert not torch.equal(
        load_checkpoint(tmp_path / "run").model["logit_scale"], model.state_dict()["logit_scale"]
    )
    assert tokenizer.to_dict() == result.tokenizer.to_dict()
    assert about["recipe"] == json.loads(json.dumps(recipe.to_dict()))
    assert read_history(tmp_path / "run") == result.history
    finished = train(resume=tmp_path / "run", pairs=pairs, progress=False)
    assert finished.step == 4 and finished.history == result.history


def test_nan_stops_the_run_and_keeps_the_last_good_checkpoint(
    fake_pairs, recipe, tmp_path: Path
) -> None:
    recipe = dataclasses.replace(recipe, checkpoint_every=5)
    with pytest.raises(TrainingDiverged) as caught:
        train(recipe, pairs=fake_pairs(poison=7), out=tmp_path, progress=False)
    words = str(caught.value)
    assert "step 8 of 12" in words and "row 3" in words
    assert "The last checkpoint is in" in words
    saved = load_checkpoint(tmp_path)
    assert saved.step == 5
    assert all(value.isfinite().all() for value in saved.model.values())
    with pytest.raises(TrainingDiverged, match="No checkpoint was kept"):
        train(recipe, pairs=fake_pairs(poison=0), progress=False)


def test_evaluation_sees_the_model_in_eval_mode_and_is_no_training_time(
    pairs, recipe, tmp_path: Path
) -> None:
    recipe = dataclasses.replace(recipe, steps=7, evaluate_every=3)
    seen = []

    def evaluate(model, tokenizer) -> dict[str, float]:
        seen.append((model.training, torch.is_grad_enabled()))
        return {"squares": len(seen) / 10}

    modes = []
    plain = train(recipe, pairs=pairs, progress=False)
    result = train(
        recipe,
        pairs=pairs,
        progress=False,
        evaluate=evaluate,
        callbacks=[lambda row, model: modes.append(model.training)],
    )
    assert seen == [(False, False)] * 3  # steps 3, 6 and the last
    assert modes == [True] * 7
    rows = [row["step"] for row in result.history if "zero_shot" in row]
    assert rows == [3, 6, 7]
    assert result.zero_shot == {"squares": 0.3}
    assert_same_bits(weights(result.model), weights(plain.model))  # looking changes nothing


def test_a_wrong_task_is_noticed_before_training(pairs, recipe) -> None:
    with pytest.raises(ValueError, match="imagenet"):
        train(recipe, pairs=pairs, evaluate=["imagenet"], progress=False)
    assert pairs.asked == []


def test_the_callers_random_state_is_left_alone(pairs, recipe) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train(dataclasses.replace(recipe, steps=2), pairs=pairs, progress=False)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_batch_larger_than_the_data(pairs, recipe) -> None:
    with pytest.raises(ValueError, match="batch of 41 pairs can't be filled from 40"):
        train(dataclasses.replace(recipe, batch_size=41), pairs=pairs)


def test_a_batch_of_more_pairs_than_names(pairs, recipe) -> None:
    """Where no name may come twice in a batch, as in a PairSet."""
    pairs = type("Few", (type(pairs),), {"largest_batch": 20})()
    with pytest.raises(ValueError, match="batch of 21 .* 40: at most 20.*no name.*at most 20"):
        train(dataclasses.replace(recipe, batch_size=21), pairs=pairs, progress=False)
    assert pairs.asked == []
    full = dataclasses.replace(recipe, batch_size=20, steps=1)
    assert train(full, pairs=pairs, progress=False).step == 1
    known = load_icons(["phosphor"])  # which draws each thing in several styles
    names = len(wanted := {icon.name for icon in known[:20]})
    icons = [icon for icon in known if icon.name in wanted]
    rgba = np.zeros((len(icons), 8, 8, 4), np.uint8)
    few = PairSet(Pictures(icons, rgba, 8), ["phosphor"])
    assert len(few.rows_at(0, names, 0)) == names < len(few)  # its own limit is the same one
    with pytest.raises(ValueError, match=f"at most {names}, or more data"):
        train(dataclasses.replace(recipe, batch_size=names + 1), pairs=few, progress=False)


def test_a_recipe_decides_the_captions_and_how_often_a_set_is_drawn(recipe) -> None:
    icons = load_icons(["eva"])[:60] + load_icons(["typicons"])[:60]
    rgba = np.full((len(icons), 32, 32, 4), 255, np.uint8)
    seen: list[str] = []

    class Spy(PairSet):
        def part_at(self, *args):
            seen.append(f"{self.weights.max():g}")
            pictures, captions = super().part_at(*args)
            seen.extend(captions)
            return pictures, captions

        batch_at = PairSet.batch_at

    pairs = Spy(Pictures(icons, rgba, 32), ["eva", "typicons"])
    changed = dataclasses.replace(recipe, captions="sentences", set_weights={"eva": 5.0}, steps=2)
    train(changed, pairs=pairs, progress=False)
    assert seen[0] == "5" and any(text.endswith(".") for text in seen)


def test_a_full_disk_costs_the_checkpoint_and_not_the_run(
    pairs, recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("clipedu.training.checkpoint.save_file", full)
    recipe = dataclasses.replace(recipe, steps=6, checkpoint_every=5)
    with pytest.warns(UserWarning, match="No space left"):
        result = train(recipe, pairs=pairs, out=tmp_path, progress=False)
    assert result.step == 6


def test_a_second_ctrl_c_does_not_wait(pairs, recipe) -> None:
    def impatient(row, model) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as caught:
        train(recipe, pairs=pairs, progress=False, callbacks=[impatient])
    assert not isinstance(caught.value, TrainingInterrupted)


def test_the_line_shows_what_matters(pairs, recipe, capsys) -> None:
    recipe = dataclasses.replace(recipe, steps=2)
    train(recipe, pairs=pairs, evaluate=lambda model, tokenizer: {"squares": 0.25})
    line = capsys.readouterr().err
    assert "2/2 steps" in line
    assert f"(ln 16 = {math.log(16):.2f})" in line
    for words in ("loss ", "pairs/s", "logit scale 14", "squares 25.0%"):
        assert words in line


def test_held_out_pairs_are_not_for_training(pairs, recipe) -> None:
    pairs.role = "held_out"
    with pytest.raises(ValueError, match="held out"):
        train(recipe, pairs=pairs, progress=False)
    assert pairs.asked == []


def test_a_task_can_be_given_itself(pairs, recipe) -> None:
    rows = list(range(40))
    task = Task(
        "squares",
        torch.stack([pairs.picture(i) for i in rows]),
        torch.tensor(rows),
        [pairs.icons[i].name for i in rows],
        ["{}"],
        "made here",
    )
    recipe = dataclasses.replace(recipe, steps=2, evaluate_every=1)
    result = train(recipe, pairs=pairs, progress=False, evaluate=task)
    assert list(result.zero_shot) == ["squares"]
    assert 0 <= result.zero_shot["squares"] <= 1
    one = zero_shot(result.model, result.tokenizer, task).top1
    assert result.zero_shot["squares"] == one


def test_a_gpu_is_looked_at_every_few_steps(
    fake_pairs, recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken for one, the CPU gives the same run, rows for all steps and the same divergence."""
    recipe = dataclasses.replace(recipe, checkpoint_every=5)
    plain = train(recipe, pairs=fake_pairs(), progress=False)
    reads = []

    def read(run, steps, batch_at):
        reads.append(len(steps))
        return read_steps(run, steps, batch_at)

    monkeypatch.setattr(trainer, "is_accelerator", lambda device: True)
    monkeypatch.setattr(trainer, "read_steps", read)
    seen = train(recipe, pairs=fake_pairs(), progress=False)
    assert reads == [5, 5, 2]
    assert_same_bits(weights(seen.model), weights(plain.model))
    assert [row["loss"] for row in seen.history] == [row["loss"] for row in plain.history]
    assert [row["step"] for row in seen.history] == list(range(1, 13))
    with pytest.raises(TrainingDiverged, match=r"step 8 of 12(.|\n)*first at row 3"):
        train(recipe, pairs=fake_pairs(poison=7), out=tmp_path, progress=False)
    assert load_checkpoint(tmp_path).step == 5
