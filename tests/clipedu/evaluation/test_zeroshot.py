from __future__ import annotations

import dataclasses
import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clipedu.evaluation import (
    Task,
    ZeroShotResult,
    as_dict,
    classify,
    clopper_pearson,
    embed_pictures,
    zero_shot,
    zero_shot_classifier,
)
from clipedu.evaluation.zeroshot import similarities, top_classes
from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer


def slow_zero_shot(model: CLIP, tokenizer: Tokenizer, task: Task) -> tuple[float, float, list]:
    """One picture at a time, with sorted() and division."""
    weights = zero_shot_classifier(model, tokenizer, task.class_names, task.templates).tolist()
    first = five = 0
    by_class: list[list[bool]] = [[] for _ in task.class_names]
    for picture, label in zip(task.pictures, task.labels.tolist(), strict=True):
        vector = embed_pictures(model, picture[None])[0].tolist()
        scores = [sum(a * b for a, b in zip(vector, row, strict=True)) for row in weights]
        order = sorted(range(len(scores)), key=lambda c: -scores[c])
        first += order[0] == label
        five += label in order[:5]
        by_class[label].append(order[0] == label)
    means = [sum(hits) / len(hits) if hits else math.nan for hits in by_class]
    return first / len(task), five / len(task), means


def scores_of(model: CLIP, tokenizer: Tokenizer, task: Task) -> torch.Tensor:
    """The (N, C) similarities that `zero_shot` sorts."""
    weights = zero_shot_classifier(model, tokenizer, task.class_names, task.templates)
    return similarities(embed_pictures(model, task.pictures), weights)


def larger(task: Task, classes: int) -> Task:
    names = [f"thing {i}" for i in range(classes)]
    labels = torch.arange(len(task)) * 5 % classes
    return dataclasses.replace(task, class_names=names, labels=labels)


@pytest.mark.parametrize("classes", [1, 2, 4, 5, 9])
@pytest.mark.parametrize("batch_size", [5, 256])
def test_against_the_slow_version(
    model: CLIP, tokenizer: Tokenizer, task: Task, classes: int, batch_size: int
) -> None:
    task = larger(task, classes)
    result = zero_shot(model, tokenizer, task, batch_size=batch_size)
    top1, top5, per_class = slow_zero_shot(model, tokenizer, task)
    assert (result.top1, result.top5) == pytest.approx((top1, top5))
    assert result.per_class.tolist() == pytest.approx(per_class, nan_ok=True)
    assert result.mean_per_class == pytest.approx(
        sum(p for p in per_class if p == p) / sum(p == p for p in per_class)
    )
    assert result.predictions.shape == (12, min(5, classes))
    assert result.chance == 1 / classes
    assert result.interval == clopper_pearson(round(top1 * 12), 12)
    if classes <= 5:
        assert result.top5 == 1


@settings(deadline=None)  # a busy machine is no error
@given(st.lists(st.integers(0, 3), min_size=1, max_size=7), st.integers(1, 9))
def test_equals_go_to_the_first(scores: list[int], k: int) -> None:
    got = top_classes(torch.tensor([scores]).float(), k)[0].tolist()
    assert got == sorted(range(len(scores)), key=lambda c: (-scores[c], c))[:k]


def test_k_is_at_least_one() -> None:
    with pytest.raises(ValueError, match="k must be a whole number from 1"):
        top_classes(torch.zeros(1, 3), 0)


def test_a_collapsed_model_scores_chance(model: CLIP, tokenizer: Tokenizer, task: Task) -> None:
    with torch.no_grad():
        model.text.text_projection.zero_()  # all classes score alike: 0
    result = zero_shot(model, tokenizer, task)
    assert result.predictions[:, 0].tolist() == [0] * 12
    assert result.top1 == pytest.approx(4 / 12)
    assert not result.above_chance


def test_a_perfect_answer(model: CLIP, tokenizer: Tokenizer, task: Task) -> None:
    weights = zero_shot_classifier(model, tokenizer, task.class_names, task.templates)
    result = zero_shot(model, tokenizer, task, embeddings=weights[task.labels])
    assert result.top1 == result.top5 == result.mean_per_class == 1
    assert result.above_chance
    assert torch.isnan(result.per_class[3])  # no picture of an apple
    scores = similarities(weights[task.labels], weights)
    assert torch.allclose(scores[torch.arange(12), task.labels], torch.ones(12))


def test_embeddings_must_fit(model: CLIP, tokenizer: Tokenizer, task: Task) -> None:
    with pytest.raises(ValueError, match=r"\(12, 32\).*got \(11, 32\)"):
        zero_shot(model, tokenizer, task, embeddings=torch.rand(11, 32))


