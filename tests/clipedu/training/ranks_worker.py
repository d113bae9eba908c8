"""What each rank does in the tests of several processes; started by test_distributed.py.

Writes what it found to FOLDER/RANK.json.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import shutil
import signal
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clipedu.device import pick_device
from clipedu.evaluation import Task, zero_shot
from clipedu.objectives import sharded_info_nce
from clipedu.tokenizer import Tokenizer
from clipedu.training import (
    RECIPES,
    Batch,
    Execution,
    Recipe,
    Run,
    TrainingInterrupted,
    World,
    join_world,
    read_steps,
    train,
    train_step,
)
from clipedu.training.parallel import full_tensor, to_local
from clipedu.training.validation import shared_accuracy

HERE = Path(__file__).resolve().parent
TOKENIZER = Tokenizer.train(["small red left", "large blue right"] * 3, 270)
TOWERS = {
    "resolution": 8, "patch": 4, "vision_width": 8, "vision_layers": 1, "vision_heads": 2,
    "text_width": 8, "text_heads": 2, "text_layers": 1, "embed_dim": 6,
}  # fmt: skip
PAIRS = 16


def fake_pairs() -> Any:
    """The data set of the other tests."""
    spec = importlib.util.spec_from_file_location("fakes", HERE / "conftest.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.FakePairs()


def small_recipe(**changes: Any) -> Recipe:
    """A tiny ViT and a tiny text tower: no batch norm, so that ranks can equal one process."""
    towers = {name: value for name, value in TOWERS.items() if name not in ("resolution", "patch")}
    return dataclasses.replace(
        RECIPES["tiny"],
        **{"preset": "laptop_vit", "model": towers, "batch_size": PAIRS, "steps": 6,
           "precision": "fp32", "vocab_size": 300, "checkpoint_every": 2, **changes},
    )  # fmt: skip


def split_recipe() -> Recipe:
    """The same with split weights, and an average of them, which is split too."""
    return small_recipe(execution=Execution(sharded=True), ema_decay=0.5)


def whole_batch(side: int = 8) -> Batch:
    generator = torch.Generator().manual_seed(3)
    words = ["small red left", "large blue", "left", "right", "red", "blue red", "small", "large"]
    tokens = TOKENIZER([words[i % 8] for i in range(PAIRS)], 16)
    pictures = torch.randn(PAIRS, 3, side, side, generator=generator, dtype=torch.float64)
    return Batch(pictures, tokens, torch.arange(PAIRS) % 8)


def part_of(batch: Batch, world: World) -> Batch:
    """This rank's rows."""
    mine = world.local_slice(PAIRS)
    assert batch.false_negative_ids is not None
    return Batch(batch.pictures[mine], batch.tokens[mine], batch.false_negative_ids[mine])


def gradients(recipe: Recipe, world: World) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """All gradients of one step in float64, and the step's row."""
    torch.set_default_dtype(torch.float64)
    try:
        run = Run(recipe, 0, pick_device("cpu"), TOKENIZER, world=world)
    finally:
        torch.set_default_dtype(torch.float32)
    run.model.train()
    batch = part_of(whole_batch(run.model.config.vision.resolution), world)
    if not recipe.mask_same_captions:
        batch = batch._replace(false_negative_ids=None)
    (row,) = read_steps(run, [train_step(run, batch)], lambda step: batch)
    named = run.model.named_parameters()
    found = {name: full_tensor(p.grad) for name, p in named if p.grad is not None}
    if run.bias is not None and run.bias.grad is not None:
        found["bias"] = run.bias.grad
    return found, row


def largest(one: dict[str, Tensor], other: dict[str, Tensor]) -> dict[str, float]:
    """The largest difference by part of the model."""
    assert one.keys() == other.keys()
    found: dict[str, float] = {}
    for name in one:
        part = {"visual": "image tower", "text": "text tower"}.get(name.split(".")[0], name)
        difference = (one[name] - other[name]).abs().max().item()
        found[part] = max(found.get(part, 0.0), difference)
    return found


def equal_gradients(world: World) -> list[dict[str, Any]]:
    """Every way to carry out a step, against one process with the whole batch."""
    ways = [(0, 1), (3, 1), (5, 1), (64, 1), (0, 2), (0, 4), (0, 8), (3, 2)]
    rows = []
    for objective in ("infonce", "siglip"):
        for masked in (False, True)[: 2 if objective == "infonce" else 1]:
            recipe = small_recipe(
                model=TOWERS, objective=objective, mask_same_captions=masked, grad_clip=None
            )
            plain, row = gradients(recipe, World())
            for mode in ("local", "gathered"):
                for tile, chunks in ways:
                    if PAIRS // world.size % chunks:
                        continue
                    execution = Execution(accumulate=chunks, tile=tile, gather=mode)
                    other = dataclasses.replace(recipe, execution=execution)
                    found, mine = gradients(other, world)
                    rows.append(
                        {
                            "case": f"{objective} {mode} masked={masked} {tile=} K={chunks}",
                            "loss": abs(mine["loss"] - row["loss"]),
                            **largest(plain, found),
                        }
                    )
    return rows


