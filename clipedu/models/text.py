"""The two text towers of the paper's Fig 3: a causal transformer, and a bag of words (CBOW).

Tokens are [SOT] words [EOT] and padding (id 0). EOT is the largest id of the vocabulary, so
``argmax`` finds it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clipedu.models.config import TextConfig
from clipedu.models.transformer import LayerNorm, ResidualAttentionBlock, Transformer


class TextTransformer(nn.Module):
    """Tokens (B, L) -> embeddings (B, E), not normalised; L is at most the context length.

    There is no padding mask: under a causal mask the EOT sees only what stands before it, so
    padding cannot reach it.
    """

    def __init__(self, config: TextConfig, embed_dim: int, activation: str = "quick_gelu") -> None:
        super().__init__()
        width, layers, heads = config.width, config.layers, config.heads
        self.transformer = Transformer(width, layers, heads, activation=activation, causal=True)
        self.token_embedding = nn.Embedding(config.vocab_size, width)
        self.positional_embedding = nn.Parameter(torch.empty(config.context_length, width))
        self.ln_final = LayerNorm(width)
        self.text_projection = nn.Parameter(torch.empty(width, embed_dim))
        self._initialise(width, layers)

    def _initialise(self, width: int, layers: int) -> None:
        """The standard deviations of openai/CLIP; biases keep torch's defaults."""
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.positional_embedding, std=0.01)
        nn.init.normal_(self.text_projection, std=width**-0.5)
        # The stream is a sum of 2 * layers branches, so the last matrix of each starts smaller.
        branch = width**-0.5 * (2 * layers) ** -0.5
        for block in self.transformer.resblocks:
            assert isinstance(block, ResidualAttentionBlock)
            nn.init.normal_(block.attn.in_proj_weight, std=width**-0.5)
            nn.init.normal_(block.attn.out_proj.weight, std=branch)
            nn.init.normal_(block.mlp.c_fc.weight, std=(2 * width) ** -0.5)
            nn.init.normal_(block.mlp.c_proj.weight, std=branch)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.token_embedding(tokens)  # (B, L, W)
        x = x + self.positional_embedding[: tokens.shape[1]]
        x = self.transformer(x)
        eot = tokens.argmax(dim=-1)  # (B,), the only place that has seen the whole caption
        x = x[torch.arange(x.shape[0], device=x.device), eot]  # (B, W)
        return self.ln_final(x) @ self.text_projection


class CBOW(nn.Module):
    """Continuous bag of words: tokens (B, L) -> embeddings (B, E), not normalised.

    The mean of the token embeddings from SOT to EOT, without the padding, projected. It knows
    which words a caption has, and nothing of their order.
    """

    def __init__(self, config: TextConfig, embed_dim: int) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(config.vocab_size, config.width)
        self.text_projection = nn.Parameter(torch.empty(config.width, embed_dim))
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.text_projection, std=config.width**-0.5)

    def forward(self, tokens: Tensor) -> Tensor:
        eot = tokens.argmax(dim=-1, keepdim=True)  # (B, 1)
        place = torch.arange(tokens.shape[1], device=tokens.device)  # (L,)
        weight = (place <= eot) / (eot + 1)  # (B, L), 1/n for each of the n words, 0 for padding
        x = self.token_embedding(tokens)  # (B, L, W)
        x = (weight.to(x.dtype).unsqueeze(1) @ x).squeeze(1)  # (B, W)
        return x @ self.text_projection
