"""The two text towers of the paper's Fig 3: a causal transformer read at its last word, and a bag of words.

Tokens are [SOT] words [EOT] and padding (id 0). EOT is the largest id of the vocabulary, so ``argmax`` finds it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clipedu.models.config import TextConfig
from clipedu.models.transformer import LayerNorm, Transformer


class TextTransformer(nn.Module):
    """Tokens (B, L) -> embeddings (B, E), not normalised; L up to the context length.

    No padding mask: with a causal mask the EOT sees only what stands before it, so padding cannot reach it.
    """

    def __init__(self, config: TextConfig, embed_dim: int, activation: str = "quick_gelu") -> None:
        super().__init__()
        width, layers = config.width, config.layers
        self.transformer = Transformer(width, layers, config.heads, causal=True, activation=activation)
        self.token_embedding = nn.Embedding(config.vocab_size, width)
        self.positional_embedding = nn.Parameter(torch.empty(config.context_length, width))
        self.ln_final = LayerNorm(width)
        self.text_projection = nn.Parameter(torch.empty(width, embed_dim))
        self._initialise(width, layers)

    def _initialise(self, width: int, layers: int) -> None:
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.positional_embedding, std=0.01)
        nn.init.normal_(self.text_projection, std=width**-0.5)
        # 2 * layers branches are summed on the residual stream: the last matrix of each starts that much smaller.
        branch_std = width**-0.5 * (2 * layers) ** -0.5
        for block in self.transformer.resblocks:
            nn.init.normal_(block.attn.in_proj_weight, std=width**-0.5)
            nn.init.normal_(block.attn.out_proj.weight, std=branch_std)
            nn.init.normal_(block.mlp.c_fc.weight, std=(2 * width) ** -0.5)
            nn.init.normal_(block.mlp.c_proj.weight, std=branch_std)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.token_embedding(tokens)  # (B, L, W)
        x = x + self.positional_embedding[: tokens.shape[1]]
        x = self.transformer(x)
        eot = tokens.argmax(dim=-1)  # (B,)
        x = x[torch.arange(len(x), device=x.device), eot]  # (B, W): the only row that has seen the whole caption
        return self.ln_final(x) @ self.text_projection


class CBOW(nn.Module):
    """Continuous bag of words: the mean of the token embeddings from SOT to EOT, projected. (B, L) -> (B, E).

    It knows which words a caption has and not in which order.
    """

    def __init__(self, config: TextConfig, embed_dim: int) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(config.vocab_size, config.width)
        self.text_projection = nn.Parameter(torch.empty(config.width, embed_dim))
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.text_projection, std=config.width**-0.5)

    def forward(self, tokens: Tensor) -> Tensor:
        eot = tokens.argmax(dim=-1, keepdim=True)  # (B, 1)
        words = torch.arange(tokens.shape[1], device=tokens.device) <= eot  # (B, L), False at the padding
        x = self.token_embedding(tokens) * words.unsqueeze(-1)  # (B, L, W)
        x = x.sum(dim=1) / (eot + 1)  # (B, W)
        return x.to(self.text_projection.dtype) @ self.text_projection
