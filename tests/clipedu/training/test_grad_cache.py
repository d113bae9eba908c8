"""GradCache and activation checkpointing: less memory, the same gradient."""

from __future__ import annotations

import copy
import dataclasses
import warnings

import pytest
import torch
from torch import Tensor, nn

from clipedu.models import build
from clipedu.models.vit import drop_patches
from clipedu.objectives import info_nce, siglip, tiled_info_nce
from clipedu.training import Execution, GradCache, Recipe, prepare_, train

SMALL = {
    "resolution": 8, "patch": 4, "vision_width": 8, "vision_layers": 2, "vision_heads": 2,
    "text_width": 8, "text_heads": 2, "text_layers": 2, "vocab_size": 20, "context_length": 6,
    "embed_dim": 6,
}  # fmt: skip


def data(n: int = 8, side: int = 8) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(1, 18, (n, 6), generator=generator)
    tokens[:, 0], tokens[:, 4], tokens[:, 5] = 18, 19, 0
    return torch.randn(n, 3, side, side, generator=generator, dtype=torch.float64), tokens


def vit() -> nn.Module:
    return build("laptop_vit", seed=0, **SMALL).double().train()


def resnet() -> nn.Module:
    return build("tiny", seed=0, vocab_size=20, context_length=6).double().train()


def gradients(model: nn.Module) -> dict[str, Tensor]:
    return {name: p.grad.clone() for name, p in model.named_parameters()}


def assert_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert (one[name] - other[name]).abs().max() <= 1e-10, name


@pytest.mark.parametrize("chunks", [1, 2, 4, 8])
@pytest.mark.parametrize("objective", ["infonce", "siglip", "tiled"])
def test_chunks_have_the_gradient_of_the_whole(chunks: int, objective: str) -> None:
    bias = nn.Parameter(torch.tensor(-2.0, dtype=torch.float64))
    losses = {
        "infonce": info_nce,
        "siglip": lambda image, text, scale: siglip(image, text, scale, bias),
        "tiled": lambda image, text, scale: tiled_info_nce(image, text, scale, tile=3),
    }
    model, batch = vit(), data()
    wanted = (info_nce if objective == "tiled" else losses[objective])(*model(*batch))
    wanted.backward()
    plain, plain_bias = gradients(model), bias.grad
    model.zero_grad()
    bias.grad = None
    out = GradCache(model, chunks)(*batch)
    loss = losses[objective](*out)
    loss.backward()
    assert loss.item() == pytest.approx(wanted.item(), abs=1e-10)
    assert_equal(gradients(model), plain)
    assert out.logit_scale.item() == pytest.approx(model.logit_scale.exp().item())
    if objective == "siglip":
        assert bias.grad.item() == pytest.approx(plain_bias.item(), abs=1e-10)


def test_adding_up_small_batches_is_another_gradient() -> None:
    """The oracle of the mistake that GradCache avoids."""
    model, (pictures, tokens) = vit(), data()
    info_nce(*model(pictures, tokens)).backward()
    whole = torch.cat([g.flatten() for g in gradients(model).values()])
    model.zero_grad()
    for rows in (slice(0, 4), slice(4, 8)):
        (info_nce(*model(pictures[rows], tokens[rows])) / 2).backward()
    added = torch.cat([g.flatten() for g in gradients(model).values()])
    assert torch.cosine_similarity(whole, added, dim=0) < 0.99


def test_what_is_dropped_is_dropped_again() -> None:
    """One graph over all chunks, with the same random numbers, is the oracle."""
    model, (pictures, tokens) = vit(), data()
    prepare_(model, Execution(), patch_dropout=0.5)
    torch.manual_seed(5)
    outs = [model(pictures[k : k + 2], tokens[k : k + 2]) for k in range(0, 8, 2)]
    image, text = (torch.cat([out[k] for out in outs]) for k in (0, 1))
    info_nce(image, text, outs[0][2]).backward()
    after = torch.get_rng_state()
    plain = gradients(model)
    model.zero_grad()
    torch.manual_seed(5)
    info_nce(*GradCache(model, 4)(pictures, tokens)).backward()
    assert_equal(gradients(model), plain)
    assert torch.equal(torch.get_rng_state(), after)  # the next step draws what it would have


