"""The references of lesson 07's checks, against the library and torch."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from clipedu.objectives import info_nce, word_loss
from clipedu_lessons.l07_objectives.checks.likelihood import HABITS, SHORT
from clipedu_lessons.l07_objectives.checks.losses import BEFORE, COCA, QUESTIONS


@pytest.mark.parametrize("seed", range(3))
def test_the_bag_of_questions_is_a_weighted_binary_cross_entropy(seed: int) -> None:
    drawn = QUESTIONS.inputs(torch.Generator().manual_seed(seed))
    logits, bag = drawn["logits"].double(), drawn["bag"].double()
    there, missing = bag.sum(0), (1 - bag).sum(0)
    weight = torch.where(bag > 0, 1 / there, 1 / missing)
    each = F.binary_cross_entropy_with_logits(logits, bag, weight, reduction="sum")
    torch.testing.assert_close(QUESTIONS.reference(logits, bag), each / 2 / bag.shape[1])


@pytest.mark.parametrize("seed", range(3))
def test_contrast_and_caption_adds_two_losses_of_the_library(seed: int) -> None:
    drawn = COCA.inputs(torch.Generator().manual_seed(seed))
    image, text, scale, logits, tokens, (contrast, caption) = drawn.values()
    ends = tokens.argmax(dim=1).tolist()
    rows = torch.cat([logits[k, :end] for k, end in enumerate(ends)])
    words = torch.cat([tokens[k, 1 : end + 1] for k, end in enumerate(ends)])
    assert (words == 0).any(), "0 is a word, too"
    wanted = contrast * info_nce(image, text, scale.double()) + caption * word_loss(rows, words)
    got = COCA.reference(image, text, scale, logits, tokens, (contrast, caption))
    torch.testing.assert_close(got, wanted, check_dtype=False)


def test_without_habits_every_name_has_the_mean_ratio_one() -> None:
    drawn = HABITS.inputs(torch.Generator().manual_seed(0))
    scores, others = drawn["scores"].double(), drawn["others"].double()
    ratio = HABITS.reference(others, others).exp().mean(dim=0)
    torch.testing.assert_close(ratio, torch.ones_like(ratio))
    assert HABITS.reference(scores, others).shape == scores.shape


def test_the_values_to_predict() -> None:
    assert [round(x, 2) for x in BEFORE.value()] == [8.01, 4.60, 2079.44, 1.39]
    assert [round(x, 2) for x in SHORT.value()] == [0.45, 0.30, 6.25, 0.0]
