"""The symmetric loss, right and in the ways that are known to be wrong."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from clipedu_lessons.l03_the_contrastive_loss.checks.shared import both_ways


def contrastive_loss(image: Tensor, text: Tensor, logit_scale: Tensor) -> Tensor:
    """(N, E), (N, E), () -> ()."""
    return both_ways(logit_scale * image @ text.T)


def first_caption(logits: Tensor) -> Tensor:
    answers = torch.zeros(len(logits), dtype=torch.long)
    return (F.cross_entropy(logits, answers) + F.cross_entropy(logits.T, answers)) / 2


def softmax_twice(logits: Tensor) -> Tensor:
    answers = torch.arange(len(logits))
    rows = F.cross_entropy(logits.softmax(dim=1), answers)
    return (rows + F.cross_entropy(logits.T.softmax(dim=1), answers)) / 2


def without_right(logits: Tensor) -> Tensor:
    rest = logits.masked_fill(torch.eye(len(logits), dtype=torch.bool), -math.inf)
    per_row, per_column = rest.logsumexp(dim=1), rest.logsumexp(dim=0)
    return ((per_row + per_column) / 2 - logits.diagonal()).mean()


def whole_matrix(logits: Tensor) -> Tensor:
    return -logits.flatten().log_softmax(dim=0).view_as(logits).diagonal().mean()


def mean_probability(logits: Tensor) -> Tensor:
    rows, columns = (x.softmax(dim=1).diagonal().mean() for x in (logits, logits.T))
    return -(rows.log() + columns.log()) / 2


def one_place_off(logits: Tensor) -> Tensor:
    answers = (torch.arange(len(logits)) + 1) % len(logits)
    return (F.cross_entropy(logits, answers) + F.cross_entropy(logits.T, answers)) / 2


def right_probability(logits: Tensor) -> Tensor:
    both = logits.softmax(dim=1) + logits.softmax(dim=0)
    return both.diagonal().mean() / 2


def eps(logits: Tensor) -> Tensor:
    rows, columns = (x.softmax(dim=1).diagonal() + 1e-8 for x in (logits, logits.T))
    return -(rows.log() + columns.log()).mean() / 2
