"""The similarity explorer on a model: the numbers are the model's own."""

from __future__ import annotations

import pytest
import torch

from clipedu.models import CLIP
from clipedu.pairs import to_model
from clipedu.tokenizer import Tokenizer
from clipedu_lessons.l05_zero_shot.model_similarity import model_explorer, model_matrix
from clipedu_lessons.l05_zero_shot.strokes import SAMPLES, draw_strokes

PICTURES = torch.stack([draw_strokes(strokes) for strokes in SAMPLES.values()])
CAPTIONS = [f"an icon of a {name}" for name in SAMPLES]


def test_the_probabilities_are_those_of_the_model(model: CLIP, tokenizer: Tokenizer) -> None:
    with torch.no_grad():
        logits, _ = model.logits(to_model(PICTURES), tokenizer(CAPTIONS, 32))
    found = model_matrix(model, tokenizer, PICTURES, CAPTIONS)
    assert torch.allclose(found.values, logits.softmax(dim=1), atol=1e-4)
    columns = model_matrix(model, tokenizer, PICTURES, CAPTIONS, "columns")
    assert torch.allclose(columns.values, logits.softmax(dim=0), atol=1e-4)


def test_the_explorer_starts_at_the_learned_scale(model: CLIP, tokenizer: Tokenizer) -> None:
    widget = model_explorer(model, tokenizer, PICTURES, CAPTIONS)
    assert widget.scale.value == pytest.approx(model.logit_scale.exp().item(), rel=0.06)
    before = widget.words.value
    widget.view.value = "columns"
    assert widget.words.value != before and "captions choose" in widget.words.value


def test_pairs_are_asked_for(model: CLIP, tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match="7 pictures but 6 captions"):
        model_explorer(model, tokenizer, PICTURES, CAPTIONS[:-1])
