"""Exercises 01.12 to 01.14: the MLP, the residual block and the whole text encoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, nn

from clipedu.models import TextConfig, TextTransformer
from clipedu.models.transformer import MLP, ResidualAttentionBlock
from clipedu_classroom.spec import FunctionExercise, Inputs, whole


def module(
    answer: Any, sizes: Any, options: Any, state: Any, x: Any, token_embedding: Any = None
) -> Any:
    """The module that the class makes, called with given parameters."""
    from torch.func import functional_call

    class StateMismatch(Exception):
        pass

    made = answer(*sizes, **options)
    if token_embedding is not None:  # apart, so that a gradient can be asked of it
        state = {"token_embedding.weight": token_embedding, **state}
    own = {f"{name} {tuple(p.shape)}" for name, p in made.named_parameters()}
    wanted = {f"{name} {tuple(value.shape)}" for name, value in state.items()}
    differences = {"missing": wanted - own, "not expected": own - wanted}
    words = [f"{what} {', '.join(sorted(names))}" for what, names in differences.items() if names]
    if words:
        raise StateMismatch("the module's parameters differ: " + "; ".join(words))
    return functional_call(made, state, (x,))


def state_of(make: Callable[[], nn.Module], generator: Generator) -> dict[str, Tensor]:
    """Random parameters for what `make` makes, those of norms about 1."""
    state = {}
    with torch.device("meta"):  # only names and shapes are needed
        parameters = list(make().named_parameters())
    for name, parameter in parameters:
        noise = torch.randn(parameter.shape, generator=generator, device="cpu")
        is_norm = parameter.ndim == 1 and name.endswith("weight")
        state[name] = 1 + 0.1 * noise if is_norm else 0.3 * noise
    return state


def _mlp(activation: str, *shape: int, size: float = 2.0) -> Inputs:
    def draw(generator: Generator) -> dict[str, Any]:
        asked = {"sizes": (6, activation), "options": {}}
        state = state_of(lambda: MLP(6, activation), generator)
        lengths = shape or (whole(generator, 2, 3), whole(generator, 3, 5))
        return {**asked, "state": state, "x": size * torch.randn(*lengths, 6, generator=generator)}

    return draw


FEED_FORWARD = FunctionExercise(
    id="01.12",
    name="MLP",
    reference=MLP,
    drive=module,
    inputs=_mlp("gelu"),
    gradient=("x",),
    extremes={
        'activation="quick_gelu"': _mlp("quick_gelu"),
        "a single token": _mlp("gelu", 1, 1),
        "vectors a hundred times as long": _mlp("gelu", 2, 3, size=200.0),
    },
)


def _block(causal: bool, activation: str, *shape: int, heads: int = 2) -> Inputs:
    def draw(generator: Generator) -> dict[str, Any]:
        options: dict[str, Any] = {"causal": causal, "activation": activation}
        state = state_of(lambda: ResidualAttentionBlock(8, heads, **options), generator)
        lengths = shape or (whole(generator, 2, 3), whole(generator, 3, 5))
        x = torch.randn(*lengths, 8, generator=generator)
        return {"sizes": (8, heads), "options": options, "state": state, "x": x}

    return draw


BLOCK = FunctionExercise(
    id="01.13",
    name="ResidualAttentionBlock",
    reference=ResidualAttentionBlock,
    drive=module,
    inputs=_block(True, "gelu"),
    gradient=("x",),
    extremes={
        "causal=False": _block(False, "gelu"),
        'activation="quick_gelu"': _block(True, "quick_gelu"),
        "a single token": _block(True, "gelu", 1, 1),
        "four heads": _block(True, "gelu", heads=4),
    },
)


def _text(
    *lengths: int, row: int = 0, layers: int = 2, activation: str = "gelu", heads: int = 2
) -> Inputs:
    """Rows of SOT, words, EOT and zeros. lengths: how many tokens each has; row: with padding."""

    def draw(generator: Generator) -> dict[str, Any]:
        config = TextConfig(20, 9, width=8, heads=heads, layers=layers)
        counts = list(lengths) or [3, 6, whole(generator, 4, 5)]
        tokens = torch.zeros(len(counts), row or 8, dtype=torch.int64)
        for ids, count in zip(tokens, counts, strict=True):
            ids[:count] = torch.randint(0, 18, (count,), generator=generator)
            ids[0], ids[count - 1] = 18, 19
        state = state_of(lambda: TextTransformer(config, 5, activation), generator)
        table = state.pop("token_embedding.weight")
        asked = {"sizes": (config, 5, activation), "options": {}, "state": state, "x": tokens}
        return {**asked, "token_embedding": table}

    return draw


TEXT = FunctionExercise(
    id="01.14",
    name="TextTransformer",
    reference=TextTransformer,
    drive=module,
    inputs=_text(),
    gradient=("token_embedding",),
    extremes={
        "a single caption": _text(5),
        "rows without padding": _text(4, 4, row=4),
        "rows as long as the context": _text(9, 3, row=9),
        "one layer": _text(3, 5, layers=1),
        "four heads": _text(3, 5, heads=4),
        'activation="quick_gelu"': _text(3, 5, activation="quick_gelu"),
    },
)
