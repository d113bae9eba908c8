"""An evaluation that is shared out is the evaluation, also with more ranks than pictures."""

from __future__ import annotations

import pytest
import torch

from clipedu.evaluation import Task, zero_shot
from clipedu.models import build
from clipedu.tokenizer import Tokenizer
from clipedu.training import World
from clipedu.training.measuring import shared_accuracy


class Alone(World):
    """A rank whose sums are its own part of them."""

    def sum(self, value: float, device: torch.device) -> float:
        return value


@pytest.mark.parametrize("count", [1, 3, 4, 11])
def test_the_ranks_shares_add_up(count: int, pairs) -> None:
    names = [icon.name for icon in pairs.icons[:count]]
    tokenizer = Tokenizer.train(names, 270)
    model = build("tiny", seed=1, vocab_size=tokenizer.vocab_size).eval()
    pictures = torch.stack([pairs.picture(k) for k in range(count)])
    names += ["another thing"]  # so that one picture can be mistaken for something
    task = Task("squares", pictures, torch.arange(count), names, ["{}"], "made here")
    shares = [shared_accuracy(model, tokenizer, task, Alone(rank, 4)) for rank in range(4)]
    assert sum(shares) == pytest.approx(zero_shot(model, tokenizer, task).top1)
