from __future__ import annotations

import pytest
import torch
from torch import Tensor

from clipedu.models import PRESETS, build
from clipedu.models.clip import trim_padding

EOT = PRESETS["tiny"].text.vocab_size - 1


def _pictures(count: int = 4, seed: int = 0) -> Tensor:
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


def _tokens(count: int = 4, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(1, EOT - 1, (count, 32), generator=generator)
    for row, words in zip(tokens, range(3, 3 + count), strict=True):
        row[0], row[words + 1], row[words + 2 :] = EOT - 1, EOT, 0
    return tokens


@pytest.mark.parametrize(
    ("pictures", "error", "message"),
    [
        (torch.zeros(2, 3, 32, 32, dtype=torch.uint8), TypeError, "uint8; scale it to 0..1"),
        (torch.zeros(2, 3, 32, 32, dtype=torch.int64), TypeError, "int64"),
        (torch.zeros(2, 32, 32, 3), ValueError, r"permute\(0, 3, 1, 2\)"),
        (torch.zeros(2, 3, 224, 224), ValueError, r"\(batch, 3, 32, 32\).*resize"),
        (torch.zeros(2, 3, 32, 31), ValueError, "resize"),
        (torch.zeros(2, 4, 32, 32), ValueError, "4 channels"),
        (torch.zeros(2, 1, 32, 32), ValueError, "1 channels"),
        (torch.zeros(3, 32, 32), ValueError, r"pictures\[None\]"),
        (torch.zeros(0, 3, 32, 32), ValueError, "empty"),
        (torch.tensor(1.0), ValueError, r"got \(\)"),
        ([[0.0]], TypeError, "got a list"),
    ],
)
def test_bad_pictures(pictures, error, message):
    model = build("tiny", seed=0)
    for method in (model.encode_image, model.image_features):
        with pytest.raises(error, match=message):
            method(pictures)


def _edited(row: int, column: int, value: int) -> Tensor:
    tokens = _tokens()
    tokens[row, column] = value
    return tokens


@pytest.mark.parametrize(
    ("tokens", "error", "message"),
    [
        (_tokens().float(), TypeError, "float32"),
        (_tokens() > 3, TypeError, "bool"),
        (["a dog"], TypeError, "call the tokenizer"),
        (_tokens()[0], ValueError, r"got \(32,\)"),
        (_tokens()[:0], ValueError, r"\(0, 32\)"),
        (torch.zeros(2, 33, dtype=torch.int64), ValueError, "up to 32.*33 tokens.*truncate=True"),
        (_edited(1, 2, EOT + 1), ValueError, r"0\.\.511, got 0\.\.512"),
        (_edited(1, 2, -1), ValueError, r"got -1\.\.511"),
        (_edited(2, 6, 7), ValueError, "row 2 has no EOT"),
        (torch.tensor([[510, 7, 8], [510, 9, 0]]), ValueError, "no row has an EOT.*510, begins"),
    ],
)
def test_bad_tokens(tokens, error, message):
    with pytest.raises(error, match=message):
        build("tiny", seed=0).encode_text(tokens)


def test_nan_passes_through_to_where_it_is_looked_for():
    pictures = _pictures()
    pictures[1, 0, 0, 0] = float("nan")
    rows = build("tiny", seed=0).eval().encode_image(pictures)
    assert rows.isnan().any(dim=1).tolist() == [False, True, False, False]


def test_on_other_devices_no_value_is_looked_at():
    """Trimming and the checks of ids would make a GPU wait; a meta tensor has no values to give."""
    model, seen = build("tiny", seed=0).to("meta"), []
    model.text.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape[1]))
    assert model(_pictures().to("meta"), _tokens().to("meta")).text.shape == (4, 32)
    assert seen == [32]


@pytest.mark.parametrize(("longest", "left"), [(1, 8), (8, 8), (9, 16), (31, 32), (32, 32)])
def test_trim_padding_keeps_whole_captions(longest, left):
    tokens = torch.zeros(3, 32, dtype=torch.int64)
    tokens[:, 0] = EOT
    tokens[1, 0], tokens[1, longest - 1] = 7, EOT
    assert torch.equal(trim_padding(tokens), tokens[:, :left])
    assert trim_padding(tokens[:, :longest]).shape[1] == min(longest, left)


def test_trim_padding_reads_the_first_eot_where_padding_is_eot():
    """Some tokenizers pad with EOT itself."""
    tokens = torch.full((2, 32), EOT)
    tokens[:, :4] = 7
    assert trim_padding(tokens).shape == (2, 8)
