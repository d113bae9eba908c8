"""A run goes on only as what it was: its recipe, seed, tokenizer, data and loss scaler."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from clipedu.device import DeviceChoice, pick_device
from clipedu.pairs import NONE, Augmentation
from clipedu.tokenizer import Tokenizer
from clipedu.training import (
    RECIPES,
    CheckpointError,
    Pairs,
    Run,
    load_checkpoint,
    save_checkpoint,
    train,
)
from clipedu.training.checkpoint import CHECKPOINT_NAME
from clipedu.training.run import check_seed, restore_, to_checkpoint

TOKENIZER = Tokenizer.train(["small red left"] * 3, 262)


def test_only_the_same_run_can_be_resumed(pairs, fake_pairs, recipe, tmp_path: Path) -> None:
    recipe = dataclasses.replace(recipe, steps=2)
    train(recipe, seed=4, pairs=pairs, out=tmp_path, progress=False)
    again = {"resume": tmp_path, "pairs": pairs, "progress": False}
    saved = load_checkpoint(tmp_path).tokenizer
    assert train(recipe, seed=4, tokenizer=saved, **again).step == 2
    with pytest.raises(CheckpointError, match=r"another recipe.*steps \(2 / 3\)"):
        train(dataclasses.replace(recipe, steps=3), **again)
    with pytest.raises(CheckpointError, match="another recipe.*preset"):
        train("laptop", **again)
    with pytest.raises(CheckpointError, match="seed 4, not 5"):
        train(recipe, seed=5, **again)
    with pytest.raises(CheckpointError, match="another tokenizer"):
        train(tokenizer=Tokenizer.train(["x y z"], 258), **again)
    with pytest.raises(CheckpointError, match=r"other data \(pairs: 40, now 30\)"):
        train(resume=tmp_path, pairs=fake_pairs(count=30), progress=False)
    with pytest.raises(FileNotFoundError):
        train(resume=tmp_path / "nowhere", pairs=pairs)


def test_as_many_other_pairs_are_noticed(fake_pairs, recipe, tmp_path: Path) -> None:
    recipe = dataclasses.replace(recipe, steps=2)
    train(recipe, pairs=fake_pairs(), out=tmp_path, progress=False)
    turned, other = fake_pairs(), type("OtherPairs", (fake_pairs,), {})()
    turned.icons.reverse()  # the same names in another order make other batches
    with pytest.raises(CheckpointError, match=r"other data \(captions_sha256.*same --shards"):
        train(resume=tmp_path, pairs=turned, progress=False)
    with pytest.raises(CheckpointError, match=r"\(kind: FakePairs, now OtherPairs\)"):
        train(resume=tmp_path, pairs=other, progress=False)
    assert turned.asked == other.asked == []
    assert train(resume=tmp_path, pairs=fake_pairs(), progress=False).step == 2


def test_a_checkpoint_that_says_less_of_its_data_goes_on(
    fake_pairs, recipe, tmp_path: Path
) -> None:
    """Once it was the number of pairs alone."""
    train(dataclasses.replace(recipe, steps=2), pairs=fake_pairs(), out=tmp_path, progress=False)
    saved = load_checkpoint(tmp_path)
    del saved.facts["kind"], saved.facts["captions_sha256"]
    save_checkpoint(tmp_path / CHECKPOINT_NAME, saved)
    assert train(resume=tmp_path, pairs=fake_pairs(), progress=False).step == 2
    with pytest.raises(CheckpointError, match="pairs: 40, now 30"):
        train(resume=tmp_path, pairs=fake_pairs(count=30), progress=False)


class Wordless(Pairs):
    """Pairs that know no words in advance: they come with a tokenizer."""

    def __len__(self) -> int:
        return 20

    def batch_at(
        self, step: int, n: int, seed: int, augmentation: Augmentation = NONE
    ) -> tuple[torch.Tensor, list[str]]:
        generator = torch.Generator().manual_seed(step)
        return torch.rand(n, 3, 32, 32, generator=generator), [f"small {k}" for k in range(n)]


def test_pairs_without_words_of_their_own_train_and_go_on(recipe, tmp_path: Path) -> None:
    recipe, pairs = dataclasses.replace(recipe, steps=2), Wordless()
    train(recipe, pairs=pairs, tokenizer=TOKENIZER, out=tmp_path, progress=False)
    assert load_checkpoint(tmp_path).facts["kind"] == "Wordless"
    assert train(resume=tmp_path, pairs=pairs, progress=False).step == 2
    with pytest.raises(ValueError, match=r"no texts\(\): give `train` a tokenizer"):
        train(recipe, pairs=pairs, progress=False)


def test_a_run_that_needed_no_loss_scaler_goes_on_where_it_needs_one() -> None:
    """Precision "auto", begun on a CPU in fp32 and taken to a card that has fp16 only."""
    recipe = dataclasses.replace(RECIPES["tiny"], vocab_size=300, precision="auto")
    cpu = dataclasses.replace(pick_device("cpu"), dtype=torch.float32)
    card = DeviceChoice(torch.device("cpu"), torch.float16, "as on an old card")
    run = Run(recipe, 5, cpu, TOKENIZER)
    for p in run.parameters:
        p.grad = torch.ones_like(p)
    run.optimizer.step()
    run.step = 3
    saved = to_checkpoint(run)
    assert saved.facts["scaler"] == {}
    onward = Run(recipe, 5, card, TOKENIZER)
    fresh = onward.scaler.state_dict()
    restore_(onward, saved, "here")
    assert onward.step == 3 and fresh and onward.scaler.state_dict() == fresh
    onward.scaler.scale(torch.ones(()))  # before this it has nothing to update
    onward.scaler.update(128.0)  # what a scaler has found out is kept
    third = Run(recipe, 5, card, TOKENIZER)
    restore_(third, to_checkpoint(onward), "here")
    assert third.scaler.get_scale() == onward.scaler.get_scale()


@pytest.mark.parametrize("seed", [-1, 2**64, 1.0, "3", None])
def test_a_seed_that_cant_be_one_is_refused(seed) -> None:
    with pytest.raises(ValueError, match=r"whole number from 0 to 2\*\*64 - 1, not"):
        check_seed(seed)


def test_a_wrong_seed_is_noticed_before_training(pairs, recipe, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="A seed is a whole number.*not -1"):
        train(recipe, seed=-1, pairs=pairs, out=tmp_path / "run", progress=False)
    assert pairs.asked == [] and not list(tmp_path.iterdir())
    one = dataclasses.replace(recipe, steps=1)
    assert train(one, seed=2**64 - 1, pairs=pairs, progress=False).step == 1
    result = train(one, seed=np.int64(3), pairs=pairs, out=tmp_path / "run", progress=False)
    assert type(result.seed) is int and load_checkpoint(tmp_path / "run").seed == 3
