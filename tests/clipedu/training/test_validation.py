from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from clipedu.evaluation import Task, zero_shot
from clipedu.models import build
from clipedu.pairs import PairSet, Pictures, load_icons
from clipedu.tokenizer import Tokenizer
from clipedu.training import World, left_out_split, validation_split
from clipedu.training.validation import shared_accuracy


@pytest.fixture
def real_icons(monkeypatch: pytest.MonkeyPatch) -> PairSet:
    """Real names, but blank pictures of 8 px: nothing has to be drawn."""
    icons = [icon for icon in load_icons(["material", "phosphor"])][::3]
    pairs = PairSet(
        Pictures(icons, np.zeros((len(icons), 8, 8, 4), np.uint8), 8), ["material", "phosphor"]
    )
    monkeypatch.setattr("clipedu.training.validation.training_pairs", lambda *a, **k: pairs)
    return pairs


def test_nothing_is_in_both_parts_and_no_name_is_lost(real_icons: PairSet) -> None:
    left, task = validation_split(8, names=30)
    assert len(left) + len(task) == len(real_icons)
    assert len(task.class_names) == 30
    assert set(task.class_names) <= {icon.name for icon in left.icons}
    whole = set(real_icons.icons)
    assert len(whole - set(left.icons)) == len(task)


def test_the_split_is_the_same_each_time_and_follows_its_seed(real_icons: PairSet) -> None:
    names = [validation_split(8, names=30, seed=s)[1].class_names for s in (0, 0, 1)]
    assert names[0] == names[1] != names[2]


class Alone(World):
    """A rank whose sums are its own part of them."""

    def sum(self, value: Tensor) -> Tensor:
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


def test_left_out_sets_are_asked_and_not_learned_from() -> None:
    pairs, tasks = left_out_split(("eva", "typicons"))
    assert not {icon.family for icon in pairs.icons} & {"eva", "typicons"}
    assert [task.name for task in tasks] == ["eva", "typicons"]
    assert all(task.size == 32 and len(task) >= len(task.class_names) > 100 for task in tasks)
    with pytest.raises(ValueError, match="not for training"):
        left_out_split(("lucide",))
