# mypy: allow-untyped-defs
"""Exercises 04.10 to 04.12: parameter groups, Muon's polynomial, and Muon's step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Generator, Tensor

from clipedu_classroom.spec import FunctionExercise, whole

TABLES = ("class_embedding", "positional_embedding")
Rule = Callable[[str, Tensor], bool]


def decays(name: str, p: Tensor) -> bool:
    return p.ndim >= 2 and not name.endswith(TABLES)


def is_wide(p: Tensor) -> bool:
    return min(len(p), p[0].numel()) >= 16


def is_matrix(name: str, p: Tensor) -> bool:
    return decays(name, p) and "embedding" not in name and is_wide(p)


def groups_by(
    does_decay: Rule = decays,
    matrix: Rule = is_matrix,
    *,
    always: bool = False,
    seen: Callable[[list[Any]], list[Any]] = lambda rows: rows,
) -> Any:
    """parameter_groups by these rules."""

    def parameter_groups(named: Iterable[Any], weight_decay: float, *, muon: bool = False) -> Any:
        groups: dict[Any, Any] = {}
        for name, p in seen(list(named)):
            kind = bool(does_decay(name, p)), (muon or always) and bool(matrix(name, p))
            decay = weight_decay * kind[0]
            new = {"params": [], "names": [], "weight_decay": decay, "muon": kind[1]}
            group = groups.setdefault(kind, new)
            group["params"].append(p)
            group["names"].append(name)
        return list(groups.values())

    return parameter_groups


def drive_groups(answer, shapes, weight_decay, muon):
    import torch
    from torch import nn

    parameters = {name: nn.Parameter(torch.zeros(shape)) for name, shape in shapes.items()}
    names_of = {id(p): name for name, p in parameters.items()}
    found: dict[tuple[float, bool], list[str]] = {}
    for group in answer(iter(parameters.items()), weight_decay, muon=muon):
        key = (round(float(group["weight_decay"]), 6), bool(group.get("muon", False)))
        names = [names_of.get(id(p), "not a parameter of the model") for p in group["params"]]
        if list(group["names"]) != names and set(names) <= set(shapes):
            names = ["`names` differ from `params`"]
        found[key] = found.get(key, []) + names + ["another group"] * (key in found and names != [])
    return {f"decay {d}, muon {m}": sorted(names) for (d, m), names in found.items() if names}


def some_shapes(generator: Generator) -> dict[str, Any]:
    """A model's worth of names in a shuffled order."""
    width = whole(generator, 18, 40)
    known: dict[str, tuple[int, ...]] = {
        "logit_scale": (),
        "positional_embedding": (24, width),
        "text.text_projection": (width, 20),
        "text.token_embedding.weight": (50, width),
        "text.ln_final.weight": (width,),
        "text.ln_final.bias": (width,),
        "visual.class_embedding": (1, width),
        "visual.positional_embedding": (17, width),
        "visual.conv1.weight": (width, 3, 4, 4),
        "visual.stem.0.weight": (12, 3, 3, 3),
        "visual.stem.3.weight": (width, 18, 3, 3),
        "visual.ln_pre.weight": (width,),
        "visual.head.weight": (width, 6),
        "visual.low.weight": (16, width),
        "visual.thin.weight": (width, 16),
        "text.transformer.resblocks.0.attn.in_proj_weight": (3 * width, width),
        "text.transformer.resblocks.0.attn.in_proj_bias": (3 * width,),
        "text.transformer.resblocks.0.mlp.c_fc.weight": (4 * width, width),
    }
    names = list(known)
    order = torch.randperm(len(names), generator=generator).tolist()
    return {
        "shapes": {names[i]: known[names[i]] for i in order},
        "weight_decay": 0.05 + float(torch.rand((), generator=generator)),
        "muon": bool(torch.rand((), generator=generator) < 0.7),
    }


def _shapes(muon: bool) -> Any:
    return lambda generator: {**some_shapes(generator), "muon": muon}


GROUPS = FunctionExercise(
    id="04.10",
    name="parameter_groups",
    reference=groups_by(),
    drive=drive_groups,
    inputs=some_shapes,
    trials=4,
    extremes={"without Muon": _shapes(False), "with Muon": _shapes(True)},
)


def orthogonalize(matrices: Tensor) -> Tensor:
    return newton(matrices)


def newton(
    matrices: Tensor,
    abc: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
    steps: int = 5,
    *,
    divide: Callable[[Tensor], Any] = lambda x: x.norm(dim=(1, 2), keepdim=True) + 1e-7,
) -> Tensor:
    a, b, c = abc
    x = matrices.float() / divide(matrices.float())
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    for _ in range(steps):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return (x.mT if tall else x).to(matrices.dtype)


def drive_orthogonalize(answer, matrices):
    import torch

    given = matrices.float()
    found = answer(given)
    if tuple(found.shape) != tuple(given.shape):
        return {"the shape": list(found.shape)}
    left, _, right = torch.linalg.svd(given, full_matrices=False)
    seen = left.mT @ found.float() @ right.mT  # diagonal, if the directions are the same
    values = seen.diagonal(dim1=1, dim2=2)
    rest = (seen - torch.diag_embed(values)).abs().amax(dim=(1, 2))
    fine = (values > 0.6) & (values < 1.3)
    return {
        "singular values": torch.where(fine, 1.0, (values * 10).round() / 10),
        "other directions": torch.where(rest < 0.15, 0.0, (rest * 10).round() / 10),
        "dtype": str(found.dtype),
    }


