from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import nn

from clipedu.models import build
from clipedu.training import RECIPES, muon, train
from clipedu.training.muon import MOMENTUM, MuonAdamW, orthogonalize, takes_muon
from clipedu.training.optimizer import make_optimizer, parameter_groups, skip_update_where_


@pytest.mark.parametrize("shape", [(24, 24), (16, 60), (60, 16)])
def test_all_directions_become_about_equally_long(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(shape) @ torch.diag(torch.logspace(-2, 1, shape[1]))
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    straight = orthogonalize(matrix[None])[0]
    flat = torch.linalg.svdvals(straight)
    large = s > 0.03 * s.max()
    assert s.max() / s[large].min() > 5  # unequal before
    assert 0.5 < flat[: int(large.sum())].min() and flat.max() < 1.3
    if shape[0] == shape[1]:  # the same directions: close to U V^T where these are not tiny
        assert ((u.T @ straight @ v.T).diagonal()[large] > 0.5).all()


@pytest.mark.parametrize(("unit", "exact"), [("AMX", False), ("", True)])
def test_bfloat16_only_where_the_cpu_has_it(
    monkeypatch: pytest.MonkeyPatch, unit: str, exact: bool
) -> None:
    """Emulated, it took 2.4 seconds a step in the place of 0.1."""
    monkeypatch.setattr(muon, "native_bfloat16", lambda: unit)
    matrix = torch.randn(1, 16, 24, generator=torch.Generator().manual_seed(3))
    x = matrix.double() / matrix.norm()
    for _ in range(5):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    assert torch.allclose(orthogonalize(matrix).double(), x, atol=1e-3) == exact


def stepped(weights: dict[str, torch.Tensor], gradients: list[dict[str, torch.Tensor]]):
    """The weights after steps of Muon with these gradients, at rate 0.01 and weight decay 0.1."""
    parameters = {name: nn.Parameter(value.clone()) for name, value in weights.items()}
    optimizer = make_optimizer(parameters.items(), 0.1, muon=True, lr=0.01)
    for step in gradients:
        for name, parameter in parameters.items():
            parameter.grad = step[name].clone()
        optimizer.step()
    return {name: parameter.detach() for name, parameter in parameters.items()}


def test_the_step_by_hand() -> None:
    torch.manual_seed(1)
    weight, first, second = (torch.randn(16, 4, 3, 3) for _ in range(3))
    found = stepped({"conv.weight": weight}, [{"conv.weight": first}, {"conv.weight": second}])
    momentum = first
    for gradient in (first, second):
        momentum = gradient if gradient is first else MOMENTUM * momentum + gradient
        ahead = (gradient + MOMENTUM * momentum).reshape(1, 16, 36)
        update = 0.2 * 36**0.5 * orthogonalize(ahead).reshape(16, 4, 3, 3)
        assert 0.14 < update.square().mean().sqrt() < 0.24  # 16 rows of length 1, times the scale
        weight = weight * (1 - 0.01 * 0.1) - 0.01 * update
    assert torch.allclose(found["conv.weight"], weight, atol=1e-6)


def test_equal_shapes_share_a_product_and_keep_apart() -> None:
    """Also queries, keys and values: three matrices in one weight."""
    torch.manual_seed(2)
    shapes = {"attn.in_proj_weight": (48, 16), "a.weight": (16, 16), "b.weight": (16, 16)}
    weights = {name: torch.randn(shape) for name, shape in shapes.items()}
    gradients = {name: torch.randn(shape) for name, shape in shapes.items()}
    together = stepped(weights, [gradients])
    for name in ("a.weight", "b.weight"):
        alone = stepped({name: weights[name]}, [{name: gradients[name]}])
        assert torch.allclose(together[name], alone[name], atol=1e-6)
    whole = zip(*(x["attn.in_proj_weight"].chunk(3) for x in (weights, gradients)), strict=True)
    parts = [stepped({"q.weight": w}, [{"q.weight": g}])["q.weight"] for w, g in whole]
    assert torch.allclose(together["attn.in_proj_weight"], torch.cat(parts), atol=1e-6)


def test_who_takes_it() -> None:
    model = build("laptop_vit")
    taken = {name for name, p in model.named_parameters() if takes_muon(name, p)}
    assert "visual.transformer.resblocks.0.mlp.c_fc.weight" in taken
    assert "text.text_projection" in taken and "visual.conv1.weight" in taken
    assert not any("embedding" in name or "ln" in name or "bias" in name for name in taken)
    assert "logit_scale" not in taken
    groups = parameter_groups(model.named_parameters(), 0.2, muon=True)
    assert {name for group in groups if group["muon"] for name in group["names"]} == taken
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))


def test_other_parameters_take_adamws_step_and_a_broken_step_changes_no_weight() -> None:
    def weights(muon: bool, broken: bool) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        layer = torch.nn.Linear(20, 20)
        numbers = {"lr": 0.01, "betas": (0.9, 0.98), "eps": 1e-6}
        optimizer = make_optimizer(layer.named_parameters(), 0.1, muon=muon, **numbers)
        assert isinstance(optimizer, MuonAdamW) == muon
        layer(torch.randn(8, 20)).square().sum().backward()
        skip_update_where_(optimizer, torch.tensor(broken))
        optimizer.step()
        return {name: p.detach().clone() for name, p in layer.named_parameters()}

    plain, muon, none = weights(False, False), weights(True, False), weights(True, True)
    assert torch.equal(plain["bias"], muon["bias"]) and not torch.equal(plain["bias"], none["bias"])
    assert not torch.equal(plain["weight"], muon["weight"])
    torch.manual_seed(0)
    fresh = torch.nn.Linear(20, 20)
    assert torch.equal(none["weight"], fresh.weight) and torch.equal(none["bias"], fresh.bias)


def test_a_broken_step_changes_nothing_also_where_the_optimizer_is_not_fused() -> None:
    layer = nn.Linear(20, 20, bias=False)
    before = layer.weight.detach().clone()
    optimizer = MuonAdamW(parameter_groups(layer.named_parameters(), 0.1, muon=True), fused=False)
    layer(torch.randn(8, 20)).square().sum().backward()
    skip_update_where_(optimizer, torch.tensor(True))
    optimizer.step()
    assert torch.equal(layer.weight, before)


def test_it_learns(pairs, recipe) -> None:
    history = train(
        dataclasses.replace(recipe, steps=40, optimizer="muon"), pairs=pairs, progress=False
    ).history
    assert history[-1]["loss"] < 0.6 * history[0]["loss"]


def test_a_run_is_resumed_bit_for_bit(pairs, recipe, tmp_path: Path) -> None:
    recipe = dataclasses.replace(recipe, optimizer="muon", steps=6, checkpoint_every=3)
    whole = train(recipe, pairs=pairs, progress=False)

    def stop(row, model) -> None:
        if row["step"] == 4:
            raise RuntimeError("the power went")

    with pytest.raises(RuntimeError, match="power"):
        train(recipe, pairs=pairs, out=tmp_path, progress=False, callbacks=[stop])
    resumed = train(resume=tmp_path, pairs=pairs, progress=False)
    assert [row["loss"] for row in resumed.history] == [row["loss"] for row in whole.history]
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name


def test_split_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="matrix as a whole"):
        execution = dataclasses.replace(RECIPES["tiny"].execution, sharded=True)
        dataclasses.replace(RECIPES["tiny"], optimizer="muon", execution=execution)
