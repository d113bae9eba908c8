"""The Vision Transformer as an image encoder: a picture is a sentence of patches (section 2.4)."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipedu.models.config import ViTConfig
from clipedu.models.transformer import LayerNorm, Transformer


class PatchConv2d(nn.Conv2d):
    """A convolution that steps by its own size, computed as what it is: patches times a matrix.

    In bf16 on a CPU that takes 0.4 of the time: the general backward pass is not made for it.
    """

    def forward(self, input: Tensor) -> Tensor:
        patches = F.pixel_unshuffle(input, self.kernel_size[0])  # (B, 3 * patch * patch, S, S)
        x = F.linear(patches.movedim(1, -1), self.weight.flatten(1))  # (B, S, S, W)
        return x.movedim(-1, 1)


class VisionTransformer(nn.Module):
    """Pictures (B, 3, R, R) -> embeddings (B, E), not normalized.

    Unlike the first ViT it has a layer norm before the blocks (``ln_pre``).
    """

    def __init__(self, config: ViTConfig, embed_dim: int, activation: str = "quick_gelu") -> None:
        super().__init__()
        width, patch = config.width, config.patch
        self.patch_dropout = 0.0  # share of the patches that training leaves out
        if config.stem == "conv":
            self.stem: nn.Module = conv_stem(patch, width)
            self.conv1 = PatchConv2d(width, width, kernel_size=1, bias=False)
        else:
            self.stem = nn.Identity()
            self.conv1 = PatchConv2d(3, width, kernel_size=patch, stride=patch, bias=False)
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
        x = self._tokens(pictures)
        class_token = torch.zeros(x.shape[0], dtype=torch.long, device=x.device)
        return self.ln_post(self.transformer(x, class_token))

    def grid(self, pictures: Tensor) -> Tensor:
        """(B, 3, R, R) -> (B, 1 + P, W): the class token and all patches after the last block."""
        return self.ln_post(self.transformer(self._tokens(pictures)))

    def _tokens(self, pictures: Tensor) -> Tensor:
        """(B, 3, R, R) -> (B, 1 + P, W): what goes into the blocks."""
        x = self.conv1(self.stem(pictures)).flatten(2).transpose(1, 2)  # (B, patches, W)
        first = self.class_embedding.to(x.dtype).expand(x.shape[0], 1, -1)
        x = torch.cat([first, x], dim=1)  # (B, 1 + patches, W)
        x = x + self.positional_embedding.to(x.dtype)
        if self.training and self.patch_dropout:
            x = drop_patches(x, self.patch_dropout)  # (B, 1 + fewer, W)
        return self.ln_pre(x)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.features(pictures) @ self.proj


def conv_stem(patch: int, width: int) -> nn.Sequential:
    """(B, 3, R, R) -> (B, width, R/patch, R/patch): a 3x3 convolution for each halving.

    The last has ``width`` channels, and each before it half of the next (arXiv 2106.14881).
    """
    halvings = patch.bit_length() - 1  # log2
    channels = [3, *(width >> i for i in reversed(range(halvings)))]
    stem = nn.Sequential()
    for inputs, outputs in itertools.pairwise(channels):
        stem.append(nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False))
        stem.append(nn.BatchNorm2d(outputs))
        stem.append(nn.ReLU(inplace=True))
    return stem


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