def some_matrices(generator: Generator) -> dict[str, Any]:
    rows, columns = whole(generator, 4, 8), whole(generator, 9, 14)
    count = whole(generator, 2, 3)
    noise = torch.randn(count, rows, columns, generator=generator)
    left, _, right = torch.linalg.svd(noise, full_matrices=False)
    values = torch.logspace(0, -1.3, rows) * 300.0 ** torch.arange(count)[:, None]
    matrices = left @ torch.diag_embed(values) @ right
    tall = bool(torch.rand((), generator=generator) < 0.5)
    return {"matrices": (matrices.mT if tall else matrices).contiguous()}


def _tall(generator: Generator) -> dict[str, Any]:
    matrices = some_matrices(generator)["matrices"]
    return {"matrices": matrices if matrices.shape[1] > matrices.shape[2] else matrices.mT}


ORTHOGONALIZE = FunctionExercise(
    id="04.11",
    name="orthogonalize",
    reference=orthogonalize,
    drive=drive_orthogonalize,
    inputs=some_matrices,
    extremes={
        "more rows than columns": _tall,
        "a gradient of a millionth": lambda g: {"matrices": 1e-6 * some_matrices(g)["matrices"]},
    },
)


def muon_with(
    *,
    ahead: Callable[[Any, Any], Any] = lambda g, m: g + 0.95 * m,
    size: Callable[[Any], float] = lambda shape: 0.2 * max(shape) ** 0.5,
    parts: int = 3,
    decay: str = "decoupled",
    sign: float = 1.0,
) -> Any:
    """The class MuonAdamW with one thing changed."""

    class MuonAdamW(torch.optim.AdamW):
        @torch.no_grad()
        def step(self, closure: Any = None) -> Any:
            groups = self.param_groups
            self.param_groups = [group for group in groups if not group["muon"]]
            super().step(closure)
            self.param_groups = groups
            for group in groups:
                for name, p in zip(group["names"], group["params"], strict=True):
                    if group["muon"] and p.grad is not None:
                        self.muon_step(name, p, group["lr"], group["weight_decay"])

        def muon_step(self, name: str, p: Tensor, rate: float, weight_decay: float) -> None:
            momentum = self.state[p].setdefault("momentum", torch.zeros_like(p))
            g = p.grad + (weight_decay * p if decay == "coupled" else 0)  # type: ignore[operator]
            momentum.mul_(0.95).add_(g)
            flat = ahead(g, momentum).reshape(len(p), -1)
            cut = parts if name.endswith("in_proj_weight") else 1
            matrices = flat.view(cut, -1, flat.shape[1])
            update = sign * size(matrices.shape[1:]) * orthogonalize(matrices)
            shrink = 1 - rate * weight_decay if decay in ("decoupled", "late") else 1.0
            if decay == "late":
                p.sub_(rate * update.reshape(p.shape)).mul_(shrink)
            else:
                p.mul_(shrink).sub_(rate * update.reshape(p.shape))

    return MuonAdamW


def drive_muon(answer, weights, gradients, rate, weight_decay):
    from torch import nn

    def orthogonalize(matrices):  # a stand-in that depends on how they are cut, and is exact
        return matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-12)

    space = answer.muon_step.__globals__
    before = space.get("orthogonalize")
    space["orthogonalize"] = orthogonalize
    try:
        kept = {name: nn.Parameter(weight.float().clone()) for name, weight in weights.items()}
        muon = [name for name, p in kept.items() if p.ndim > 1]
        rest = [name for name in kept if name not in muon]
        groups = [
            {"params": [kept[name] for name in names], "names": names, "muon": names is muon}
            for names in (muon, rest)
        ]
        optimizer = answer(groups, lr=rate, weight_decay=weight_decay, betas=(0.9, 0.98), eps=1e-6)
        steps = {}
        for number, part in enumerate(gradients, 1):
            for name, p in kept.items():
                p.grad = part[name].float() if name in part else None
            optimizer.step()
            for name, p in kept.items():
                steps[f"{name} after step {number}"] = p.detach().clone()
        return steps
    finally:
        space["orthogonalize"] = before


def some_steps(generator: Generator) -> dict[str, Any]:
    width = whole(generator, 2, 5)
    shapes = {
        "attn.in_proj_weight": (3 * width, width + 4),
        "visual.conv1.weight": (5, 2, 3, 3),
        "mlp.c_fc.weight": (width + 3, 2),
        "ln.weight": (width,),
    }
    drawn = [
        {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
        for _ in range(4)
    ]
    del drawn[2]["mlp.c_fc.weight"]  # a parameter without a gradient is left alone
    return {
        "weights": drawn[0],
        "gradients": drawn[1:],
        "rate": 0.05 + 0.1 * float(torch.rand((), generator=generator)),
        "weight_decay": 0.3 + float(torch.rand((), generator=generator)),
    }


MUON = FunctionExercise(
    id="04.12",
    name="MuonAdamW",
    reference=muon_with(),
    drive=drive_muon,
    inputs=some_steps,
)
