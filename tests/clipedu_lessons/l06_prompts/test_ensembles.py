"""Ensembles, and the intervals and tests of an accuracy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from clipedu.evaluation import (
    embed_pictures,
    mean_per_class_interval,
    zero_shot,
    zero_shot_classifier,
)
from clipedu_lessons.l06_prompts.ensembles import (
    WAYS,
    average,
    compare_templates,
    prompt_ensemble,
    template_embeddings,
    zero_shot_by_probability,
)

FORMS = ["{}", "an icon of {}", "a boat of {}", "{}, outlined"]


def test_template_embeddings_average_to_the_classifier(model, tokenizer, task) -> None:
    each = template_embeddings(model, tokenizer, task.class_names, FORMS)
    assert each.shape == (4, 4, 32)
    assert torch.allclose(each.norm(dim=-1), torch.ones(4, 4), atol=1e-5)
    expected = zero_shot_classifier(model, tokenizer, task.class_names, FORMS)
    assert torch.allclose(F.normalize(each.mean(0), dim=-1), expected, atol=1e-5)
    alone = zero_shot_classifier(model, tokenizer, task.class_names, [FORMS[2]])
    assert torch.allclose(each[2], alone, atol=1e-5)  # T first, then C


def test_probabilities_are_averaged(model, tokenizer, task) -> None:
    result = zero_shot_by_probability(model, tokenizer, task, templates=FORMS)
    pictures = embed_pictures(model, task.pictures)
    scale = model.logit_scale.exp()
    total = 0
    for form in FORMS:  # the slow way
        rows = zero_shot_classifier(model, tokenizer, task.class_names, [form])
        total = total + (scale * pictures @ rows.T).softmax(-1)
    assert torch.equal(result.predictions[:, 0], total.argmax(-1))
    assert result.templates == FORMS
    one = zero_shot_by_probability(model, tokenizer, task, templates=["{}"])
    same = zero_shot(model, tokenizer, task, templates=["{}"])
    assert torch.equal(one.predictions, same.predictions)  # with one template there is no choice


def test_three_ways_to_average(model, tokenizer, task) -> None:
    image = embed_pictures(model, task.pictures)
    each = template_embeddings(model, tokenizer, task.class_names, FORMS)  # (T, C, E)
    scale = float(model.logit_scale.detach().exp())
    logits = scale * torch.einsum("ne,tce->tnc", image, each)
    rows = zero_shot_classifier(model, tokenizer, task.class_names, FORMS)
    expected = {
        "embeddings": (scale * image @ rows.T).softmax(-1),
        "logits": logits.mean(0).softmax(-1),
        "probabilities": logits.softmax(-1).mean(0),
    }
    assert set(expected) == set(WAYS)
    for way, wanted in expected.items():
        found = prompt_ensemble(model, tokenizer, image, task.class_names, FORMS, way)
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match="'votes'"):
        average(image, each, scale, "votes")


def test_compare_templates(model, tokenizer, task) -> None:
    results = compare_templates(model, tokenizer, task, {"bare": "name", "many": FORMS})
    assert results["bare"].top1 == zero_shot(model, tokenizer, task, templates=["{}"]).top1
    assert results["many"].templates == FORMS


# -------------------- how sure
def test_chance_p_is_not_fooled_by_the_commonest_class(benchmark_script) -> None:
    chance_p = benchmark_script("tasks").chance_p
    labels = torch.tensor([0] * 90 + [1] * 10)
    constant = torch.zeros(100, dtype=torch.int64)  # 90 % right, knows nothing
    assert chance_p(labels, constant, 2, shuffles=200) == 1
    assert chance_p(labels, labels, 2, shuffles=200) < 0.01
    assert chance_p(labels, labels, 2, shuffles=200, per_class=True) < 0.01
    noise = torch.randint(2, (100,), generator=torch.Generator().manual_seed(0))
    assert chance_p(labels, noise, 2, shuffles=200) > 0.05
    with pytest.raises(ValueError, match="both"):
        chance_p(labels, constant[:5], 2)


def test_mean_per_class_interval() -> None:
    labels = torch.arange(200) % 4
    right = torch.rand(200, generator=torch.Generator().manual_seed(1)) < 0.7
    low, high = mean_per_class_interval(labels, right, 4)
    assert low < float(right.double().mean()) < high and 0.08 < high - low < 0.2
    assert 0.97 < mean_per_class_interval(labels, torch.ones(200, dtype=torch.bool), 9)[0] < 1
    with pytest.raises(ValueError, match="at least one"):
        mean_per_class_interval(labels[:0], right[:0], 4)


def test_value_interval_belongs_to_the_metric(model, tokenizer, task) -> None:
    result = zero_shot(model, tokenizer, task)
    assert result.value_interval == result.interval
    per_class = dataclasses.replace(result, metric="mean_per_class")
    low, high = per_class.value_interval
    assert low <= per_class.value <= high and (low, high) != result.interval


def test_ten_thousand_classes(model, tokenizer) -> None:
    names = [f"thing {i}" for i in range(10_000)]
    weights = zero_shot_classifier(model, tokenizer, names, ["{}"])
    assert weights.shape == (10_000, 32) and np.isfinite(weights.numpy()).all()
