"""The drawn folder and the sick runs of lesson 08."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from clipedu.models import build
from clipedu.objectives import info_nce
from clipedu.pairs import NONE
from clipedu_lessons.l08_scaling_up import sick
from clipedu_lessons.l08_scaling_up.caching import cached_backward


def test_each_picture_has_its_color_and_its_shape() -> None:
    inks = {}
    for shape in sick.SHAPES:
        picture = np.asarray(sick.draw("red", shape, random.Random(0)), dtype=int)
        ink = picture[..., 1] < 128
        assert (picture[ink] == (208, 32, 32)).all() and 0.02 < ink.mean() < 0.4
        inks[shape] = ink.sum()
    assert inks["square"] > inks["circle"] > inks["triangle"]
    assert len(set(inks.values())) == 4


class Two:
    """A set of pairs whose pictures tell their step."""

    def __len__(self) -> int:
        return 9

    def batch_at(self, step: int, n: int, seed: int, how: object) -> tuple[torch.Tensor, list[str]]:
        return torch.full((n, 3, 4, 4), float(step)), [f"{step} {k} more" for k in range(n)]


def test_the_sickness_is_the_one_that_was_asked_for() -> None:
    pairs = sick.Sick(Two(), lambda words: words[::-1], few=2)  # type: ignore[arg-type]
    pictures, captions = pairs.batch_at(5, 3, 0, NONE)
    assert float(pictures.mean()) == 1 and captions == ["1 2 more", "1 1 more", "1 0 more"]
    assert len(pairs) == 9


def test_a_cached_backward_adds_the_gradient_of_the_whole_batch() -> None:
    model = build("tiny", seed=0).double()
    size, vocab = model.config.vision.resolution, model.config.text.vocab_size
    pictures = torch.rand(8, 3, size, size).double()
    tokens = torch.randint(1, vocab - 1, (8, 6))
    tokens[:, 5] = vocab - 1
    model.eval()  # batch norms would see chunks
    loss = info_nce(*model(pictures, tokens))
    loss.backward()
    whole = [p.grad.clone() for p in model.parameters()]
    assert cached_backward(model, (pictures, tokens, None), 4) == pytest.approx(loss.item())
    for p, once in zip(model.parameters(), whole, strict=True):
        torch.testing.assert_close(p.grad, 2 * once, rtol=0, atol=1e-9)
