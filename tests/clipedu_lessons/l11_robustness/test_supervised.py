"""The supervised baseline learns, repeats itself, and says no to what it can't learn from."""

import pytest
import torch

from clipedu.evaluation import Task
from clipedu_lessons.l11_robustness.supervised import (
    SupervisedRecipe,
    accuracy,
    predict,
    train_supervised,
)


@pytest.fixture(scope="module")
def bars():
    """Horizontal and vertical bars at random places: two classes that a convolution tells apart."""
    generator = torch.Generator().manual_seed(0)
    pictures, labels = torch.ones(96, 3, 32, 32), torch.arange(96) % 2
    for picture, label in zip(pictures, labels, strict=True):
        at = int(torch.randint(8, 24, (), generator=generator))
        (picture if label else picture.transpose(1, 2))[:, at : at + 3] = 0
    return Task("bars", pictures, labels, ["standing", "lying"], ["{}"], "a test")


RECIPE = SupervisedRecipe(width=8, epochs=6, batch_size=16, augmentation="affine")


def test_it_learns_and_repeats_itself(bars):
    torch.manual_seed(123)
    before = torch.get_rng_state()
    one, other = (train_supervised(bars, RECIPE, progress=False) for _ in range(2))
    assert accuracy(one.model, bars) > 0.9
    assert one.losses == other.losses
    assert torch.equal(torch.get_rng_state(), before)
    assert not one.model.training
    features = one.model.features(bars.pictures[:2])
    assert features.shape == (2, 32)
    assert predict(one.model, bars.pictures[:5], batch_size=2).shape == (5,)


def test_a_share_keeps_every_class_and_the_number_of_steps(bars):
    recipe = SupervisedRecipe(width=8, epochs=1, batch_size=16, share=0.25)
    result = train_supervised(bars, recipe, progress=False)
    assert result.pictures == 24 and len(result.losses) == 6


@pytest.mark.parametrize("fields", [{"augmentation": "paint"}, {"share": 0}, {"epochs": 0}])
def test_recipes_that_cannot_work_are_refused(fields):
    with pytest.raises(ValueError):
        SupervisedRecipe(**fields)


def test_one_class_is_nothing_to_learn(bars):
    one = Task("one", bars.pictures, torch.zeros_like(bars.labels), ["bar"], ["{}"], "a test")
    with pytest.raises(ValueError, match="two classes"):
        train_supervised(one, RECIPE, progress=False)


def test_fewer_pictures_than_a_batch_are_one_batch_and_one_is_none(bars):
    few = Task("few", bars.pictures[:6], bars.labels[:6], bars.class_names, ["{}"], "a test")
    result = train_supervised(few, RECIPE, progress=False)
    assert result.pictures == 6 and len(result.losses) == RECIPE.epochs
    one = Task("one", bars.pictures[:1], bars.labels[:1], bars.class_names, ["{}"], "a test")
    with pytest.raises(ValueError, match="two pictures at least; the share has 1"):
        train_supervised(one, RECIPE, progress=False)
