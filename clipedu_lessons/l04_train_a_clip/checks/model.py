# mypy: allow-untyped-defs
"""Exercises 04.8 and 04.15: the class CLIP, and a classifier made of words.

Small stand-ins take the place of encoders and tokenizer, so that what is written here is judged and
nothing else.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from clipedu_classroom.spec import FunctionExercise, whole

VisionTransformer: Any = None  # `drive_clip` puts its own encoders here
TextTransformer: Any = None


class CLIP(nn.Module):
    start = math.log(1 / 0.07)

    def __init__(self, config: Any):
        super().__init__()
        self.visual = VisionTransformer(config.vision, config.embed_dim, config.activation)
        self.text = TextTransformer(config.text, config.embed_dim, config.activation)
        self.logit_scale = nn.Parameter(torch.tensor(self.start))

    def encode_image(self, pictures: Tensor, *, normalize: bool = False) -> Tensor:
        return self.unit(self.visual(pictures)) if normalize else self.visual(pictures)

    def encode_text(self, tokens: Tensor, *, normalize: bool = False) -> Tensor:
        return self.unit(self.text(tokens)) if normalize else self.text(tokens)

    def unit(self, x: Tensor) -> Tensor:
        return F.normalize(x.float(), dim=-1)

    def scale(self) -> Tensor:
        return self.logit_scale.exp()

    def forward(self, pictures: Tensor, tokens: Tensor) -> Any:
        image = self.encode_image(pictures, normalize=True)
        return image, self.encode_text(tokens, normalize=True), self.scale()

    def state_dict(self, **options: Any) -> Any:
        state = super().state_dict(**options)
        return {name.removeprefix("text."): value for name, value in state.items()}


def drive_clip(CLIP, pictures, tokens, embed_dim, start, half):
    from types import SimpleNamespace

    import torch
    from torch import nn

    class Encoder(nn.Module):
        def __init__(self, config, embed_dim, activation="quick_gelu"):
            super().__init__()
            rows = torch.arange(config.rows * embed_dim).view(config.rows, embed_dim)
            self.proj = nn.Parameter(torch.sin(config.key + rows.float() ** 2))
            self.sign = 1.0 if activation == "gelu" else -0.5

        def forward(self, x):
            rows = self.proj[x].sum(1) if self.table else x.float().flatten(1) @ self.proj
            return (self.sign * rows).bfloat16() if half else self.sign * rows

    class VisionTransformer(Encoder):
        table = False

    class TextTransformer(Encoder):
        table = True

    spaces = [
        function.__globals__
        for kind in CLIP.__mro__
        for function in vars(kind).values()
        if not kind.__module__.startswith("torch") and hasattr(function, "__globals__")
    ]
    before = [dict(space) for space in spaces]
    for space in spaces:
        space.update(VisionTransformer=VisionTransformer, TextTransformer=TextTransformer)
    try:
        vision = SimpleNamespace(rows=pictures[0].numel(), key=0.3, width=4, layers=1, heads=1)
        text = SimpleNamespace(rows=50, key=0.7, width=4, layers=1, heads=1)
        shape = {"embed_dim": embed_dim, "vision": vision, "text": text, "activation": "gelu"}
        model = CLIP(SimpleNamespace(**shape))
        first = model.logit_scale.item()
        with torch.no_grad():
            model.logit_scale.fill_(start)
        image, words, scale = model(pictures, tokens)
        plain = model.encode_image(pictures), model.encode_text(tokens)
        (image @ words.T * scale).sum().backward()
        gradient = model.logit_scale.grad
        return {
            "the weights": sorted(
                f"{name} {tuple(x.shape)}" for name, x in model.state_dict().items()
            ),
            "the names of what is learned": sorted(name for name, _ in model.named_parameters()),
            "logit_scale at the start": first,
            "image embeddings": image,
            "text embeddings": words,
            "the scale that forward returns": scale,
            "encode_image without normalize": plain[0].float(),
            "encode_text without normalize": plain[1].float(),
            "the gradient of logit_scale": 0.0 if gradient is None else gradient,
            "what has a gradient": sum(p.grad is not None for p in model.parameters()),
        }
    finally:
        for space, old in zip(spaces, before, strict=True):
            for name in ("VisionTransformer", "TextTransformer"):
                space.pop(name, None)
            space.update({name: value for name, value in old.items() if name not in space})


def a_batch(generator: Generator, half: bool = False) -> dict[str, Any]:
    n = whole(generator, 3, 6)
    return {
        "pictures": torch.randn(n, 3, 4, 4, generator=generator),
        "tokens": torch.randint(0, 50, (n, 5), generator=generator),
        "embed_dim": whole(generator, 4, 9),
        "start": 1.0 + 3 * float(torch.rand((), generator=generator)),
        "half": half,
    }


def clip_with(**changes: Any) -> Any:
    return type("CLIP", (CLIP,), changes)


def leaves_long(name: str) -> Any:
    """Normalizes what encode_image or encode_text returns, and not the other."""

    def encode(self: Any, x: Tensor, *, normalize: bool = False) -> Tensor:
        return self.visual(x) if name == "encode_image" else self.text(x)

    return clip_with(**{name: encode})


class WithoutActivation(CLIP):
    def __init__(self, config: Any):
        super().__init__(config)
        self.visual = VisionTransformer(config.vision, config.embed_dim)
        self.text = TextTransformer(config.text, config.embed_dim)


class NoParameter(CLIP):
    def __init__(self, config: Any):
        super().__init__(config)
        del self.logit_scale
        self.register_buffer("logit_scale", torch.tensor(self.start))


CLIP_CLASS = FunctionExercise(
    id="04.8",
    name="CLIP",
    reference=CLIP,
    drive=drive_clip,
    inputs=a_batch,
    extremes={"encoders that compute in bfloat16": lambda g: a_batch(g, half=True)},
)


def zero_shot_classifier(model: Any, tokenizer: Any, names: Any, templates: Any = ("{}",)) -> Any:
    each = each_prompt(model, tokenizer, names, templates)
    return F.normalize(each.mean(0), dim=-1)


def each_prompt(
    model: Any, tokenizer: Any, names: Any, templates: Any, normalize: bool = True, train: Any = 0
) -> Tensor:
    """(T, C, E)"""
    model.train() if train else model.eval()
    captions = [template.format(name) for template in templates for name in names]
    with torch.no_grad():
        rows = model.encode_text(tokenizer(captions), normalize=normalize)
    return rows.view(len(templates), len(names), -1)


def drive_classifier(answer, names, templates, table):
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Parameter(table.float())

        def encode_text(self, tokens, *, normalize=False):
            rows = self.table[tokens[:, :8]].cumsum(1).sin().sum(1)
            rows = rows * (1 + 3 * tokens[:, :1] / 97) + (0.5 if self.training else 0.0)
            return F.normalize(rows.float(), dim=-1) if normalize else rows

    def tokenizer(texts, context_length=32, *, truncate=False):
        codes = [[ord(c) for c in text.rjust(40)] for text in texts]
        marks = torch.tensor(codes) * torch.arange(3, 43)
        spread = [marks[:, k::8].sum(1) % 97 for k in range(8)]
        return torch.stack(spread, 1)

    model = Model().train()
    return (
        answer(model, tokenizer, names, templates) if templates else answer(model, tokenizer, names)
    )


def a_task(generator: Generator) -> dict[str, Any]:
    words = ["cat", "dog", "Red star", "house", "key", "clock", "umbrella", "tree"]
    forms = ["{}", "an icon of {}", "a photo of a {}.", "{} drawn in black"]
    classes, templates = whole(generator, 3, 7), whole(generator, 2, 4)
    return {
        "names": words[:classes],
        "templates": forms[:templates],
        "table": torch.randn(97, 6, generator=generator),
    }


def each_long(*given: Any) -> Tensor:
    return each_prompt(*given, normalize=False)  # type: ignore[misc]


CLASSIFIER = FunctionExercise(
    id="04.15",
    name="zero_shot_classifier",
    reference=zero_shot_classifier,
    drive=drive_classifier,
    inputs=a_task,
    extremes={"one template": lambda g: {**a_task(g), "templates": ["an icon of {}"]}},
)