def test_the_activations_of_one_chunk_are_kept_at_a_time() -> None:
    """Bytes that autograd holds at once, counted where they are saved and released."""
    model, batch = vit(), data(64)
    held: dict[int, int] = {}
    most = 0

    class Kept:
        def __init__(self, x: Tensor) -> None:
            nonlocal most
            self.x = x.detach()
            held[id(self)] = 0 if isinstance(x, nn.Parameter) else x.nbytes
            most = max(most, sum(held.values()))

        def __del__(self) -> None:
            del held[id(self)]

    def peak(network: nn.Module) -> int:
        nonlocal most
        most = 0
        with torch.autograd.graph.saved_tensors_hooks(Kept, lambda kept: kept.x):
            info_nce(*network(*batch)).backward()
        assert not held
        return most

    whole = peak(model)
    assert peak(GradCache(model, 8)) < 0.3 * whole
    assert peak(GradCache(model, 2)) > 0.3 * whole


def test_batch_norms_do_not_count_a_chunk_twice() -> None:
    model, (pictures, tokens) = resnet(), data(side=32)
    oracle = copy.deepcopy(model)
    for rows in (slice(0, 4), slice(4, 8)):
        oracle.encode_image(pictures[rows])
    info_nce(*GradCache(model, 2)(pictures, tokens)).backward()
    for name, value in oracle.named_buffers():
        torch.testing.assert_close(dict(model.named_buffers())[name], value)


def test_batch_norms_that_see_chunks_are_warned_of(pairs, recipe) -> None:
    recipe = dataclasses.replace(recipe, steps=1, execution=Execution(accumulate=2))
    with pytest.warns(UserWarning, match="batch norms.*8 pairs"):
        train(recipe, pairs=pairs, progress=False)
    recipe = dataclasses.replace(recipe, execution=Execution())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(recipe, pairs=pairs, progress=False)


@pytest.mark.parametrize("make", [vit, resnet])
def test_recomputing_keeps_less_and_changes_nothing(make) -> None:
    batch = data(side=8 if make is vit else 32)

    def step(recompute: bool) -> tuple[int, nn.Module]:
        model = make()
        prepare_(model, Execution(recompute=recompute))
        kept: dict[int, int] = {}

        def keep(x: Tensor) -> Tensor:
            storage = x.untyped_storage()
            kept[storage.data_ptr()] = storage.nbytes()
            return x

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
            image, text, scale = model(*batch)
        info_nce(image, text, scale).backward()
        return sum(kept.values()), model

    (much, plain), (little, again) = step(False), step(True)
    assert_equal(gradients(again), gradients(plain))
    for name, value in plain.named_buffers():
        assert torch.equal(dict(again.named_buffers())[name], value), name
    assert little < 0.7 * much


@pytest.mark.parametrize("make", [vit, resnet])
def test_recomputing_reaches_every_block_of_both_towers(make) -> None:
    model, batch = make(), data(side=8 if make is vit else 32)
    calls: list[int] = []
    prepare_(model, Execution(recompute=True))
    for module in model.modules():
        if type(module).__name__ in ("ResidualAttentionBlock", "BasicBlock"):
            module.register_forward_pre_hook(lambda *_: calls.append(1))
    info_nce(*model(*batch)).backward()
    assert len(calls) == 2 * 4  # each of the four blocks forward and, in the backward, again
    with torch.no_grad():
        model.eval()(*batch)
    assert len(calls) == 3 * 4


