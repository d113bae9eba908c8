"""Fine-tuning a zero-shot classifier, and mixtures of the two."""

import pytest
import torch

from clipedu.evaluation import Task, zero_shot
from clipedu.models import build
from clipedu.pairs import to_model
from clipedu.tokenizer import Tokenizer
from clipedu_lessons.l11_robustness.adaptation import as_classifier, fine_tune, interpolate
from clipedu_lessons.l11_robustness.supervised import accuracy, predict


@pytest.fixture(scope="module")
def task():
    generator = torch.Generator().manual_seed(0)
    pictures, labels = torch.ones(48, 3, 32, 32), torch.arange(48) % 2
    for picture, label in zip(pictures, labels, strict=True):
        at = int(torch.randint(8, 24, (), generator=generator))
        (picture if label else picture.transpose(1, 2))[:, at : at + 3] = 0
    return Task("bars", pictures, labels, ["standing", "lying"], ["{}"], "a test")


@pytest.fixture(scope="module")
def zero(task):
    tokenizer = Tokenizer.train(["standing lying bar"] * 3, 271)
    model = build("tiny", seed=0, vocab_size=tokenizer.vocab_size).eval()
    return as_classifier(model, tokenizer, task), model, tokenizer


@pytest.fixture(scope="module")
def tuned(zero, task):
    return fine_tune(zero[0], task, epochs=8, batch_size=12, learning_rate=3e-3, progress=False)


def test_the_module_answers_as_zero_shot_does(zero, task):
    classifier, model, tokenizer = zero
    want = zero_shot(model, tokenizer, task).predictions[:, 0]
    assert torch.equal(predict(classifier, task.pictures), want)


def test_fine_tuning_learns_and_leaves_the_first_alone(zero, tuned, task):
    classifier, model, _ = zero
    assert accuracy(tuned, task) > max(0.8, accuracy(classifier, task))
    for ours, theirs in zip(
        classifier.visual.state_dict().values(), model.visual.state_dict().values(), strict=True
    ):
        assert torch.equal(ours, theirs)
    # batch norms kept their statistics, or a mixture would have none that fit
    assert torch.equal(tuned.visual.bn1.running_mean, classifier.visual.bn1.running_mean)


def test_the_ends_of_the_mixture_are_the_two_models(zero, tuned, task):
    before, x = zero[0], to_model(task.pictures[:4])
    with torch.no_grad():
        for alpha, module in {0: before, 1: tuned}.items():
            assert torch.allclose(interpolate(before, tuned, alpha)(x), module(x), atol=1e-5)
        middle = interpolate(before, tuned, 0.5)
    assert torch.allclose(middle.weights, (before.weights + tuned.weights) / 2)


def test_what_cannot_be_mixed_or_tuned_is_refused(zero, tuned, task):
    with pytest.raises(ValueError, match="alpha"):
        interpolate(zero[0], tuned, 1.5)
    with pytest.raises(ValueError, match="no mixture"):
        interpolate(zero[0], torch.nn.Linear(2, 2), 0.5)
    three = Task("t", task.pictures, task.labels, ["a", "b", "c"], ["{}"], "a test")
    with pytest.raises(ValueError, match="as_classifier"):
        fine_tune(zero[0], three, progress=False)
