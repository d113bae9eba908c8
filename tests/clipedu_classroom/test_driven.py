"""Answers that take named arguments, a config, a model and an optimizer, or that are a class."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn

from clipedu_classroom import protocol, sandbox
from clipedu_classroom.examine import examine
from clipedu_classroom.remote import Client, RemoteSubject
from clipedu_classroom.spec import FunctionExercise, Misconception, ModuleExercise
from clipedu_classroom.subject import LocalSubject


@dataclass
class Config:
    width: int = 4
    bias: bool = True


class Block(nn.Module):
    def __init__(self, config: Any, *, twice: bool) -> None:
        super().__init__()
        self.twice = twice
        self.layer = nn.Linear(config.width, config.width, bias=config.bias)

    def forward(self, x: Any, *, causal: bool = False) -> Any:
        x = self.layer(x)
        x = self.layer(x) if self.twice else x
        return x.tril() if causal else x


class Once(Block):
    def forward(self, x: Any, *, causal: bool = False) -> Any:
        return self.layer(x).tril() if causal else self.layer(x)


BLOCK = ModuleExercise(
    id="92.1",
    name="Block",
    reference=Block,
    init={"config": Config(), "twice": True},
    inputs=lambda g: {"x": torch.randn(4, 4, generator=g), "causal": True},
    keywords=("twice", "causal"),
    gradient=("x", "parameters"),
    misconceptions=(Misconception("the layer is used once", Once),),
)
BLOCK_SOURCE = """
from torch import nn
class Block(nn.Module):
    def __init__(self, config, *, twice):
        super().__init__()
        self.layer = nn.Linear(config.width, config.width, bias=config.bias)
        self.twice = twice
    def forward(self, x, *, causal=False):
        x = self.layer(x)
        x = self.layer(x) if self.twice else x
        return x.tril() if causal else x
"""


def step(model: Any, optimizer: Any, x: Any) -> float:
    optimizer.zero_grad()
    loss = model(x).square().mean()
    loss.backward()
    optimizer.step()
    return float(loss)


def step_without_zero(model: Any, optimizer: Any, x: Any) -> float:
    loss = model(x).square().mean()
    loss.backward()
    optimizer.step()
    return float(loss)


def two_steps(step: Any, x: Any) -> Any:
    """What an answer does with a model of its own, twice."""
    import torch

    model = torch.nn.Linear(4, 4)
    with torch.no_grad():
        model.weight.copy_(torch.arange(16.0).view(4, 4) / 16)
        model.bias.zero_()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = [step(model, optimizer, x.float()) for _ in range(3)]
    return losses, model.weight.detach()


STEP = FunctionExercise(
    id="92.2",
    name="step",
    reference=step,
    drive=two_steps,
    inputs=lambda g: {"x": torch.randn(3, 4, generator=g)},
    tolerance=1e-5,
    misconceptions=(Misconception("gradients pile up", step_without_zero),),
)
STEP_SOURCE = """
def step(model, optimizer, x):
    optimizer.zero_grad()
    loss = model(x).square().mean()
    loss.backward()
    optimizer.step()
    return float(loss)
"""


def stem(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, width), nn.ReLU())


STEM = ModuleExercise(
    id="92.3",
    name="stem",
    reference=stem,
    init={"width": 6},
    inputs=lambda g: {"x": torch.randn(3, 4, generator=g)},
)
STEM_SOURCE = """
from torch import nn
def stem(width):
    return nn.Sequential(nn.Linear(4, width), nn.ReLU())
"""


class Counter:
    def __init__(self, start: int) -> None:
        self.value = start

    def add(self, n: int) -> int:
        self.value += n
        return self.value


def count(counter: Any, start: int, n: int) -> list[int]:
    made = counter(start)
    return [made.add(n), made.add(n)]


COUNTER = FunctionExercise(
    id="92.4",
    name="Counter",
    reference=Counter,
    drive=count,
    inputs=lambda g: {"start": 3, "n": int(torch.randint(1, 9, (), generator=g))},
)
COUNTER_SOURCE = """
class Counter:
    def __init__(self, start):
        self.value = start
    def add(self, n):
        self.value += n
        return self.value
"""
ALL = [
    (BLOCK, Block, BLOCK_SOURCE),
    (STEP, step, STEP_SOURCE),
    (STEM, stem, STEM_SOURCE),
    (COUNTER, Counter, COUNTER_SOURCE),
]


@pytest.mark.parametrize(("exercise", "right", "source"), ALL, ids=lambda x: getattr(x, "id", ""))
def test_the_right_answer_passes_here_and_in_the_sandbox(exercise, right, source):
    assert examine(exercise, LocalSubject(right), 0).passed
    limits = sandbox.Limits(call_seconds=60)
    client = Client("limits", limits, time.monotonic() + 1000)
    try:
        client.ask("load", id=exercise.id, source=source, kind="answer")
        report = examine(exercise, RemoteSubject(client, exercise.name), 0)
    finally:
        client.stop()
    assert report.passed, report


@pytest.mark.parametrize("exercise", [BLOCK, STEP], ids=lambda x: x.id)
def test_a_misconception_is_named(exercise):
    (known,) = exercise.misconceptions
    assert examine(exercise, LocalSubject(known.wrong), 0).diagnosis == known.when


def test_wrong_kinds_and_arguments_are_named():
    def verdict(exercise: Any, answer: Any) -> str:
        return examine(exercise, LocalSubject(answer), 0).diagnosis

    class ByPlace(Block):
        def __init__(self, config: Any, twice: bool) -> None:
            super().__init__(config, twice=twice)

    class More(Block):
        def __init__(self, config: Any, *, twice: bool, thrice: bool) -> None:
            super().__init__(config, twice=twice)

    assert verdict(BLOCK, ByPlace) == ""  # it can be called with the name, too
    assert verdict(BLOCK, More) == "the arguments are not those of the stub"
    assert verdict(BLOCK, lambda config: 3) == "the answer is not a subclass of nn.Module"
    assert verdict(STEM, lambda width: nn.Linear(4, width)) == (
        "the parameters have other names or shapes"
    )
    assert verdict(COUNTER, lambda start: start) == "the answer is not a class"
    assert verdict(STEP, 3.0) == "the answer is not a function"


def test_an_unknown_keyword_is_refused():
    with pytest.raises(ValueError, match=r"keywords names \['other'\]"):
        FunctionExercise(
            id="92.5", name="f", reference=abs, inputs=lambda g: {"x": 1.0}, keywords=("other",)
        )


def test_a_config_travels():
    @dataclass
    class Outer:
        inner: Config
        size: int = 3

    found = protocol.decode(protocol.encode({"config": Outer(Config())}))["config"]
    assert (found.size, found.inner.width, found.inner.bias) == (3, 4, True)
