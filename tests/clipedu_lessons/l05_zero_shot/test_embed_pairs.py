"""The similarity explorer on a model: the numbers are the model's own."""

from __future__ import annotations

import pytest
import torch

from clipedu.models import CLIP
from clipedu.pairs import to_model
from clipedu.tokenizer import Tokenizer
from clipedu_lessons.common.similarity import SimilarityExplorer, similarity_matrix
from clipedu_lessons.common.strokes import SAMPLES, draw_strokes
from clipedu_lessons.l05_zero_shot.retrieval import embed_pairs

PICTURES = torch.stack([draw_strokes(strokes) for strokes in SAMPLES.values()])
CAPTIONS = [f"an icon of a {name}" for name in SAMPLES]


def test_the_probabilities_are_those_of_the_model(
    shipped_model: CLIP, shipped_tokenizer: Tokenizer
) -> None:
    with torch.no_grad():
        image, text, scale = shipped_model(to_model(PICTURES), shipped_tokenizer(CAPTIONS, 32))
        logits = scale * image @ text.T
    embedded = embed_pairs(shipped_model, shipped_tokenizer, PICTURES, CAPTIONS)
    found = similarity_matrix(*embedded)
    assert torch.allclose(found.values, logits.softmax(dim=1), atol=1e-4)
    columns = similarity_matrix(*embedded, "columns")
    assert torch.allclose(columns.values, logits.softmax(dim=0), atol=1e-4)


def test_the_explorer_starts_at_the_learned_scale(
    shipped_model: CLIP, shipped_tokenizer: Tokenizer
) -> None:
    image, text, scale = embed_pairs(shipped_model, shipped_tokenizer, PICTURES, CAPTIONS)
    widget = SimilarityExplorer(image, text, CAPTIONS, PICTURES, scale)
    assert widget.scale.value == pytest.approx(shipped_model.logit_scale.exp().item(), rel=0.06)
    before = widget.words.value
    widget.view.value = "columns"
    assert widget.words.value != before and "captions choose" in widget.words.value


def test_pairs_are_asked_for(shipped_model: CLIP, shipped_tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match="7 pictures but 6 captions"):
        embed_pairs(shipped_model, shipped_tokenizer, PICTURES, CAPTIONS[:-1])