def sharded_gradients(world: World) -> list[dict[str, Any]]:
    """Split weights against one process; and a ResNet's against ranks that each hold all of it."""
    rows = []
    for objective in ("infonce", "siglip"):
        recipe = small_recipe(
            model=TOWERS, objective=objective, mask_same_captions=False, grad_clip=None
        )
        plain, row = gradients(recipe, World())
        for changes in ({}, {"tile": 3, "accumulate": 2, "recompute": True}):
            execution = Execution(sharded=True, **changes)
            found, mine = gradients(dataclasses.replace(recipe, execution=execution), world)
            loss = abs(mine["loss"] - row["loss"])
            length = abs(mine["gradient"] - row["gradient"])
            rows.append({"case": f"{objective} {changes}", "loss": loss, "length": length,
                         **largest(plain, found)})  # fmt: skip
    resnet = small_recipe(preset="tiny", model={}, grad_clip=0.01)
    split = dataclasses.replace(resnet, execution=Execution(sharded=True))
    one, other = gradients(resnet, world)[0], gradients(split, world)[0]
    return [*rows, {"case": "a ResNet, clipped", **largest(one, other)}]


def share_held(world: World) -> float:
    """Which share of all weights and of Adam's memory this rank holds after a step."""
    run = Run(split_recipe(), 0, pick_device("cpu"), TOKENIZER, world=world)
    run.model.train()
    batch = part_of(whole_batch(run.model.config.vision.resolution), world)
    train_step(run, batch._replace(pictures=batch.pictures.float()))
    tensors = list(run.model.parameters())
    tensors += [x for state in run.optimizer.state.values() for x in state.values()]
    return sum(to_local(x).numel() for x in tensors) / sum(x.numel() for x in tensors)


def message(action: Any) -> str:
    try:
        action()
    except Exception as error:  # noqa: BLE001  the test reads it
        return f"{type(error).__name__}: {error}"
    return "nothing was raised"


def nan_on_the_last_rank(world: World) -> None:
    run = Run(small_recipe(model=TOWERS), 0, pick_device("cpu"), TOKENIZER, world=world)
    run.model.train()
    batch = part_of(whole_batch(), world)
    batch = batch._replace(pictures=batch.pictures.float())
    if world.rank == world.size - 1:
        batch.pictures[0, 0, 0, 0] = torch.nan
    before = [p.detach().clone() for p in run.parameters]
    numbers = train_step(run, batch)
    assert all(map(torch.equal, run.parameters, before))
    read_steps(run, [numbers], lambda step: batch)


def squares() -> Task:
    pairs = fake_pairs()
    pictures = torch.stack([pairs.picture(i) for i in range(39)])  # no multiple of the ranks
    names = [icon.name for icon in pairs.icons[:39]]
    return Task("squares", pictures, torch.arange(39), names, ["{}"], "made here")


def a_whole_run(world: World, folder: Path, recipe: Recipe) -> dict[str, Any]:
    """Trains, is interrupted on one rank only, and leaves a checkpoint for another world."""
    half_way = folder.with_name(f"half {folder.name}")

    def press(row: dict[str, Any], model: Any) -> None:
        if row["step"] == 3 and world.rank == world.size - 1:
            os.kill(os.getpid(), signal.SIGINT)

    pairs = fake_pairs()
    try:
        train(recipe, seed=3, out=folder, pairs=pairs, callbacks=[press], progress=False)
    except TrainingInterrupted as stopped:
        words = str(stopped)
    half = json.loads(json.dumps({"words": words, "files": folder.exists()}))
    if world.is_main_process:
        shutil.copytree(folder, half_way)
    torch.distributed.barrier()
    result = train(resume=folder, pairs=pairs, evaluate=squares(), progress=False)
    again = zero_shot(result.model, result.tokenizer, squares()).top1
    shared = shared_accuracy(result.model, result.tokenizer, squares(), world)
    return {
        **half,
        "folder": str(result.folder),
        "losses": [row["loss"] for row in result.history],
        "weights": [float(p.detach().double().sum()) for p in result.model.parameters()],
        "accuracy": [result.zero_shot["squares"], again, shared],
    }


def main(job: str, folder: Path) -> None:
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    warnings.simplefilter("error")  # nothing here may need one
    with join_world("cpu", seconds=60) as world:
        if job == "everything":
            unequal = torch.ones(world.rank + 1, 2)
            report: dict[str, Any] = {
                "gradients": equal_gradients(world),
                "unequal": message(lambda: sharded_info_nce(unequal, unequal, 1.0)),
                "indivisible": message(
                    lambda: train(small_recipe(batch_size=9), pairs=fake_pairs(), progress=False)
                ),
                "nan": message(lambda: nan_on_the_last_rank(world)),
                "run": a_whole_run(world, folder / "run", small_recipe()),
                "split gradients": sharded_gradients(world),
                "share held": share_held(world),
                "split run": a_whole_run(world, folder / "split", split_recipe()),
            }
        else:  # the last rank is killed in the middle of a run

            def die(row: dict[str, Any], model: Any) -> None:
                if row["step"] == 3 and world.rank == world.size - 1:
                    os.kill(os.getpid(), signal.SIGKILL)

            recipe, pairs = small_recipe(), fake_pairs()
            report = {
                "lost": message(
                    lambda: train(
                        recipe,
                        seed=3,
                        out=folder / "lost",
                        pairs=pairs,
                        callbacks=[die],
                        progress=False,
                    )  # fmt: skip
                )
            }
    (folder / f"{world.rank}.json").write_text(json.dumps(report))


if __name__ == "ranks":  # see test_distributed.start
    found = globals()["ARGUMENTS"]
    os.environ.update(found["environment"])
    main(found["job"], Path(found["folder"]))
