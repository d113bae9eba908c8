"""Every objective trains from the same recipe, and can be saved, resumed and loaded."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import json
import math
from pathlib import Path

import pytest
import torch

from clipedu.cli.train import add_train
from clipedu.device import pick_device
from clipedu.evaluation import load_task
from clipedu.objectives import OBJECTIVES, ImageModel, chance_loss
from clipedu.pairs import Augmentation
from clipedu.tokenizer import Tokenizer
from clipedu.training import Execution, Feeder, Recipe, Run, load_checkpoint, load_model, train
from clipedu.training.batches import two_views
from clipedu.training.parallel import World
from clipedu.training.trainer import describe

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def task():
    return load_task("heroicons").take(slice(0, 4))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_it_learns(name: str, recipe: Recipe, pairs, tmp_path: Path, task) -> None:
    recipe = dataclasses.replace(recipe, objective=name, steps=30, evaluate_every=30)
    result = train(recipe, pairs=pairs, out=tmp_path, progress=False, evaluate=[task])
    losses = [row["loss"] for row in result.history]
    assert all(math.isfinite(x) for x in losses)
    assert sum(losses[-5:]) < sum(losses[:5]) - 0.1
    assert bool(result.zero_shot) == (name != "simclr")
    chance = chance_loss(name, recipe.batch_size, result.tokenizer.vocab_size)
    if chance is not None:
        logits_are_flat = name not in ("clip", "convirt", "simclr")  # cosines of random embeddings
        assert losses[0] == pytest.approx(chance, abs=0.3 if logits_are_flat else 1.5)
    kind = OBJECTIVES[name]
    for where in (tmp_path, tmp_path / "checkpoint.safetensors"):
        model, _, about = load_model(where)
        assert type(model) is kind
        assert about["recipe"]["objective"] == name
        assert all(
            map(torch.equal, model.state_dict().values(), result.model.state_dict().values())
        )


@pytest.mark.parametrize("name", ["convirt", "virtex", "icmlm", "bow", "ngrams", "simclr"])
def test_a_resumed_run_is_the_unbroken_one(
    name: str, recipe: Recipe, pairs, tmp_path: Path
) -> None:
    options = {"lam": 0.4} if name in ("convirt", "ngrams") else {}
    recipe = dataclasses.replace(
        recipe, objective=name, options=options, steps=5, checkpoint_every=3, ema_decay=0.9
    )
    whole = train(recipe, pairs=pairs, progress=False)

    def stop(row: dict[str, object], model: object) -> None:
        if row["step"] == 4:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train(recipe, pairs=pairs, out=tmp_path, progress=False, callbacks=[stop])
    saved = load_checkpoint(tmp_path)
    assert saved.step == 3 and saved.recipe == recipe
    again = train(resume=tmp_path, pairs=pairs, progress=False)
    assert all(
        map(torch.equal, again.model.state_dict().values(), whole.model.state_dict().values())
    )
    assert load_model(tmp_path)[0].state_dict().keys() == whole.model.state_dict().keys()


def test_old_recipes_and_checkpoints_say_infonce(recipe: Recipe, pairs, tmp_path: Path) -> None:
    assert Recipe(objective="infonce") == Recipe(objective="clip") == Recipe()
    old = recipe.to_dict() | {"objective": "infonce"}
    del old["options"]
    (tmp_path / "recipe.json").write_text(json.dumps(old))
    assert Recipe.load(tmp_path / "recipe.json") == recipe
    train(recipe, pairs=pairs, out=tmp_path / "run", progress=False)
    file = tmp_path / "run" / "checkpoint.safetensors"
    data = file.read_bytes().replace(b'\\"objective\\": \\"clip\\"', b'\\"objective\\":\\"clip\\" ')
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    words = json.loads(header["__metadata__"]["clipedu"])
    words["recipe"] = old
    header["__metadata__"]["clipedu"] = json.dumps(words)
    packed = json.dumps(header).encode()
    file.write_bytes(len(packed).to_bytes(8, "little") + packed + data[8 + size :])
    assert load_checkpoint(file).recipe == recipe
    assert train(resume=file, recipe=recipe, pairs=pairs, progress=False).step == recipe.steps


def test_an_old_model_of_the_package_loads() -> None:
    model, _, about = load_model(
        Path(inspect.getfile(Recipe)).parents[1] / "assets" / "laptop.safetensors"
    )
    assert not isinstance(model, ImageModel)


def test_two_views_are_of_the_same_pictures(recipe: Recipe, pairs) -> None:
    recipe = dataclasses.replace(recipe, objective="simclr")
    words = Tokenizer.train(pairs.texts(), 300)
    feeder = Feeder(pairs, words, recipe, 0, CPU)
    batch, again = feeder(2), feeder(2)
    assert torch.equal(batch.pictures, again.pictures)
    assert batch.pictures.shape == (32, 3, 32, 32) and batch.tokens.shape[0] == 16
    first, second = batch.pictures.chunk(2)
    assert not torch.equal(first, second)
    plain = torch.rand(3, 3, 32, 32)
    nothing = Augmentation(invert=0, thicken=0, thin=0, affine=0)
    views = two_views(plain, torch.Generator(), nothing)
    assert torch.allclose(views, torch.cat([plain, plain]), atol=1e-6)


def test_convirt_reads_one_sentence_of_each_caption(recipe: Recipe, pairs, monkeypatch) -> None:
    def batch_at(*asked: object):
        return torch.rand(16, 3, 32, 32), [f"red {k}. blue {k}." for k in range(16)]

    monkeypatch.setattr(pairs, "batch_at", batch_at)
    words = Tokenizer.train(["red 1. blue 2."] * 3, 270)
    batch = Feeder(pairs, words, dataclasses.replace(recipe, objective="convirt"), 0, CPU)(0)
    read = [words.decode(row) for row in batch.tokens]
    assert {text.split()[0] for text in read} == {"red", "blue"}
    assert all(text.count(".") == 1 for text in read)
    whole = Feeder(pairs, words, recipe, 0, CPU)(0)
    assert [words.decode(row) for row in whole.tokens][3] == "red 3. blue 3."


def test_what_can_not_be_computed_in_parts(recipe: Recipe) -> None:
    for execution in (Execution(accumulate=2), Execution(tile=8)):
        with pytest.raises(ValueError, match="for virtex: only the losses of clip and siglip"):
            dataclasses.replace(recipe, objective="virtex", execution=execution)
    with pytest.raises(ValueError, match="bow trains in one process"):
        Run(
            dataclasses.replace(recipe, objective="bow"),
            0,
            pick_device("cpu"),
            Tokenizer.train(["a red cat"] * 3, 260),
            world=World(0, 2),
        )


def test_the_progress_line_knows_each_landmark(recipe: Recipe) -> None:
    rows = [{"loss": 4.0, "pairs_per_second": 10.0, "logit_scale": 14.3}]
    said = {
        name: describe(rows, dataclasses.replace(recipe, objective=name)) for name in OBJECTIVES
    }
    assert said["clip"] == "loss 4.00 (ln 16 = 2.77), 10 pairs/s, logit scale 14.3"
    assert said["siglip"] == "loss 4.00, 10 pairs/s, logit scale 14.3"
    assert said["virtex"] == "loss 4.00 (ln 300 = 5.70), 10 pairs/s"
    assert said["simclr"] == "loss 4.00 (ln 31 = 3.43), 10 pairs/s"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--objective", "mse"], "objective must be one of clip, siglip, convirt, virtex, caption"),
        (
            ["--objective", "bow", "--set", "options.lam=0.5"],
            "bow has no option 'lam': it has none",
        ),
        (["--objective", "convirt", "--set", "options.lam=2"], "a number from 0 to 1, not 2"),
        (["--set", "options.lam"], "--set takes FIELD=VALUE"),
        (
            ["--objective", "icmlm", "--set", "execution.tile=8"],
            "execution.tile must be 0 for icmlm",
        ),
    ],
)
def test_a_wrong_call_is_explained(words: list[str], says: str, tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    add_train(parser.add_subparsers())
    args = parser.parse_args(["train", "--recipe", "tiny", *words, "--out", str(tmp_path)])
    with pytest.raises(ValueError, match=says.replace("(", r"\(")):
        args.run(args)


def test_the_command_line_trains_by_name(tmp_path: Path, pairs, capsys, monkeypatch) -> None:
    monkeypatch.setattr("clipedu.training.trainer.training_pairs", lambda *a, **k: pairs)
    parser = argparse.ArgumentParser()
    add_train(parser.add_subparsers())
    words = "train --recipe tiny --steps 2 --batch-size 8 --set vocab_size=280 --quiet".split()
    for name in ("simclr", "ngrams"):
        more = ["--objective", name, "--out", str(tmp_path / name)]
        more += [] if name == "simclr" else ["--no-evaluation", "--set", "options.lam=0.3"]
        args = parser.parse_args([*words, *more])
        code, outcome = args.run(args)
        assert code == 0
        assert outcome["recipe"]["objective"] == name
        assert outcome["chance_loss"] == (pytest.approx(math.log(15)) if name == "simclr" else None)
        said = capsys.readouterr().out
        assert ("no zero-shot: simclr has seen no words" in said) == (name == "simclr")