def test_the_model_is_left_as_it_was(model: CLIP, tokenizer: Tokenizer, task: Task) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for mode in (True, False):
        model.train(mode)
        zero_shot(model, tokenizer, task)
        assert model.training is mode and model.visual.training is mode
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_templates_and_their_record(model: CLIP, tokenizer: Tokenizer, task: Task) -> None:
    assert zero_shot(model, tokenizer, task).templates == task.templates
    result = zero_shot(model, tokenizer, task, templates="photo")
    assert result.templates == ["a photo of a {}."]
    with pytest.raises(ValueError, match="no {}"):
        zero_shot(model, tokenizer, task, templates=["a photo"])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_16_bit_models(model: CLIP, tokenizer: Tokenizer, task: Task, dtype: torch.dtype) -> None:
    wanted = scores_of(model, tokenizer, task)
    found = scores_of(model.to(dtype), tokenizer, task)
    assert found.dtype == torch.float32
    assert (found - wanted).abs().max() < 0.1


def test_autocast_does_not_round_the_scores(model: CLIP, tokenizer: Tokenizer, task: Task) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = scores_of(model, tokenizer, task)
    assert scores.dtype == torch.float32
    assert not torch.equal(scores, scores.bfloat16().float())


def test_result_as_json_and_words(model: CLIP, tokenizer: Tokenizer, task: Task) -> None:
    result = zero_shot(model, tokenizer, task)
    data = json.loads(json.dumps(as_dict({"t": result}), allow_nan=False))["tasks"]["t"]
    assert data["classes"] == 4 and data["pictures"] == 12 and data["chance"] == 0.25
    assert (data["top1"], data["top5"]) == (result.top1, result.top5)
    assert data["source"] == "a random generator"
    assert f"{result.top1:.1%} top-1" in str(result) and "chance 25.0%" in str(result)


def test_metric() -> None:
    result = ZeroShotResult(
        task="t",
        n=6,
        top1=0.5,
        top5=1.0,
        per_class=torch.tensor([1.0, 0.25, math.nan]),
        predictions=torch.tensor([[0, 1], [0, 1], [2, 0], [2, 0], [0, 1], [1, 0]]),
        labels=torch.tensor([0, 0, 1, 1, 1, 1]),
        class_names=["nut", "bolt", "axe"],
        templates=["{}"],
        interval=(0.1, 0.9),
        chance=1 / 3,
        source="by hand",
    )
    assert result.value == 0.5
    assert dataclasses.replace(result, metric="mean_per_class").value == pytest.approx(0.625)


def test_classify(model: CLIP, tokenizer: Tokenizer, task: Task) -> None:
    names, templates = task.class_names, task.templates
    with torch.no_grad():
        model.logit_scale.fill_(math.log(50))
    answers = classify(model, tokenizer, task.pictures, names, templates, batch_size=5)
    scores = scores_of(model, tokenizer, task)
    assert len(answers) == 12
    for row, answer in zip(scores.tolist(), answers, strict=True):
        total = sum(math.exp(50 * s) for s in row)
        wanted = {name: math.exp(50 * s) / total for name, s in zip(names, row, strict=True)}
        assert dict(answer) == pytest.approx(wanted, rel=1e-3)
        assert [r.probability for r in answer] == sorted(wanted.values(), reverse=True) or (
            [r.probability for r in answer]
            == pytest.approx(sorted(wanted.values(), reverse=True), rel=1e-3)
        )
    one = classify(model, tokenizer, task.pictures[0], names, templates)
    assert len(one) == 1 and dict(one[0]) == pytest.approx(dict(answers[0]), rel=1e-3)


def test_classify_orders_what_underflows(model: CLIP, tokenizer: Tokenizer, task: Task) -> None:
    """At a scale of a million all but one probability are 0, and still the second is the second."""
    calm = classify(model, tokenizer, task.pictures, task.class_names)
    with torch.no_grad():
        model.logit_scale.fill_(math.log(1e6))
    sharp = classify(model, tokenizer, task.pictures, task.class_names)
    assert sharp[0][1].probability < 1e-6
    assert [[r.name for r in a] for a in sharp] == [[r.name for r in a] for a in calm]


def test_classify_edge_cases(model: CLIP, tokenizer: Tokenizer, task: Task) -> None:
    assert classify(model, tokenizer, task.pictures[0], ["only"]) == [[("only", 1.0)]]
    for names, message in (([], "empty"), (["a", "a"], "more than once")):
        with pytest.raises(ValueError, match=message):
            classify(model, tokenizer, task.pictures, names)
    with pytest.raises(ValueError, match="NaN"):
        classify(model, tokenizer, torch.full((3, 32, 32), torch.nan), ["a"])
    with pytest.raises(TypeError, match="uint8"):
        classify(model, tokenizer, torch.zeros(1, 3, 32, 32, dtype=torch.uint8), ["a"])
