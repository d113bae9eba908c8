# mypy: allow-untyped-defs
"""Averages of prompts: on paper, of answers, and of all three kinds."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, ValueExercise, whole
from clipedu_lessons.common.checking import alone, near, reverse, unchanged, unit


def _is(value: Any, word: str) -> bool:
    return str(value).strip().casefold() == word


ON_PAPER = ValueExercise(
    id="06.1",
    name=("bat_score", "owl_score", "winner", "winner_without", "p"),
    expected=(0.98995, 0.96, "bat", "owl", 0.0625),
    tolerance=0.002,
    misconceptions=(
        Misconception(
            "the mean of the prompts is not normalized",
            lambda v: near(v[0], 0.70, within=0.006),
            "How long is the vector halfway between (1, 0) and (0, 1)?",
        ),
        Misconception(
            "the prompts are added, not averaged and normalized",
            lambda v: near(v[0], 1.40, within=0.006),
            "A cosine is never above 1.",
        ),
        Misconception(
            "the better of the two prompts is taken instead of their mean",
            lambda v: near(v[0], 0.80, within=0.006),
            "Both prompts have a say.",
        ),
        Misconception(
            "the chance of one toss is given for that of five",
            lambda v: near(v[4], 0.5, 0.1, within=0.006),
            "How many sequences do five tosses have?",
        ),
        Misconception(
            "a percentage is given for a probability",
            lambda v: float(v[4]) > 1,
            "A probability is at most 1.",
        ),
        Misconception(
            "the two winners are swapped",
            lambda v: _is(v[2], "owl") and _is(v[3], "bat"),
            "Which of the two means is short?",
        ),
        Misconception(
            "normalizing is believed to change no winner",
            lambda v: _is(v[2], "bat") and _is(v[3], "bat"),
            "Compare the lengths of the two means.",
        ),
        Misconception(
            "the class whose prompts agree is believed to win always",
            lambda v: _is(v[2], "owl") and _is(v[3], "owl"),
            "Compare the two scores that you worked out.",
        ),
    ),
)


def mean_probabilities(pictures: Tensor, texts: Tensor, scale: float) -> Tensor:
    """(N, E), (T, C, E), scale -> (N, C)."""
    logits = scale * torch.einsum("ne,tce->tnc", pictures, texts)  # (T, N, C)
    return logits.softmax(dim=-1).mean(dim=0)


def opinions(generator: Generator, pictures: int = 0, templates: int = 0) -> dict[str, Any]:
    n, t, c, e = (whole(generator, *sizes) for sizes in ((2, 4), (5, 6), (7, 9), (10, 12)))
    n, t = pictures or n, templates or t
    return {
        "pictures": unit(torch.randn(n, e, generator=generator)),
        "texts": unit(torch.randn(t, c, e, generator=generator)),
        "scale": float(whole(generator, 5, 12)),
    }


PROBABILITIES = FunctionExercise(
    id="06.3",
    name="mean_probabilities",
    reference=mean_probabilities,
    inputs=opinions,
    properties=(
        unchanged("the templates are put in another order", reverse, 1),
        alone("a picture's answer depends on the other pictures", 0),
        Property(
            "a row's probabilities do not add up to 1",
            lambda f, p, t, s: (
                torch.as_tensor(f(p, t, s)).sum(dim=-1),
                torch.ones(len(p), dtype=p.dtype),
            ),
        ),
    ),
    extremes={
        "one template": lambda g: opinions(g, templates=1),
        "one picture": lambda g: opinions(g, pictures=1),
        "a scale of 100": lambda g: {**opinions(g), "scale": 100.0},
        "a scale of 2000": lambda g: {**opinions(g), "scale": 2000.0},
    },
)


def ensemble_with(
    again: bool = True, exp: Any = torch.exp, mixed: bool = False, late: bool = False,
    unit: bool = True, train: bool = False,
) -> Any:  # fmt: skip
    """prompt_ensemble, or a wrong one: what each argument breaks is the title of a variant."""

    @torch.no_grad()
    def prompt_ensemble(
        model: Any, tokenizer: Any, image: Any, names: Any, templates: Any, by: str = "embeddings"
    ) -> Tensor:
        model.train(train)
        prompts = [template.format(name) for template in templates for name in names]
        each = model.encode_text(tokenizer(prompts), normalize=unit)
        each = each.view(*(len(names), len(templates))[:: 1 if mixed else -1], -1)
        each = each.transpose(0, 1) if mixed else each
        if by == "embeddings":
            each = each.mean(0, keepdim=True)
            each = F.normalize(each, dim=-1) if again else each
        logits = exp(model.logit_scale) * image @ each.mT  # (T, N, C)
        if by == "logits" and not late:
            logits = logits.mean(0, keepdim=True)
        return logits.softmax(-1).mean(0)

    return prompt_ensemble


def drive_ensemble(answer, names, templates, image, table, scale):
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Parameter(table.float())
            self.logit_scale = nn.Parameter(torch.tensor(float(scale)).log())

        def encode_text(self, tokens, *, normalize=False):
            rows = self.table[tokens[:, :8]].cumsum(1).sin().sum(1)
            rows = rows * (1 + 3 * tokens[:, :1] / 97) + (0.5 if self.training else 0.0)
            return F.normalize(rows.float(), dim=-1) if normalize else rows

    def tokenizer(texts, context_length=32, *, truncate=False):
        codes = [[ord(c) for c in text.rjust(40)] for text in texts]
        marks = torch.tensor(codes) * torch.arange(3, 43)
        spread = [marks[:, k::8].sum(1) % 97 for k in range(8)]
        return torch.stack(spread, 1)

    given = (Model().train(), tokenizer, F.normalize(image.float(), dim=-1), names, templates)
    ways = [answer(*given), *(answer(*given, by) for by in ("embeddings", "logits"))]
    return torch.stack([*ways, answer(*given, "probabilities")])


def a_question(generator: Generator) -> dict[str, Any]:
    names = ["red ball", "tree", "boat", "old house", "cat"][: whole(generator, 4, 5)]
    templates = ["{}", "an icon of {}", "a drawing of {}."]
    return {
        "names": names,
        "templates": templates,
        "image": torch.randn(whole(generator, 2, 4), 6, generator=generator),
        "table": torch.randn(97, 6, generator=generator),
        "scale": float(whole(generator, 4, 9)),
    }


ENSEMBLE = FunctionExercise(
    id="06.6",
    name="prompt_ensemble",
    reference=ensemble_with(),
    drive=drive_ensemble,
    inputs=a_question,
    tolerance=1e-4,
    extremes={
        "one template": lambda g: {**a_question(g), "templates": ["an icon of {}"]},
        "a scale of 2000": lambda g: {**a_question(g), "scale": 2000.0},
    },
)