def test_patches_are_dropped_in_training_only_and_never_the_class_token() -> None:
    x = torch.arange(2 * 10 * 3.0).view(2, 10, 3)
    torch.manual_seed(0)
    rest = drop_patches(x, 0.5)
    assert rest.shape == (2, 5, 3)  # the class token and 4 of 9
    assert torch.equal(rest[:, 0], x[:, 0])
    for row, kept in zip(x, rest, strict=True):
        numbers = [row.tolist().index(k) for k in kept.tolist()]
        assert len(set(numbers)) == 5 and 0 not in numbers[1:]
    assert drop_patches(x, 0.99).shape == (2, 2, 3)
    model, (pictures, _) = vit(), data()
    whole = model.encode_image(pictures)
    prepare_(model, Execution(), patch_dropout=0.5)
    assert not torch.equal(model.encode_image(pictures), whole)
    assert torch.equal(model.eval().encode_image(pictures), whole)


def test_a_run_with_everything_on_is_the_run(pairs, recipe) -> None:
    recipe = dataclasses.replace(recipe, preset="laptop_vit", model=_tower(), steps=3)
    plain = train(recipe, pairs=pairs, progress=False)
    how = Execution(accumulate=4, tile=5, recompute=True)
    other = train(dataclasses.replace(recipe, execution=how), pairs=pairs, progress=False)
    for a, b in zip(plain.history, other.history, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-4)


def test_patch_dropout_depends_on_the_seed_and_the_step_alone(pairs, recipe) -> None:
    recipe = dataclasses.replace(
        recipe, preset="laptop_vit", model=_tower(), steps=2, patch_dropout=0.5
    )
    one, again = (train(recipe, pairs=pairs, progress=False).history for _ in range(2))
    assert [row["loss"] for row in one] == [row["loss"] for row in again]
    whole = train(dataclasses.replace(recipe, patch_dropout=0.0), pairs=pairs, progress=False)
    assert whole.history[0]["loss"] != one[0]["loss"]


def _tower() -> dict[str, int]:
    names = ("vision_width", "vision_heads", "text_width", "text_heads", "text_layers", "embed_dim")
    return {**{name: SMALL[name] for name in names}, "vision_layers": 1}


def test_the_compiled_model_is_what_a_step_calls(
    pairs, recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = []

    def fake(model: nn.Module) -> nn.Module:
        called.append(model)
        return model

    monkeypatch.setattr(torch, "compile", fake)
    recipe = dataclasses.replace(recipe, steps=1, execution=Execution(compile=True))
    train(recipe, pairs=pairs, progress=False)
    assert len(called) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"execution": {"accumulate": 3}}, "batch_size must be divisible by execution.accumulate"),
        ({"execution": {"accumulate": 0}}, "execution.accumulate must be 1 or more"),
        ({"execution": {"tile": -1}}, "execution.tile"),
        ({"execution": {"gather": "all"}}, "execution.gather"),
        ({"execution": {"recompute": 1}}, "execution.recompute must be true or false"),
        ({"execution": {"chunks": 2}}, "execution has no field 'chunks'"),
        ({"patch_dropout": 0.5}, "patch_dropout must be 0 for laptop.*no patches"),
        ({"patch_dropout": 1.0}, "patch_dropout"),
    ],
)
def test_a_recipe_that_cannot_be_carried_out_is_refused(changes: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Recipe.from_dict({"batch_size": 16, **changes})


def test_a_recipe_from_before_these_options_still_loads() -> None:
    old = Recipe().to_dict()
    del old["execution"], old["patch_dropout"]
    assert Recipe.from_dict(old) == Recipe()
    new = Recipe(execution=Execution(accumulate=2, gather="gathered"))
    assert Recipe.from_dict(new.to_dict()) == new


def test_chunks_must_divide_the_batch() -> None:
    with pytest.raises(ValueError, match="8 pairs can't be cut into 3 equal chunks"):
        GradCache(vit(), 3)(*data())
    with pytest.raises(ValueError, match="whole number from 1"):
        GradCache(vit(), 0)
