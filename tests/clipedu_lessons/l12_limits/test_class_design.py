"""More names to answer with, and emoji of people by words."""

import pytest
import torch

from clipedu.evaluation import Task, zero_shot
from clipedu.models import build
from clipedu.tokenizer import Tokenizer
from clipedu_lessons.l12_limits.class_design import (
    Role,
    neutral_roles,
    share_leaning,
    share_taken,
    with_classes,
)


@pytest.fixture(scope="module")
def task():
    pictures = torch.rand(10, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    return Task("t", pictures, torch.arange(10) % 2, ["cat", "dog"], ["{}"], "a test")


def test_a_class_more_takes_answers_from_the_others(task):
    tokenizer = Tokenizer.train(["cat dog other thing"] * 3, 262)
    model = build("tiny", seed=0, vocab_size=tokenizer.vocab_size).eval()
    more = with_classes(task, ["thing"])
    assert more.class_names == ["cat", "dog", "thing"] and len(task.class_names) == 2
    before, after = (zero_shot(model, tokenizer, t) for t in (task, more))
    taken = share_taken(after, ["cat", "dog", "thing"])
    assert sum(taken.values()) == pytest.approx(1)
    assert after.top1 <= before.top1
    with pytest.raises(ValueError, match="no class"):
        share_taken(before, ["thing"])
    with pytest.raises(ValueError, match="already"):
        with_classes(task, ["dog"])


def test_roles_have_three_pictures_each_and_leaning_is_counted():
    roles = neutral_roles()
    assert len(roles) > 20 and "firefighter" in roles
    assert not any(role.startswith(("man ", "woman ")) for role in roles)
    assert share_leaning([Role("a", 0.1), Role("b", -0.1), Role("c", 0.2)]) == pytest.approx(2 / 3)
