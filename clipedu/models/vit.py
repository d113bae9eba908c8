"""The Vision Transformer as an image encoder: a picture is a sentence of patches (section 2.4)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clipedu.models.config import ViTConfig
from clipedu.models.transformer import LayerNorm, Transformer


class VisionTransformer(nn.Module):
    """Pictures (B, 3, R, R) -> embeddings (B, E), not normalized.

    Unlike the first ViT it has a layer norm before the blocks (``ln_pre``).
    """

    def __init__(self, config: ViTConfig, embed_dim: int, activation: str = "quick_gelu") -> None:
        super().__init__()
        width, patch = config.width, config.patch
        self.patch_dropout = 0.0  # share of the patches that training leaves out
        self.conv1 = nn.Conv2d(3, width, kernel_size=patch, stride=patch, bias=False)
        # These start at N(0, 1/width); conv1 and the blocks keep torch's defaults.
        scale = width**-0.5
        patches = (config.resolution // patch) ** 2
        self.class_embedding = nn.Parameter(scale * torch.randn(width))
        self.positional_embedding = nn.Parameter(scale * torch.randn(patches + 1, width))
        self.ln_pre = LayerNorm(width)
        self.transformer = Transformer(width, config.layers, config.heads, activation=activation)
        self.ln_post = LayerNorm(width)
        self.proj = nn.Parameter(scale * torch.randn(width, embed_dim))

    def features(self, pictures: Tensor) -> Tensor:
        """(B, 3, R, R) -> (B, W): the class token after the last block, before the projection."""
        x = self.conv1(pictures).flatten(2).transpose(1, 2)  # (B, patches, W)
        first = self.class_embedding.to(x.dtype).expand(x.shape[0], 1, -1)
        x = torch.cat([first, x], dim=1)  # (B, 1 + patches, W)
        x = x + self.positional_embedding.to(x.dtype)
        if self.training and self.patch_dropout:
            x = drop_patches(x, self.patch_dropout)  # (B, 1 + fewer, W)
        x = self.transformer(self.ln_pre(x))
        return self.ln_post(x[:, 0])

    def forward(self, pictures: Tensor) -> Tensor:
        return self.features(pictures) @ self.proj


def drop_patches(x: Tensor, share: float) -> Tensor:
    """FLIP (arXiv 2212.00794): leave out a random share of each picture's patches, but not all.

    (B, 1 + P, W) -> (B, 1 + kept, W). The class token stays. The patches carry their positions.
    """
    patches = x.shape[1] - 1
    kept = max(1, round(patches * (1 - share)))
    scores = torch.rand(x.shape[0], patches, device=x.device)
    chosen = 1 + scores.argsort(dim=1)[:, :kept]  # (B, kept)
    rest = x.gather(1, chosen[:, :, None].expand(-1, -1, x.shape[2]))  # (B, kept, W)
    return torch.cat([x[:, :1], rest], dim=1)
