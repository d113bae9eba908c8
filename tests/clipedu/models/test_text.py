from __future__ import annotations

import pytest
import torch

from clipedu.models import CBOW, TextConfig, TextTransformer, build

VOCABULARY, EOT = 50, 49


def _config(kind="transformer", **changes) -> TextConfig:
    sizes = dict(vocab_size=VOCABULARY, context_length=24, width=32, heads=4, layers=2)
    return TextConfig(**(sizes | changes), kind=kind)


def _tower(kind: str) -> TextTransformer | CBOW:
    torch.manual_seed(0)
    return (TextTransformer if kind == "transformer" else CBOW)(_config(kind), embed_dim=12).eval()


def _captions(*lengths: int, total: int = 24, seed: int = 0) -> torch.Tensor:
    """Rows of [48] words [49] and zeros; a length counts SOT and EOT."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.zeros(len(lengths), total, dtype=torch.int64)
    for row, length in zip(tokens, lengths, strict=True):
        row[:length] = torch.randint(1, 48, (length,), generator=generator)
        row[0], row[length - 1] = 48, EOT
    return tokens


@pytest.mark.parametrize("kind", ["transformer", "cbow"])
class TestBothTowers:
    def test_shape_and_shorter_sequences(self, kind):
        tower, tokens = _tower(kind), _captions(5, 3, 9)
        assert tower(tokens).shape == (3, 12)
        torch.testing.assert_close(tower(tokens[:, :9]), tower(tokens))

    def test_what_stands_after_eot_cannot_matter(self, kind):
        tower, tokens = _tower(kind), _captions(5, 8, 12)
        noisy = tokens.clone()
        for row, length in zip(noisy, (5, 8, 12), strict=True):
            row[length:] = torch.randint(1, 48, (24 - length,))
        torch.testing.assert_close(tower(noisy), tower(tokens), atol=1e-6, rtol=1e-5)

    def test_every_word_matters(self, kind):
        tower, tokens = _tower(kind), _captions(8)
        for place in range(1, 7):
            other = tokens.clone()
            other[0, place] = tokens[0, place] % 47 + 1
            assert not torch.allclose(tower(other), tower(tokens), atol=1e-6)

    def test_int32_tokens(self, kind):
        tower, tokens = _tower(kind), _captions(5, 8)
        assert torch.equal(tower(tokens.int()), tower(tokens))


def test_word_order_matters_to_the_transformer_only():
    tokens = _captions(8)
    turned = tokens.clone()
    turned[0, 1:7] = tokens[0, 1:7].flip(0)
    transformer, cbow = _tower("transformer"), _tower("cbow")
    assert not torch.allclose(transformer(tokens), transformer(turned), atol=1e-5)
    torch.testing.assert_close(cbow(tokens), cbow(turned))


def test_cbow_is_the_mean_of_the_words():
    tower, tokens = _tower("cbow"), _captions(5, 24)
    for row, length in zip(tokens, (5, 24), strict=True):
        mean = sum(tower.token_embedding.weight[i] for i in row[:length]) / length
        torch.testing.assert_close(tower(row[None])[0], mean @ tower.text_projection)


@pytest.mark.parametrize("kind", ["transformer", "cbow"])
@pytest.mark.parametrize("longest", [7, 8, 9, 23, 24])
def test_padding_columns_are_trimmed_without_a_difference(kind, longest):
    model = build("tiny", seed=0, vocab_size=VOCABULARY, context_length=24, text_kind=kind).eval()
    tokens = _captions(3, longest)
    seen = []
    model.text.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape[1]))
    trimmed = model.encode_text(tokens)
    assert seen == [-(-longest // 8) * 8]
    torch.testing.assert_close(trimmed, model.text(tokens), atol=1e-6, rtol=1e-5)


def test_trimming_keeps_gradients():
    model = build("tiny", seed=0, vocab_size=VOCABULARY, context_length=24).double()
    tokens, gradients = _captions(5, 7), []
    for encode in (model.encode_text, model.text):
        model.zero_grad()
        encode(tokens).pow(2).sum().backward()
        gradients.append([p.grad.clone() for p in model.text.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_initial_values():
    torch.manual_seed(0)
    config = _config(vocab_size=2000, context_length=200, width=128, layers=3)
    tower = TextTransformer(config, 256)
    branch = 128**-0.5 * 6**-0.5
    expected = {
        "token_embedding.weight": 0.02,
        "positional_embedding": 0.01,
        "text_projection": 128**-0.5,
        "transformer.resblocks.2.attn.in_proj_weight": 128**-0.5,
        "transformer.resblocks.2.attn.out_proj.weight": branch,
        "transformer.resblocks.2.mlp.c_fc.weight": 256**-0.5,
        "transformer.resblocks.2.mlp.c_proj.weight": branch,
    }
    for name, std in expected.items():
        assert tower.get_parameter(name).std().item() == pytest.approx(std, rel=0.03), name
