"""Fine-tuning: what learns and what stays, low-rank updates, resuming, WiSE-FT, where to start."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.utils import parametrize

from clipedu.evaluation import Task
from clipedu.models import CLIP, build
from clipedu.models.weights import save_weights
from clipedu.pairs import Augmentation
from clipedu.pairs.clean import openai_standardize
from clipedu.tokenizer import Tokenizer
from clipedu.training import (
    METHODS,
    CheckpointError,
    Feeder,
    Recipe,
    TaskPairs,
    TrainingResult,
    accuracy_of,
    finetune_recipe,
    interpolate,
    load_any,
    load_checkpoint,
    load_model,
    save_model,
    split_task,
    train,
)
from clipedu.training.adapt import adapt_, merge_

SHORT: dict[str, Any] = {"steps": 4, "batch_size": 16, "precision": "fp32", "learning_rate": 1e-2}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(["small red left", "large blue right", "green black top"] * 9, 300)


@pytest.fixture(params=["laptop_vit_stem", "tiny"])
def model(request: pytest.FixtureRequest, tokenizer: Tokenizer) -> CLIP:
    sizes = {"vocab_size": tokenizer.vocab_size, "context_length": 16}
    if request.param == "tiny":
        return build("tiny", seed=3, **sizes).eval()
    small = {"vision_width": 48, "text_width": 64, "vision_layers": 2, "text_layers": 1}
    return build(request.param, seed=3, **sizes, **small).eval()


def tuned(model: CLIP, tokenizer: Tokenizer, pairs: Any, **changes: Any) -> TrainingResult:
    recipe = finetune_recipe(model, **{**SHORT, **changes})
    return train(
        recipe, start=model, tokenizer=tokenizer, pairs=pairs, seed=0, progress=False, device="cpu"
    )


def moved(before: CLIP, after: CLIP) -> set[str]:
    new = after.state_dict()
    return {name for name, x in before.state_dict().items() if not torch.equal(x, new[name])}


@pytest.mark.parametrize("method", METHODS)
def test_a_method_moves_what_it_says_and_nothing_else(model, tokenizer, pairs, method) -> None:
    kept = copy.deepcopy(model.state_dict())
    result = tuned(model, tokenizer, pairs, method=method)
    assert all(torch.equal(x, kept[name]) for name, x in model.state_dict().items())
    found = moved(model, result.model)
    assert "logit_scale" in found
    rest = found - {"logit_scale"}
    images = {name for name in rest if name.startswith("visual.")}
    assert not [name for name in rest if "running_" in name or "num_batches" in name]
    if method == "full":
        assert images and rest - images
    elif method == "frozen_image":
        assert not images and "token_embedding.weight" in rest
    elif method == "frozen_text":
        assert images == rest and len(rest) > 10
    elif method == "lora":
        assert images and rest - images
        assert all("attn" in name or "mlp" in name for name in rest)
        assert all(name.endswith("weight") for name in rest)
    else:
        conv = {"visual.attnpool.c_proj.weight", "visual.attnpool.c_proj.bias"}
        assert rest - conv <= {"visual.proj", "text_projection"} and images and rest - images
    # a plain CLIP: nothing frozen, nothing added
    assert set(result.model.state_dict()) == set(kept)
    assert all(parameter.requires_grad for parameter in result.model.parameters())
    assert not any(parametrize.is_parametrized(part) for part in result.model.modules())


def test_an_update_has_the_rank_that_was_asked_for(model, tokenizer, pairs) -> None:
    result = tuned(model, tokenizer, pairs, method="lora", rank=2)
    after = result.model.state_dict()
    for name, x in model.state_dict().items():
        if x.ndim == 2 and not torch.equal(x, after[name]):
            sizes = torch.linalg.svdvals((after[name] - x).double())
            assert sizes[1] > 1e-7 and (sizes[2:] < 1e-6 * sizes[0] + 1e-8).all(), name


def test_low_rank_updates_start_as_nothing_and_merge_exactly(model: CLIP) -> None:
    torch.manual_seed(0)
    pictures, same = torch.rand(2, 3, 32, 32), copy.deepcopy(model)
    adapt_(same, "lora", 3, seed=0)
    assert torch.equal(same.encode_image(pictures), model.encode_image(pictures))
    for name, parameter in same.named_parameters():
        if name.endswith(".b"):
            parameter.data.normal_(std=0.1)
    with torch.no_grad():
        before = same.encode_image(pictures)
        assert not torch.allclose(before, model.encode_image(pictures), atol=1e-3)
        assert torch.allclose(merge_(same).encode_image(pictures), before, atol=1e-6)


def test_chunks_and_one_piece_give_the_same(model, tokenizer, pairs) -> None:
    """GradCache sends gradients back through what learns only."""
    for method in ("frozen_image", "lora"):
        whole = tuned(model, tokenizer, pairs, method=method)
        chunks = tuned(model, tokenizer, pairs, method=method, execution={"accumulate": 4})
        for name, x in whole.model.state_dict().items():
            assert torch.allclose(x, chunks.model.state_dict()[name], atol=2e-4), name


def test_a_run_that_was_broken_off_ends_with_the_same_bits(
    model, tokenizer, pairs, tmp_path: Path
) -> None:
    recipe = finetune_recipe(model, method="lora", checkpoint_every=2, ema_decay=0.9, **SHORT)
    how: dict[str, Any] = {"pairs": pairs, "progress": False, "device": "cpu"}
    whole = train(recipe, start=model, tokenizer=tokenizer, seed=1, out=tmp_path / "a", **how)

    def stop(row: dict[str, Any], _: CLIP) -> None:
        if row["step"] == 3:
            raise RuntimeError("the power is gone")

    broken = tmp_path / "b"
    with pytest.raises(RuntimeError, match="power"):
        train(recipe, start=model, tokenizer=tokenizer, seed=1, out=broken, callbacks=[stop], **how)
    assert load_checkpoint(broken).recipe.method == "lora"
    half, *_ = load_model(broken / "checkpoint.safetensors")  # to use: the updates are merged
    assert set(half.state_dict()) == set(model.state_dict()) and moved(model, half)
    resumed = train(resume=broken, **how)
    assert moved(whole.model, resumed.model) == set()


def test_what_cannot_be_started_is_said(model, tokenizer, pairs) -> None:
    recipe = finetune_recipe(model, **SHORT)
    how: dict[str, Any] = {"tokenizer": tokenizer, "pairs": pairs, "progress": False}
    with pytest.raises(ValueError, match="'full' needs a trained model"):
        train(recipe, **how)
    plain = Recipe.from_dict(recipe.to_dict() | {"method": "scratch"})
    with pytest.raises(ValueError, match="method is one of full"):
        train(plain, start=model, **how)
    other = build("tiny", seed=0, vocab_size=tokenizer.vocab_size, context_length=16, embed_dim=48)
    with pytest.raises(ValueError, match="belongs to another model"):
        train(recipe, start=other, **how)
    with pytest.raises(ValueError, match="method must be one of scratch, full"):
        finetune_recipe(model, method="lorra")
    with pytest.raises(ValueError, match="lora.*sharded"):
        finetune_recipe(model, method="lora", execution={"sharded": True})


@pytest.fixture
def squares() -> Task:
    """Forty pictures of two colors, easily told apart."""
    labels = torch.arange(40) % 2
    inks = torch.tensor([[1.0, 0.1, 0.1], [0.1, 0.1, 1.0]])[labels]
    pictures = inks[:, :, None, None].expand(-1, -1, 32, 32) * torch.rand(40, 1, 32, 32)
    return Task("squares", pictures, labels, ["red", "blue"], ["small {}", "{} left"], "made up")


def test_a_task_is_learned_and_half_the_way_back_lies_between(tokenizer, squares) -> None:
    model = build("tiny", seed=1, vocab_size=tokenizer.vocab_size, context_length=16).eval()
    pairs, rest = split_task(squares, 24, seed=0)
    assert len(pairs) == 24 and len(rest) == 16
    result = tuned(model, tokenizer, pairs, steps=40, learning_rate=1e-3)
    assert accuracy_of(result.model, tokenizer, rest) == 1
    half = interpolate(model, result.model, 0.5)
    ends, middle = (model.state_dict(), result.model.state_dict()), half.state_dict()
    for name, x in middle.items():
        if x.is_floating_point():
            assert torch.allclose(x, (ends[0][name] + ends[1][name]) / 2, atol=1e-6), name
    assert moved(interpolate(model, result.model, 0.0), model) == set()
    with pytest.raises(ValueError, match="from 0 to 1"):
        interpolate(model, model, 1.5)
    with pytest.raises(ValueError, match="same architecture"):
        interpolate(model, build("tiny", embed_dim=48), 0.5)


def test_pictures_of_one_class_have_one_caption_in_a_batch(squares) -> None:
    pairs = TaskPairs(squares)
    seen = set()
    for step in range(8):
        pictures, captions = pairs.batch_at(step, 16, 0)
        assert len(set(captions)) == 2 and pictures.shape == (16, 3, 32, 32)
        assert captions == pairs.batch_at(step, 16, 0)[1]
        seen |= set(captions)
    assert seen == set(pairs.texts()) and len(seen) == 4
    with pytest.raises(ValueError, match="as they are"):
        pairs.batch_at(0, 4, 0, Augmentation(lines=0.5))
    with pytest.raises(ValueError, match="not 40"):
        split_task(squares, 40, 0)


def test_held_out_pictures_are_no_pairs(model, tokenizer, squares) -> None:
    squares = Task(**{**vars(squares), "near_duplicate": torch.zeros(40, dtype=torch.bool)})
    with pytest.raises(ValueError, match="held out"):
        tuned(model, tokenizer, TaskPairs(squares))


def test_openais_weights_see_openais_pixels(squares) -> None:
    """Fed with ours, they would lose accuracy silently."""
    sizes = {"vocab_size": 49_408, "context_length": 16, "text_width": 8}
    real = build("tiny", **sizes)
    recipe = finetune_recipe(real, **SHORT)
    assert recipe.pixels == "openai" and recipe.config() == real.config
    words = Tokenizer.train(["small red left blue"] * 9, 300)
    feeder = Feeder(TaskPairs(squares), words, recipe, 0, torch.device("cpu"))
    plain, _ = TaskPairs(squares).batch_at(0, 16, 0)
    assert torch.allclose(feeder(0).pictures, openai_standardize(plain))


def test_any_source_is_opened_with_its_own_tokenizer(tokenizer, tmp_path: Path, openai) -> None:
    ours = build("tiny", seed=0, vocab_size=tokenizer.vocab_size)
    path = save_model(tmp_path / "ours.safetensors", ours, tokenizer)
    model, words = load_any(path)
    assert moved(ours, model) == set() and words.to_dict() == tokenizer.to_dict()
    damaged = bytearray(path.read_bytes())
    damaged[-2] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(CheckpointError, match="checksum"):
        load_any(path)
    foreign = {"vision_width": 64, "vision_heads": 1, "vision_layers": 1, "text_heads": 1}
    sizes = {"vocab_size": 49_408, "context_length": 77, "text_width": 64, "text_layers": 1}
    theirs = build("laptop_vit", seed=0, activation="quick_gelu", **foreign, **sizes)
    for name in ("a.pt", "b.safetensors", "folder"):
        save_weights(theirs, tmp_path / name)
        model, words = load_any(tmp_path / name)
        assert moved(theirs, model) == set() and words.kind == "openai"
    save_weights(ours, tmp_path / "wordless.safetensors")
    with pytest.raises(ValueError, match="brings no tokenizer"):
        load_any(tmp_path / "wordless.safetensors")
    with pytest.raises(FileNotFoundError, match="laptop.*no file or folder nothing"):
        load_any("nothing")
