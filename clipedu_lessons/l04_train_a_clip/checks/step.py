# mypy: allow-untyped-defs
"""Exercises 04.13 and 04.14: one training step, and the loop around it.

A model of two small tables is really trained; stand-ins for what earlier exercises wrote count how
they are called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, nn

from clipedu.objectives import clamp_logit_scale_, info_nce
from clipedu_classroom.spec import FunctionExercise, whole

parameter_groups: Any = None  # `drive_loop` puts its own here
MuonAdamW: Any = None
learning_rate: Any = None
train_step: Any = None


def set_rates(optimizer: Any, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def step_with(
    *,
    order: str = "zero backward clip step clamp",
    rates: Callable[..., Any] = set_rates,
    half: Callable[[bool], bool] = lambda half: half,
    ids: bool = True,
    inside: bool = False,
    scale_of: Callable[..., Any] = lambda model, scale: scale,
    clip: Callable[..., Any] = lambda model: nn.utils.clip_grad_norm_(model.parameters(), 1.0),
    result: Callable[..., Any] = lambda loss: loss.item(),
) -> Any:
    """train_step with one thing changed; `order` is the order of its parts."""

    def train_step(model: Any, optimizer: Any, batch: Any, rate: float, *, half_: bool) -> Any:
        pictures, tokens, equal = batch
        equal = equal if ids else None
        rates(optimizer, rate)
        parts: dict[str, Callable[[], Any]] = {
            "zero": optimizer.zero_grad,
            "clip": lambda: clip(model),
            "step": optimizer.step,
            "clamp": lambda: clamp_logit_scale_(model.logit_scale),
        }
        words = order.split()
        if words[0] in ("zero", "clamp"):
            parts[words.pop(0)]()
        with torch.autocast("cpu", torch.bfloat16, enabled=half(half_)):
            image, text, scale = model(pictures, tokens)
            if inside:
                loss = info_nce(image, text, scale, equal)
        if not inside:
            loss = info_nce(image, text, scale_of(model, scale), equal)
        parts["backward"] = loss.backward
        for word in words:
            parts[word]()
        return result(loss)

    return lambda model, optimizer, batch, rate, *, half=True: train_step(
        model, optimizer, batch, rate, half_=half
    )


def drive_step(answer, table, words, batches, rates, start, half):
    import math

    import torch
    from torch import nn
    from torch.nn import functional as F

    def info_nce(image, text, logit_scale, false_negative_ids=None):
        logits = logit_scale * image @ text.T
        if false_negative_ids is not None:
            same = false_negative_ids[:, None] == false_negative_ids[None, :]
            logits = logits.masked_fill(same & ~torch.eye(len(same), dtype=torch.bool), -math.inf)
        answers = torch.arange(len(logits))
        return (F.cross_entropy(logits, answers) + F.cross_entropy(logits.T, answers)) / 2

    @torch.no_grad()
    def clamp_logit_scale_(logit_scale, maximum=100.0):
        logit_scale.clamp_(max=math.log(maximum))

    class Tables(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Parameter(table.float().clone())
            self.words = nn.Parameter(words.float().clone())
            self.logit_scale = nn.Parameter(torch.tensor(math.log(start)))
            self.autocasts: list[bool] = []

        def forward(self, pictures, tokens):
            self.autocasts.append(torch.is_autocast_enabled("cpu"))
            with torch.autocast("cpu", enabled=False):
                image = F.normalize(pictures.float().flatten(1) @ self.table, dim=-1)
                text = F.normalize(self.words[tokens].sum(1), dim=-1)
                return image, text, self.logit_scale.exp()

    spaces = [getattr(answer, "__globals__", {})]
    before = [(space, dict(space)) for space in spaces]
    for space in spaces:
        space.update(info_nce=info_nce, clamp_logit_scale_=clamp_logit_scale_)
    try:
        model = Tables()
        groups = [{"params": [model.table]}, {"params": [model.words, model.logit_scale]}]
        optimizer = torch.optim.SGD(groups, lr=0.3)
        for p in model.parameters():  # left behind by an earlier step
            p.grad = torch.full_like(p, 0.7)
        seen: dict[str, Any] = {}
        for number, (batch, rate) in enumerate(zip(batches, rates, strict=True), 1):
            loss = answer(model, optimizer, tuple(batch), rate, half=half)
            seen |= {
                f"the loss of step {number}": loss,
                f"what step {number} returns": type(loss).__name__,
                f"the rates in step {number}": [group["lr"] for group in optimizer.param_groups],
                f"the image encoder after step {number}": model.table.detach().clone(),
                f"the text encoder after step {number}": model.words.detach().clone(),
                f"the scale after step {number}": model.logit_scale.detach().exp(),
            }
        return {**seen, "computed in bfloat16": model.autocasts}
    finally:
        for space, old in before:
            for name in ("info_nce", "clamp_logit_scale_"):
                space.pop(name, None)
                space.update({name: old[name]} if name in old else {})


def some_batches(generator: Generator, start: float = 0.0, ids: bool = True) -> dict[str, Any]:
    """Two batches of one size; captions may be equal. start: the first scale, drawn if it is 0."""
    n, size = whole(generator, 5, 8), whole(generator, 3, 5)

    def batch() -> list[Any]:
        tokens = torch.randint(0, 12, (n, 3), generator=generator)
        tokens[1] = tokens[0]
        equal = torch.arange(n)
        equal[1] = 0
        pictures = torch.randn(n, 3, 2, 2, generator=generator)
        return [pictures, tokens, equal if ids else None]

    drawn = 3.0 if torch.rand((), generator=generator) < 0.5 else 40.0
    return {
        "table": torch.randn(12, size, generator=generator),
        "words": torch.randn(12, size, generator=generator),
        "batches": [batch(), batch()],
        "rates": [0.2 + float(torch.rand((), generator=generator)) for _ in range(2)],
        "start": start or drawn,
        "half": bool(torch.rand((), generator=generator) < 0.5),
    }


def _past_the_maximum(generator: Generator) -> dict[str, Any]:
    """Pictures and captions that agree: the scale wants to grow, and the step takes it past 100."""
    drawn = some_batches(generator, start=99.9, ids=False)
    n = len(drawn["batches"][0][0])
    words = torch.zeros(12, 12)
    words[:n, :n] = torch.eye(n) + 3
    pictures = (torch.eye(n, 12) + 3 * (torch.arange(12) < n)).view(n, 3, 2, 2)
    tokens = torch.arange(n)[:, None]
    batch = [pictures, tokens, None]
    return {**drawn, "table": torch.eye(12), "words": words, "batches": [batch, batch]}


def only_first_group(optimizer: Any, rate: float) -> None:
    optimizer.param_groups[0]["lr"] = rate


STEP = FunctionExercise(
    id="04.13",
    name="train_step",
    reference=step_with(),
    drive=drive_step,
    inputs=some_batches,
    trials=4,
    extremes={
        "a step that takes the scale past 100": _past_the_maximum,
        "a batch without ids": lambda g: some_batches(g, ids=False),
    },
)


def loop_with(
    *,
    decay: Callable[..., Any] = lambda model, decay, groups: groups(
        model.named_parameters(), decay, muon=True
    ),
    betas: tuple[float, float] = (0.9, 0.98),
    eps: float = 1e-6,
    rate: Callable[..., Any] = lambda f, step, steps, peak, warmup: f(
        step, steps=steps, peak=peak, warmup_steps=round(warmup * steps)
    ),
    mode: bool = True,
    half: Callable[[bool], bool] = lambda half: half,
    fresh: bool = False,
    more: int = 0,
) -> Any:
    """train_clip with one thing changed."""

    def train_clip(
        model: Any,
        batches: Any,
        *,
        steps: int,
        peak: float = 2e-3,
        warmup: float = 0.1,
        weight_decay: float = 0.2,
        half_: bool = True,
    ) -> Any:
        def make() -> Any:
            groups = decay(model, weight_decay, parameter_groups)
            return MuonAdamW(groups, lr=peak, betas=betas, eps=eps)

        optimizer = make()
        if mode:
            model.train()
        for step, batch in zip(range(steps + more), batches, strict=False):
            optimizer = make() if fresh else optimizer
            now = rate(learning_rate, step, steps, peak, warmup)
            yield train_step(model, optimizer, batch, now, half=half(half_))

    def answer(model: Any, batches: Any, *, half: bool = True, **given: Any) -> Any:
        return train_clip(model, batches, half_=half, **given)

    return answer


def drive_loop(answer, steps, peak, warmup, weight_decay, half):
    import torch
    from torch import nn

    log: dict[str, Any] = {"optimizers": 0, "rates": [], "batches": [], "modes": [], "half": []}
    made = []

    def parameter_groups(named, weight_decay, *, muon=False):
        named = list(named)
        params, names = [p for _, p in named], [name for name, _ in named]
        log.update({"parameters": len(params), "weight decay": weight_decay, "Muon": muon})
        new = {"params": params, "names": names, "weight_decay": weight_decay, "muon": muon}
        return [new]

    class MuonAdamW(torch.optim.AdamW):
        def __init__(self, groups, **numbers):
            super().__init__(groups, **numbers)
            made.append(self)
            log["optimizers"] += 1
            given = self.defaults
            log["betas, eps and lr"] = [*given["betas"], 1e6 * given["eps"], given["lr"]]

    def learning_rate(step, *, steps, peak, warmup_steps=0, final=0.0):
        return peak * (1 + step + 0.01 * steps + 0.37 * warmup_steps + 5 * final)

    def train_step(model, optimizer, batch, rate, *, half=True):
        log["rates"].append(float(rate))
        log["batches"].append(batch[2])
        log["modes"].append(model.training and optimizer is made[-1])
        log["half"].append(bool(half))
        return 100.0 - batch[2]

    def batches():
        for number in range(steps + 5):
            log["batches taken"] = number + 1
            yield torch.zeros(2, 3, 2, 2), torch.zeros(2, 4), number
        raise ValueError(f"batch {steps + 6} was asked for, in a run of {steps} steps")

    space = getattr(answer, "__globals__", {})
    mine = {
        "parameter_groups": parameter_groups,
        "MuonAdamW": MuonAdamW,
        "learning_rate": learning_rate,
        "train_step": train_step,
    }
    before = {name: space[name] for name in mine if name in space}
    space.update(mine)
    try:
        model = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2)).eval()
        numbers = {"steps": steps, "peak": peak, "warmup": warmup}
        losses = iter(answer(model, batches(), **numbers, weight_decay=weight_decay, half=half))
        first = next(losses)
        log["steps done when the first loss comes"] = len(log["rates"])
        log["losses"] = [first, *losses]  # first, as it goes on counting
        return log
    finally:
        for name in mine:
            space.pop(name)
        space.update(before)


def a_run(generator: Generator) -> dict[str, Any]:
    return {
        "steps": whole(generator, 12, 30),
        "peak": 0.001 + 0.01 * float(torch.rand((), generator=generator)),
        "warmup": 0.1 + 0.3 * float(torch.rand((), generator=generator)),
        "weight_decay": 0.05 + float(torch.rand((), generator=generator)),
        "half": bool(torch.rand((), generator=generator) < 0.5),
    }


def a_rounded_run(generator: Generator) -> dict[str, Any]:
    """2.7 steps of warm-up: 3, and not 2."""
    return a_run(generator) | {"steps": 15, "warmup": 0.18}


def named_of(model: Any) -> Any:
    return model.named_parameters()


def all_at_once(model: Any, batches: Any, **given: Any) -> list[float]:
    return list(loop_with()(model, batches, **given))


LOOP = FunctionExercise(
    id="04.14",
    name="train_clip",
    reference=loop_with(),
    drive=drive_loop,
    inputs=a_run,
    extremes={"a warm-up that must be rounded up": a_rounded_run},
)
