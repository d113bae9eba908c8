"""The attention explorer: its weights against the library's attention, its figure, its controls."""

from __future__ import annotations

import pytest
import torch

from clipedu.models import CLIP, build, plain_attention
from clipedu.tokenizer import Tokenizer
from clipedu_lessons.l01_words_to_vectors.attention_widget import (
    AttentionExplorer,
    head_weights,
    tower_heads,
    weights_figure,
    weights_in_words,
)

LABELS = ["[SOT]", "red", "star", "[EOT]"]
QUERIES = torch.tensor([[0.0, 0, 0, 0], [0, 0, 2, 0], [0, 2, 0, 0], [0, 1, 2, 0]])
KEYS = 2 * torch.eye(4)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(["a red star in a tree", "a red mouse"] * 5, 270)


@pytest.fixture(scope="module")
def model(tokenizer: Tokenizer) -> CLIP:
    return build("tiny", seed=0, vocab_size=tokenizer.vocab_size, text_layers=2)


@pytest.mark.parametrize("causal", [True, False])
def test_weights_are_those_of_the_library(causal: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    q, k = (torch.randn(5, 8, generator=generator) for _ in range(2))
    # values that are the unit vectors hand out the weights themselves
    want = plain_attention(q[None, None], k[None, None], torch.eye(5)[None, None], causal=causal)
    torch.testing.assert_close(head_weights(q, k, causal=causal), want[0, 0])


def test_by_hand() -> None:
    weights = head_weights(QUERIES, KEYS)
    e = torch.tensor([0.0, 1.0, 2.0, 0.0]).exp()
    torch.testing.assert_close(weights[3], e / e.sum())
    assert weights[1].tolist() == [0.5, 0.5, 0, 0]


def test_temperature_sharpens_and_evens_out() -> None:
    cold, warm = (head_weights(QUERIES, KEYS, temperature=t)[3] for t in (0.1, 10.0))
    assert cold.max() > 0.99
    assert warm.max() < 0.3


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_is_none_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        head_weights(QUERIES, KEYS, temperature=temperature)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        head_weights(QUERIES, KEYS[:3])
    with pytest.raises(ValueError, match="3 labels"):
        weights_figure(torch.eye(4), LABELS[:3])
    with pytest.raises(ValueError, match="at least one head"):
        AttentionExplorer(LABELS, {})


def test_the_matrix_has_a_number_in_every_cell_that_is_not_hidden() -> None:
    weights = head_weights(QUERIES, KEYS)
    masked = weights_figure(weights, LABELS).axes[0]
    assert len(masked.texts) == 10 and len(masked.patches) == 6
    assert "0.61" in [text.get_text() for text in masked.texts]
    full = weights_figure(weights, LABELS, causal=False, title="x").axes[0]
    assert len(full.texts) == 16 and not full.patches
    assert [tick.get_text() for tick in full.get_yticklabels()] == LABELS
    assert "looked at" in full.get_xlabel() and "asks" in full.get_ylabel()


def test_words_name_every_favourite() -> None:
    said = weights_in_words(head_weights(QUERIES, KEYS), LABELS)
    assert "red at [SOT] and red (0.50)" in said and "[EOT] at star (0.61)" in said
    assert said.startswith("Later tokens are hidden")
    assert weights_in_words(torch.eye(4), LABELS, causal=False).startswith("Nothing is hidden")


def test_heads_of_a_tower_are_what_its_blocks_compute(model: CLIP, tokenizer: Tokenizer) -> None:
    found = tower_heads(model, tokenizer, "a red star")
    assert found.labels[0] == "[SOT]" and found.labels[-1] == "[EOT]"
    assert len(found.heads) == 4
    length = len(found.labels)
    # rebuild the output of the last block's attention from the weights that the widget shows
    text = model.text
    with torch.no_grad():
        x = text.token_embedding(tokenizer("a red star")[:, :length])
        x = x + text.positional_embedding[:length]
        first, last = text.transformer.resblocks
        x = last.ln_1(first(x))
        width = x.shape[-1]
        v = (x @ last.attn.in_proj_weight[2 * width :].T + last.attn.in_proj_bias[2 * width :])[0]
        heads = [head_weights(*found.heads[f"block 2, head {n}"]) for n in (1, 2)]
        parts = [w @ part for w, part in zip(heads, v.chunk(2, dim=1), strict=True)]
        want = last.attn(x, causal=True)[0]
        torch.testing.assert_close(last.attn.out_proj(torch.cat(parts, dim=1)), want)


def test_a_bag_of_words_has_no_heads(tokenizer: Tokenizer) -> None:
    bag = build("tiny", seed=0, vocab_size=tokenizer.vocab_size, kind="cbow")
    with pytest.raises(ValueError, match="bag of words"):
        tower_heads(bag, tokenizer, "a")


def test_every_control_changes_the_picture() -> None:
    explorer = AttentionExplorer(LABELS, {"one": (QUERIES, KEYS), "two": (KEYS, QUERIES)})
    seen = [explorer.picture.value]
    explorer.mask.value = False
    seen.append(explorer.picture.value)
    explorer.temperature.value = 0.1
    seen.append(explorer.picture.value)
    explorer.head.value = "two"
    seen.append(explorer.picture.value)
    assert len(set(seen)) == 4
    assert "Nothing is hidden" in explorer.words.value


def test_controls_have_names_and_the_picture_has_words() -> None:
    explorer = AttentionExplorer(LABELS, {"by hand": (QUERIES, KEYS)})
    for control in (explorer.temperature, explorer.mask, explorer.head):
        assert control.description and control.tooltip
    assert explorer.temperature.continuous_update is False
    assert explorer.head not in explorer.children, "one head leaves nothing to choose"
    assert 'alt="Later tokens are hidden' in explorer.picture.value
    assert len(repr(explorer)) < 110
