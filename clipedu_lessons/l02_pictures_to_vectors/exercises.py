# %% [markdown]
# # Exercises 02 · Pictures to vectors
#
# In exercises 02.7 and 02.8 you write the image encoder of your own CLIP: when the check passes, your code goes into `my_clip.py`. Exercise 02.9 is this lesson's long problem, the other image encoder of the paper.
# Plan three hours for all seven. They belong to [lesson 02, pictures to vectors](../notebooks/02_pictures_to_vectors.ipynb).
#
# Work from top to bottom. Each check tells you what it found, and when it recognizes a mistake, it names it. `hint("02.7")` shows one more hint each time you run it, `solution("02.7")` opens after you have passed,
# `progress()` shows how far you are, and `reset("02.7")` starts an exercise again. Nothing leaves this machine.

# %%
import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipedu.models.resnet import AttentionPool2d
from clipedu.models.transformer import Transformer
from clipedu_classroom import check, give_up, hint, progress, reset, solution

# %% tags=["exercise"]
EXERCISE = dict(
    id="02.3",
    title="The parameters of a ViT",
    points=3,
    minutes=15,
    difficulty="medium",
    goal="Count every parameter of a Vision Transformer by hand, before you write one.",
    hints=[
        "Go through the forward pass and ask of each step: does it learn something? The patch convolution has no bias; every linear layer in a block has one.",
        "Outside the blocks: 3 p^2 w + w + (N + 1) w + 2 * 2w + w e, with N patches and width w. A layer norm has a scale and a shift.",
        "A block: attention w -> 3w and w -> w, MLP w -> 4w -> w, each with biases, and two layer norms. Write the four terms one below the other and multiply their sum by the layers.",
    ],
)

# %% [markdown]
# Return the number of parameters of a Vision Transformer: patch convolution (without bias), class token, positional embeddings, `ln_pre`, the blocks, `ln_post` and the projection to `embed_dim` (without bias).
# Inside a block, the MLP is four times as wide as the encoder. Pictures have three channels. For the image encoder of ViT-B/32, `vit_parameters(224, 32, 768, 12, 512)` is 87,849,216.

# %%
def vit_parameters(resolution: int, patch: int, width: int, layers: int, embed_dim: int) -> int:
    """The number of parameters of a Vision Transformer of these sizes."""
    ### BEGIN SOLUTION
    tokens = (resolution // patch) ** 2 + 1
    norm = 2 * width
    start = 3 * patch**2 * width + width + tokens * width + norm
    attention = 3 * width**2 + 3 * width + width**2 + width
    mlp = 4 * width**2 + 4 * width + 4 * width**2 + width
    end = norm + width * embed_dim
    return start + layers * (attention + mlp + 2 * norm) + end
    ### END SOLUTION

# %%
check("02.3", vit_parameters)

# %% one of the class token's two vectors is forgotten: its own or its position tags=["wrong"]
# hint: Which token comes before the patches?
def vit_parameters(resolution, patch, width, layers, embed_dim):
    patches = (resolution // patch) ** 2
    block = 12 * width**2 + 13 * width
    return 3 * patch**2 * width + width + patches * width + 4 * width + layers * block + width * embed_dim

# %% the attention's output matrix is forgotten tags=["wrong"]
# hint: What happens to the heads' outputs after they are joined?
def vit_parameters(resolution, patch, width, layers, embed_dim):
    tokens = (resolution // patch) ** 2 + 1
    block = 3 * width**2 + 3 * width + 8 * width**2 + 5 * width + 4 * width
    return 3 * patch**2 * width + width + tokens * width + 4 * width + layers * block + width * embed_dim

# %% the layer norms before and after the blocks are forgotten tags=["wrong"]
# hint: `ln_pre` and ln_post learn something too.
def vit_parameters(resolution, patch, width, layers, embed_dim):
    tokens = (resolution // patch) ** 2 + 1
    block = 12 * width**2 + 13 * width
    return 3 * patch**2 * width + width + tokens * width + layers * block + width * embed_dim

# %% all biases inside the blocks are forgotten tags=["wrong"]
# hint: A linear layer has a weight and a bias.
def vit_parameters(resolution, patch, width, layers, embed_dim):
    tokens = (resolution // patch) ** 2 + 1
    block = 12 * width**2 + 4 * width
    return 3 * patch**2 * width + width + tokens * width + 4 * width + layers * block + width * embed_dim

# %% the final projection is given a bias tags=["wrong"]
# hint: The projection is a matrix and nothing else.
def vit_parameters(resolution, patch, width, layers, embed_dim):
    norm, block = 2 * width, 12 * width**2 + 13 * width
    tokens = (resolution // patch) ** 2 + 1
    start = 3 * patch**2 * width + width + tokens * width + norm
    return start + layers * block + norm + (width + 1) * embed_dim

# %% the positions are counted anew in every block tags=["wrong"]
# hint: Where in the forward pass are they added, and how often?
def vit_parameters(resolution, patch, width, layers, embed_dim):
    norm, block = 2 * width, 12 * width**2 + 13 * width
    tokens = (resolution // patch) ** 2 + 1
    start = 3 * patch**2 * width + width + norm
    return start + layers * (block + tokens * width) + tokens * width + norm + width * embed_dim

# %% the pixels of a patch are counted, not the patches tags=["wrong"]
# hint: How many patches cover the picture?
def vit_parameters(resolution, patch, width, layers, embed_dim):
    norm, block = 2 * width, 12 * width**2 + 13 * width
    tokens = patch**2 + 1
    start = 3 * patch**2 * width + width + tokens * width + norm
    return start + layers * block + norm + width * embed_dim

# %% the pixels of the picture are counted, not the patches tags=["wrong"]
# hint: How many patches cover the picture?
def vit_parameters(resolution, patch, width, layers, embed_dim):
    norm, block = 2 * width, 12 * width**2 + 13 * width
    tokens = resolution**2 + 1
    start = 3 * patch**2 * width + width + tokens * width + norm
    return start + layers * block + norm + width * embed_dim

# %% the projection goes from embed_dim to embed_dim tags=["wrong"]
# hint: How wide is the projection's input?
def vit_parameters(resolution, patch, width, layers, embed_dim):
    norm, block = 2 * width, 12 * width**2 + 13 * width
    tokens = (resolution // patch) ** 2 + 1
    start = 3 * patch**2 * width + width + tokens * width + norm
    return start + layers * block + norm + embed_dim * embed_dim

# %% three vectors of biases are missing in each block: queries, keys and values, or part of the MLP's tags=["wrong"]
# hint: Each of the six linear maps of a block has a bias, and the MLP's first one is four times as long.
def vit_parameters(resolution, patch, width, layers, embed_dim):
    norm, block = 2 * width, 12 * width**2 + 10 * width
    tokens = (resolution // patch) ** 2 + 1
    start = 3 * patch**2 * width + width + tokens * width + norm
    return start + layers * block + norm + width * embed_dim

# %% the MLP is counted as twice as wide, not four times tags=["wrong"]
# hint: How wide is the MLP inside?
def vit_parameters(resolution, patch, width, layers, embed_dim):
    norm, block = 2 * width, 8 * width**2 + 11 * width
    tokens = (resolution // patch) ** 2 + 1
    start = 3 * patch**2 * width + width + tokens * width + norm
    return start + layers * block + norm + width * embed_dim

# %% the patches have one side, where they have an area tags=["wrong"]
# hint: How many pixels does a patch have?
def vit_parameters(resolution, patch, width, layers, embed_dim):
    norm, block = 2 * width, 12 * width**2 + 13 * width
    tokens = (resolution // patch) ** 2 + 1
    start = 3 * patch * width + width + tokens * width + norm
    return start + layers * block + norm + width * embed_dim

# %% tags=["exercise"]
EXERCISE = dict(
    id="02.7",
    title="The convolutional stem",
    points=4,
    minutes=20,
    difficulty="medium",
    my_clip="clipedu.models.vit",
    goal="Write the convolutions that turn a picture into patch vectors, for any patch size that is a power of two.",
    hints=[
        "Each convolution halves the sides, so a patch of 8 pixels takes three. How many does a patch of `patch` pixels take?",
        "List the channels first, from the picture's 3 to `width`. For patch = 8 and width = 192 the list is 3, 48, 96, 192. Then each pair of neighbors in the list is one convolution.",
        "channels = [3] + [width // 2**i for i in ...]; for inputs, outputs in pairwise(channels): append a convolution, a batch norm and a ReLU to the stem.",
    ],
)

# %% [markdown]
# Return an `nn.Sequential` that maps pictures (B, 3, R, R) to a map (B, width, R/patch, R/patch). For each halving it has three layers in a row: a convolution, `nn.BatchNorm2d` and `nn.ReLU`.
#
# * The convolutions are 3 x 3, with stride 2, padding 1 and no bias.
# * The last convolution has `width` output channels, and each one before it has half as many as the next. So `conv_stem(8, 192)` goes from 3 to 48, 96 and 192 channels, and `conv_stem(4, 192)` from 3 to 96 and 192.
# * `patch` is 2, 4, 8, 16, ..., and `width` is divisible by `patch`.
# * The keys of the state dict follow from the order of the layers: `0.weight`, `1.weight`, `1.bias`, ..., `3.weight`, and so on.
#
# The result must be differentiable. The check calls your stem in training mode and in evaluation mode.

# %%
def conv_stem(patch: int, width: int) -> nn.Sequential:
    """(B, 3, R, R) -> (B, width, R/patch, R/patch): 3x3 convolutions of stride 2 (2106.14881)."""
    ### BEGIN SOLUTION
    halvings = int(math.log2(patch))
    channels = [3] + [width // 2**i for i in reversed(range(halvings))]  # 3, 48, 96, 192
    stem = nn.Sequential()
    for inputs, outputs in pairwise(channels):
        conv = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        stem.extend([conv, nn.BatchNorm2d(outputs), nn.ReLU()])
    return stem
    ### END SOLUTION

# %%
check("02.7", conv_stem)

# %% the channels come in the wrong order: the first convolution is the widest tags=["wrong"]
# hint: A map with more pixels has fewer channels.
def conv_stem(patch, width):
    layers, inputs, outputs = [], 3, width
    while patch > 1:
        layers += [nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        inputs, outputs, patch = outputs, outputs // 2, patch // 2
    return nn.Sequential(*layers)

# %% the first convolution skips all the pixels, the others none tags=["wrong"]
# hint: Which convolutions have stride 2?
def conv_stem(patch, width):
    n = int(math.log2(patch))
    stem, inputs = nn.Sequential(), 3
    for i in range(n):
        outputs = width // 2 ** (n - 1 - i)
        stem.append(nn.Conv2d(inputs, outputs, 3, stride=patch if i == 0 else 1, padding=1, bias=False))
        stem.append(nn.BatchNorm2d(outputs))
        stem.append(nn.ReLU())
        inputs = outputs
    return stem

# %% there is no batch norm tags=["wrong"]
# hint: Three layers for each halving.
def conv_stem(patch, width):
    n = int(math.log2(patch))
    sizes = [3, *(width // 2 ** (n - 1 - i) for i in range(n))]
    stem = nn.Sequential()
    for a, b in zip(sizes, sizes[1:]):
        stem.extend([nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.ReLU()])
    return stem

# %% there is no ReLU tags=["wrong"]
# hint: Three convolutions in a row without anything between them are one linear map.
def conv_stem(patch, width):
    n = int(math.log2(patch))
    sizes = [3, *(width // 2 ** (n - 1 - i) for i in range(n))]
    stem = nn.Sequential()
    for a, b in zip(sizes, sizes[1:]):
        stem.extend([nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.Identity()])
    return stem

# %% the convolutions have a bias tags=["wrong"]
# hint: The batch norm behind a convolution subtracts the mean, and with it any bias.
def conv_stem(patch, width):
    n = int(math.log2(patch))
    sizes = [3, *(width // 2 ** (n - 1 - i) for i in range(n))]
    stem = nn.Sequential()
    for a, b in zip(sizes, sizes[1:]):
        stem.extend([nn.Conv2d(a, b, 3, 2, 1), nn.BatchNorm2d(b), nn.ReLU()])
    return stem

# %% the channels start at `width` and double from there tags=["wrong"]
# hint: The last convolution has `width` channels.
def conv_stem(patch, width):
    n = int(math.log2(patch))
    sizes = [3, *(width * 2**i for i in range(n))]
    stem = nn.Sequential()
    for a, b in zip(sizes, sizes[1:]):
        stem.extend([nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU()])
    return stem

# %% the three layers of a halving are packed into a Sequential of their own tags=["wrong"]
# hint: The keys are 0.weight, 1.weight, 3.weight: one flat list of layers.
def conv_stem(patch, width):
    n = int(math.log2(patch))
    sizes = [3, *(width // 2 ** (n - 1 - i) for i in range(n))]
    stem = nn.Sequential()
    for a, b in zip(sizes, sizes[1:]):
        stem.append(nn.Sequential(nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU()))
    return stem

# %% the stem ends in a convolution of 1 x 1 tags=["wrong"]
# hint: That one is `conv1` of the encoder.
def conv_stem(patch, width):
    n = int(math.log2(patch))
    sizes = [3, *(width // 2 ** (n - 1 - i) for i in range(n))]
    stem = nn.Sequential()
    for a, b in zip(sizes, sizes[1:]):
        stem.extend([nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU()])
    return stem.append(nn.Conv2d(width, width, 1, bias=False))

# %% the convolutions keep the size: they have stride 1 tags=["wrong"]
# hint: How does the map get smaller?
def conv_stem(patch, width):
    n = int(math.log2(patch))
    sizes = [3, *(width // 2 ** (n - 1 - i) for i in range(n))]
    stem = nn.Sequential()
    for a, b in zip(sizes, sizes[1:]):
        stem.extend([nn.Conv2d(a, b, 3, 1, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU()])
    return stem

# %% the kernels are 4 x 4 tags=["wrong"]
# hint: The convolutions are 3 x 3.
def conv_stem(patch, width):
    n = int(math.log2(patch))
    sizes = [3, *(width // 2 ** (n - 1 - i) for i in range(n))]
    stem = nn.Sequential()
    for a, b in zip(sizes, sizes[1:]):
        stem.extend([nn.Conv2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU()])
    return stem

# %% there are always three halvings, whatever the patch size tags=["wrong"]
# hint: How often is 2 a factor of `patch`?
def conv_stem(patch, width):
    n = 3
    sizes = [3, *(width // 2 ** (n - 1 - i) for i in range(n))]
    stem = nn.Sequential()
    for a, b in zip(sizes, sizes[1:]):
        stem.extend([nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU()])
    return stem

# %% tags=["exercise"]
EXERCISE = dict(
    id="02.8",
    title="The Vision Transformer",
    points=6,
    minutes=30,
    difficulty="hard",
    my_clip="clipedu.models.vit",
    goal="Write the image encoder of your CLIP, with both stems.",
    hints=[
        "Write the forward pass on paper first, with a shape after each step, as the figure of lesson 02 does. Then each parameter in it is a line of the constructor.",
        "After conv1 the map is (B, W, S, S). `flatten(2)` makes its S x S positions one axis, and `transpose(1, 2)` puts the channels last. The class token is one vector: `expand` repeats it for each picture of the batch.",
        "x = conv1(stem(pictures)) as tokens; class token in front; + positional_embedding; ln_pre; transformer; ln_post of token 0; @ proj.",
    ],
)

# %% [markdown]
# `config` has the attributes `resolution`, `patch`, `width`, `layers`, `heads` and `stem`. With W for the width and L = (resolution / patch)² + 1 for the number of tokens, the parts have these names:
#
# | name | what it is |
# |---|---|
# | `stem` | `conv_stem(patch, width)` when `config.stem == "conv"`, else `nn.Identity()` |
# | `conv1` | behind a stem, a convolution of 1 x 1 from W to W channels; otherwise the patch convolution from 3 to W channels. Neither has a bias. |
# | `class_embedding` | a parameter (W,) |
# | `positional_embedding` | a parameter (L, W); row 0 belongs to the class token, and the patches follow row by row |
# | `ln_pre`, `ln_post` | `nn.LayerNorm`, before and after the blocks |
# | `transformer` | `Transformer(width, layers, heads, activation=...)`, the one of lesson 01, without the causal mask |
# | `proj` | a parameter (W, embed_dim), which multiplies from the right |
#
# Draw the initial values of `class_embedding`, `positional_embedding` and `proj` from a normal distribution with standard deviation W<sup>-1/2</sup>, as OpenAI's code does. The check can't see this, because it loads parameters of its own.
# Return one vector for each picture, read at the class token: (B, embed_dim), not normalized. The result must be differentiable.

# %%
from clipedu.models.vit import conv_stem  # the library's: 02.7 may still be open

# %%
class VisionTransformer(nn.Module):
    """Pictures (B, 3, R, R) -> embeddings (B, E), not normalized, read at the class token."""

    def __init__(self, config, embed_dim: int, activation: str = "quick_gelu"):
        super().__init__()
        ### BEGIN SOLUTION
        width, patch = config.width, config.patch
        if config.stem == "conv":
            self.stem = conv_stem(patch, width)
            self.conv1 = nn.Conv2d(width, width, kernel_size=1, bias=False)
        else:
            self.stem = nn.Identity()
            self.conv1 = nn.Conv2d(3, width, kernel_size=patch, stride=patch, bias=False)
        patches = (config.resolution // patch) ** 2
        scale = width**-0.5
        self.class_embedding = nn.Parameter(scale * torch.randn(width))
        self.positional_embedding = nn.Parameter(scale * torch.randn(patches + 1, width))
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = Transformer(width, config.layers, config.heads, activation=activation)
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Parameter(scale * torch.randn(width, embed_dim))
        ### END SOLUTION

    def forward(self, pictures: Tensor) -> Tensor:
        ### BEGIN SOLUTION
        x = self.conv1(self.stem(pictures))  # (B, W, R/patch, R/patch)
        x = x.flatten(2).transpose(1, 2)  # (B, patches, W)
        first = self.class_embedding.expand(len(x), 1, -1)
        x = torch.cat([first, x], dim=1) + self.positional_embedding  # (B, 1 + patches, W)
        x = self.transformer(self.ln_pre(x))
        return self.ln_post(x[:, 0]) @ self.proj
        ### END SOLUTION

# %%
check("02.8", VisionTransformer)

# %% there is no class token tags=["wrong"]
# hint: Which token does the encoder read at the end?
class VisionTransformer(nn.Module):
    def __init__(self, config, embed_dim, activation="quick_gelu"):
        super().__init__()
        w, p = config.width, config.patch
        conv = config.stem == "conv"
        self.stem = conv_stem(p, w) if conv else nn.Identity()
        self.conv1 = nn.Conv2d(w, w, 1, bias=False) if conv else nn.Conv2d(3, w, p, p, bias=False)
        n = (config.resolution // p) ** 2
        self.positional_embedding = nn.Parameter(torch.randn(n, w) / w**0.5)
        self.ln_pre, self.ln_post = nn.LayerNorm(w), nn.LayerNorm(w)
        self.transformer = Transformer(w, config.layers, config.heads, activation=activation)
        self.proj = nn.Parameter(torch.randn(w, embed_dim) / w**0.5)

    def forward(self, pictures):
        x = self.conv1(self.stem(pictures)).flatten(2).mT + self.positional_embedding
        return self.ln_post(self.transformer(self.ln_pre(x)).mean(dim=1)) @ self.proj

# %% the class token comes last tags=["wrong"]
# hint: Row 0 of positional_embedding belongs to it.
class VisionTransformer(nn.Module):
    def __init__(self, config, embed_dim, activation="quick_gelu"):
        super().__init__()
        w, p = config.width, config.patch
        conv = config.stem == "conv"
        self.stem = conv_stem(p, w) if conv else nn.Identity()
        self.conv1 = nn.Conv2d(w, w, 1, bias=False) if conv else nn.Conv2d(3, w, p, p, bias=False)
        n = (config.resolution // p) ** 2
        self.class_embedding = nn.Parameter(torch.randn(w) / w**0.5)
        self.positional_embedding = nn.Parameter(torch.randn(n + 1, w) / w**0.5)
        self.ln_pre, self.ln_post = nn.LayerNorm(w), nn.LayerNorm(w)
        self.transformer = Transformer(w, config.layers, config.heads, activation=activation)
        self.proj = nn.Parameter(torch.randn(w, embed_dim) / w**0.5)

    def forward(self, pictures):
        x = self.conv1(self.stem(pictures)).flatten(2).mT
        first = self.class_embedding.expand(len(x), 1, -1)
        x = torch.cat([x, first], dim=1) + self.positional_embedding
        return self.ln_post(self.transformer(self.ln_pre(x))[:, -1]) @ self.proj

# %% the positions are never added tags=["wrong"]
# hint: Which parameter is not used in the forward pass?
class VisionTransformer(nn.Module):
    def __init__(self, config, embed_dim, activation="quick_gelu"):
        super().__init__()
        w, p = config.width, config.patch
        conv = config.stem == "conv"
        self.stem = conv_stem(p, w) if conv else nn.Identity()
        self.conv1 = nn.Conv2d(w, w, 1, bias=False) if conv else nn.Conv2d(3, w, p, p, bias=False)
        n = (config.resolution // p) ** 2
        self.class_embedding = nn.Parameter(torch.randn(w) / w**0.5)
        self.positional_embedding = nn.Parameter(torch.randn(n + 1, w) / w**0.5)
        self.ln_pre, self.ln_post = nn.LayerNorm(w), nn.LayerNorm(w)
        self.transformer = Transformer(w, config.layers, config.heads, activation=activation)
        self.proj = nn.Parameter(torch.randn(w, embed_dim) / w**0.5)

    def forward(self, pictures):
        x = self.conv1(self.stem(pictures)).flatten(2).mT
        first = self.class_embedding.expand(len(x), 1, -1)
        x = torch.cat([first, x], dim=1)
        return self.ln_post(self.transformer(self.ln_pre(x))[:, 0]) @ self.proj

# %% the mean over all tokens is read, not the class token tags=["wrong"]
# hint: What is the class token for?
class VisionTransformer(nn.Module):
    def __init__(self, config, embed_dim, activation="quick_gelu"):
        super().__init__()
        w, p = config.width, config.patch
        conv = config.stem == "conv"
        self.stem = conv_stem(p, w) if conv else nn.Identity()
        self.conv1 = nn.Conv2d(w, w, 1, bias=False) if conv else nn.Conv2d(3, w, p, p, bias=False)
        n = (config.resolution // p) ** 2
        self.class_embedding = nn.Parameter(torch.randn(w) / w**0.5)
        self.positional_embedding = nn.Parameter(torch.randn(n + 1, w) / w**0.5)
        self.ln_pre, self.ln_post = nn.LayerNorm(w), nn.LayerNorm(w)
        self.transformer = Transformer(w, config.layers, config.heads, activation=activation)
        self.proj = nn.Parameter(torch.randn(w, embed_dim) / w**0.5)

    def forward(self, pictures):
        x = self.conv1(self.stem(pictures)).flatten(2).mT
        first = self.class_embedding.expand(len(x), 1, -1)
        x = torch.cat([first, x], dim=1) + self.positional_embedding
        return self.ln_post(self.transformer(self.ln_pre(x)).mean(dim=1)) @ self.proj

# %% the projection is forgotten tags=["wrong"]
# hint: How long is the vector that you return?
class VisionTransformer(nn.Module):
    def __init__(self, config, embed_dim, activation="quick_gelu"):
        super().__init__()
        w, p = config.width, config.patch
        conv = config.stem == "conv"
        self.stem = conv_stem(p, w) if conv else nn.Identity()
        self.conv1 = nn.Conv2d(w, w, 1, bias=False) if conv else nn.Conv2d(3, w, p, p, bias=False)
        n = (config.resolution // p) ** 2
        self.class_embedding = nn.Parameter(torch.randn(w) / w**0.5)
        self.positional_embedding = nn.Parameter(torch.randn(n + 1, w) / w**0.5)
        self.ln_pre, self.ln_post = nn.LayerNorm(w), nn.LayerNorm(w)
        self.transformer = Transformer(w, config.layers, config.heads, activation=activation)
        self.proj = nn.Parameter(torch.randn(w, embed_dim) / w**0.5)

    def forward(self, pictures):
        x = self.conv1(self.stem(pictures)).flatten(2).mT
        first = self.class_embedding.expand(len(x), 1, -1)
        x = torch.cat([first, x], dim=1) + self.positional_embedding
        return self.ln_post(self.transformer(self.ln_pre(x))[:, 0])

# %% the map is reshaped into tokens without moving its channels tags=["wrong"]
# hint: A token is one position with all its channels: reshape moves no number.
class VisionTransformer(nn.Module):
    def __init__(self, config, embed_dim, activation="quick_gelu"):
        super().__init__()
        w, p = config.width, config.patch
        conv = config.stem == "conv"
        self.stem = conv_stem(p, w) if conv else nn.Identity()
        self.conv1 = nn.Conv2d(w, w, 1, bias=False) if conv else nn.Conv2d(3, w, p, p, bias=False)
        n = (config.resolution // p) ** 2
        self.class_embedding = nn.Parameter(torch.randn(w) / w**0.5)
        self.positional_embedding = nn.Parameter(torch.randn(n + 1, w) / w**0.5)
        self.ln_pre, self.ln_post = nn.LayerNorm(w), nn.LayerNorm(w)
        self.transformer = Transformer(w, config.layers, config.heads, activation=activation)
        self.proj = nn.Parameter(torch.randn(w, embed_dim) / w**0.5)

    def forward(self, pictures):
        x = self.conv1(self.stem(pictures))
        x = x.reshape(len(x), -1, x.shape[1])
        first = self.class_embedding.expand(len(x), 1, -1)
        x = torch.cat([first, x], dim=1) + self.positional_embedding
        return self.ln_post(self.transformer(self.ln_pre(x))[:, 0]) @ self.proj

# %% the class token is put last, and the first patch is read tags=["wrong"]
# hint: Where did you put the class token?
from clipedu.models.vit import VisionTransformer as Right


class VisionTransformer(Right):
    def forward(self, pictures):
        x = self.conv1(self.stem(pictures)).flatten(2).mT
        x = torch.cat([x, self.class_embedding.expand(len(x), 1, -1)], dim=1)
        x = self.transformer(self.ln_pre(x + self.positional_embedding))
        return self.ln_post(x[:, 0]) @ self.proj

# %% the mean over the patches is read, not the class token tags=["wrong"]
# hint: What is the class token for?
from clipedu.models.vit import VisionTransformer as Right


class VisionTransformer(Right):
    def forward(self, pictures):
        x = self.conv1(self.stem(pictures)).flatten(2).mT
        x = torch.cat([self.class_embedding.expand(len(x), 1, -1), x], dim=1)
        x = self.transformer(self.ln_pre(x + self.positional_embedding))
        return self.ln_post(x[:, 1:].mean(1)) @ self.proj

# %% ln_pre comes before the positions are added tags=["wrong"]
# hint: First the positions, then ln_pre, then the blocks.
from clipedu.models.vit import VisionTransformer as Right


class VisionTransformer(Right):
    def forward(self, pictures):
        x = self.conv1(self.stem(pictures)).flatten(2).mT
        x = torch.cat([self.class_embedding.expand(len(x), 1, -1), x], dim=1)
        x = self.transformer(self.ln_pre(x) + self.positional_embedding)
        return self.ln_post(x[:, 0]) @ self.proj

# %% the stem is made, but not used tags=["wrong"]
# hint: Which module is not called in the forward pass?
from clipedu.models.vit import VisionTransformer as Right


class VisionTransformer(Right):
    def forward(self, pictures):
        x = self.conv1(pictures).flatten(2).mT
        x = torch.cat([self.class_embedding.expand(len(x), 1, -1), x], dim=1)
        x = self.transformer(self.ln_pre(x + self.positional_embedding))
        return self.ln_post(x[:, 0]) @ self.proj

# %% ln_pre and ln_post are mixed up tags=["wrong"]
# hint: Which one comes before the blocks?
from clipedu.models.vit import VisionTransformer as Right


class VisionTransformer(Right):
    def forward(self, pictures):
        x = self.conv1(self.stem(pictures)).flatten(2).mT
        x = torch.cat([self.class_embedding.expand(len(x), 1, -1), x], dim=1)
        x = self.transformer(self.ln_post(x + self.positional_embedding))
        return self.ln_pre(x[:, 0]) @ self.proj

# %% zeros take the place of the class token tags=["wrong"]
# hint: Which parameter is not used in the forward pass?
from clipedu.models.vit import VisionTransformer as Right


class VisionTransformer(Right):
    def forward(self, pictures):
        x = self.conv1(self.stem(pictures)).flatten(2).mT
        x = torch.cat([torch.zeros_like(x[:, :1]), x], dim=1)
        x = self.transformer(self.ln_pre(x + self.positional_embedding))
        return self.ln_post(x[:, 0]) @ self.proj

# %% the class token learns nothing, because it is detached tags=["wrong"]
# hint: `.detach()` and .data cut the gradient.
from clipedu.models.vit import VisionTransformer as Right


class VisionTransformer(Right):
    def forward(self, pictures):
        x = self.conv1(self.stem(pictures)).flatten(2).mT
        x = torch.cat([self.class_embedding.detach().expand(len(x), 1, -1), x], dim=1)
        x = self.transformer(self.ln_pre(x + self.positional_embedding))
        return self.ln_post(x[:, 0]) @ self.proj

# %% the blocks are never run tags=["wrong"]
# hint: Which module is not called in the forward pass?
from clipedu.models.vit import VisionTransformer as Right


class VisionTransformer(Right):
    def forward(self, pictures):
        x = self.conv1(self.stem(pictures)).flatten(2).mT
        x = torch.cat([self.class_embedding.expand(len(x), 1, -1), x], dim=1)
        x = self.ln_pre(x + self.positional_embedding)
        return self.ln_post(x[:, 0]) @ self.proj

# %% config.stem is ignored: the pictures are always cut into patches tags=["wrong"]
# hint: What does `config.stem == "conv"` ask for?
from clipedu.models.vit import VisionTransformer as Right


class VisionTransformer(Right):
    def __init__(self, config, embed_dim, activation="quick_gelu"):
        super().__init__(config, embed_dim, activation)
        w, p = config.width, config.patch
        self.stem, self.conv1 = nn.Identity(), nn.Conv2d(3, w, p, p, bias=False)

# %% conv1 is a patch convolution behind the stem, too tags=["wrong"]
# hint: The stem has made the patches already; what is left for conv1?
from clipedu.models.vit import VisionTransformer as Right


class VisionTransformer(Right):
    def __init__(self, config, embed_dim, activation="quick_gelu"):
        super().__init__(config, embed_dim, activation)
        w, p = config.width, config.patch
        if config.stem == "conv":
            self.conv1 = nn.Conv2d(w, w, p, p, bias=False)

# %% the class token has no row in positional_embedding tags=["wrong"]
# hint: How many tokens are there?
from clipedu.models.vit import VisionTransformer as Right


class VisionTransformer(Right):
    def __init__(self, config, embed_dim, activation="quick_gelu"):
        super().__init__(config, embed_dim, activation)
        self.positional_embedding = nn.Parameter(self.positional_embedding[1:].detach())

# %% proj is made the other way round, as a linear layer keeps its weight tags=["wrong"]
# hint: It multiplies from the right: which shape does it have?
from clipedu.models.vit import VisionTransformer as Right


class VisionTransformer(Right):
    def __init__(self, config, embed_dim, activation="quick_gelu"):
        super().__init__(config, embed_dim, activation)
        self.proj = nn.Parameter(self.proj.detach().T.clone())

# %% tags=["exercise"]
EXERCISE = dict(
    id="02.4",
    title="A smoother blur",
    points=3,
    minutes=12,
    difficulty="medium",
    goal="Make a map smaller with less aliasing, by a blur of your own.",
    hints=[
        "Blur first, skip second. The blur can be done along the rows, then down the columns.",
        "Pad by one position on each side with F.pad(..., mode='replicate'). The nine weights are the outer product of (1, 2, 1) with itself, divided by 16.",
        "padded = F.pad(x, (1, 1, 1, 1), mode='replicate'); blur by adding three shifted slices (weights 1/4, 1/2, 1/4) along each direction; return blurred[..., ::2, ::2]",
    ],
)

# %% [markdown]
# The paper's pooling is *rect-2*, the mean of two by two. The next smoother one of Zhang (2019, arXiv 1904.11486) is *triangle-3*. At each position it takes a weighted mean with the weights 1/4, 1/2, 1/4 along the rows, and the same down the columns.
# Then it keeps every second position, starting with the first.
#
# `x` is (B, C, H, W); H and W may be odd. Each channel is blurred by itself. At the border, the edge value is repeated. Return (B, C, H/2, W/2), halves rounded up. The result must be differentiable.

# %%
def blur_pool(x: torch.Tensor) -> torch.Tensor:
    """(B, C, H, W) -> (B, C, ceil(H/2), ceil(W/2))."""
    ### BEGIN SOLUTION
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    down = (padded[:, :, :-2] + 2 * padded[:, :, 1:-1] + padded[:, :, 2:]) / 4
    blurred = (down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]) / 4
    return blurred[:, :, ::2, ::2]
    ### END SOLUTION

# %%
check("02.4", blur_pool)

# %% the mean of two by two is taken, not the triangle blur tags=["wrong"]
# hint: The triangle is three pixels wide and centered on the one that is kept.
def blur_pool(x):
    return F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)

# %% the weights do not add up to one tags=["wrong"]
# hint: What should become of an even grey?
def blur_pool(x):
    c = x.shape[1]
    line = torch.tensor([1.0, 2.0, 1.0], dtype=x.dtype)
    window = torch.outer(line, line).expand(c, 1, 3, 3)
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), window, stride=2, groups=c)

# %% the edges are padded with zeros tags=["wrong"]
# hint: What happens to an even grey at its border?
def blur_pool(x):
    c = x.shape[1]
    line = torch.tensor([1.0, 2.0, 1.0], dtype=x.dtype) / 4
    window = torch.outer(line, line).expand(c, 1, 3, 3)
    return F.conv2d(x, window, stride=2, padding=1, groups=c)

# %% the blur comes after the pixels were skipped tags=["wrong"]
# hint: What was skipped cannot be blurred in later.
def blur_pool(x):
    p = F.pad(x[:, :, ::2, ::2], (1, 1, 1, 1), mode="replicate")
    p = p[:, :, :-2] / 4 + p[:, :, 1:-1] / 2 + p[:, :, 2:] / 4
    return p[..., :-2] / 4 + p[..., 1:-1] / 2 + p[..., 2:] / 4

# %% the number of channels is always three tags=["wrong"]
# hint: Read the number of channels off x.
def blur_pool(x):
    line = torch.tensor([0.25, 0.5, 0.25], dtype=x.dtype)
    weight = (line[:, None] * line).repeat(3, 1, 1, 1)
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), weight, stride=2, groups=3)

# %% tags=["exercise"]
EXERCISE = dict(
    id="02.5",
    title="Attention pooling with heads",
    points=4,
    minutes=20,
    difficulty="hard",
    goal="Write the end of the paper's ResNet, with several heads.",
    hints=[
        "Make the tokens first: the positions of the map as (B, H*W, C), their mean in front, then the positional embedding. Only token 0 is a query; all tokens give keys and values, the mean too.",
        "Heads are runs of neighbouring channels: C = heads * D. softmax(q k^T / sqrt(D)) over the tokens, per head. A weight is applied as nn.Linear does: x @ w.T.",
        "q = (tokens[:, :1] @ wq.T).unflatten(-1, (heads, -1)).transpose(1, 2) gives (B, heads, 1, D); k and v likewise from all tokens; join the heads at the end with flatten(1).",
    ],
)

# %% [markdown]
# `grid` is a feature map (B, C, H, W), H and W not always equal. `position` is the positional embedding (H*W + 1, C): its first row belongs to the mean, the others to the positions of the map, row by row. `wq`, `wk`, `wv` are (C, C) and are used as `nn.Linear` uses its weight, without biases.
#
# 1. The tokens are the mean over all positions, followed by the positions. Add `position`.
# 2. The first token gives the query. All tokens, the mean included, give keys and values.
# 3. Each head takes the softmax of its scaled scores, and then the weighted sum of its values.
# 4. Join the heads in their order. Return (B, C). In the encoder, a projection to the embedding follows.
#
# The result must be differentiable.

# %%
def attention_pool(
    grid: torch.Tensor, position: torch.Tensor, wq: torch.Tensor, wk: torch.Tensor, wv: torch.Tensor, heads: int
) -> torch.Tensor:
    """(B, C, H, W) -> (B, C)."""
    ### BEGIN SOLUTION
    cells = grid.flatten(2).transpose(1, 2)  # (B, H*W, C)
    tokens = torch.cat([cells.mean(dim=1, keepdim=True), cells], dim=1) + position
    q, k, v = tokens[:, :1] @ wq.T, tokens @ wk.T, tokens @ wv.T
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5  # (B, heads, 1, 1 + H*W)
    return (scores.softmax(dim=-1) @ v).flatten(1)
    ### END SOLUTION

# %%
check("02.5", attention_pool)

# %% the scores are scaled by the whole width, not by a head's tags=["wrong"]
# hint: How many numbers does one dot product add up?
def attention_pool(grid, position, wq, wk, wv, heads):
    b, c = grid.shape[:2]
    x = grid.reshape(b, c, -1).permute(0, 2, 1)
    x = torch.cat([x.mean(1, keepdim=True), x], 1) + position
    q, k, v = ((x @ w.T).reshape(b, -1, heads, c // heads).transpose(1, 2) for w in (wq, wk, wv))
    a = (q[:, :, :1] @ k.transpose(2, 3) / c**0.5).softmax(-1)
    return (a @ v).reshape(b, c)

# %% the mean gives no key and no value tags=["wrong"]
# hint: How many tokens get a weight?
def attention_pool(grid, position, wq, wk, wv, heads):
    b, c = grid.shape[:2]
    x = grid.flatten(2).transpose(1, 2)
    x = torch.cat([x.mean(1, keepdim=True), x], 1) + position
    q, k, v = ((x @ w.T).reshape(b, -1, heads, c // heads).transpose(1, 2) for w in (wq, wk, wv))
    a = (q[:, :, :1] @ k[:, :, 1:].transpose(2, 3) / (c // heads) ** 0.5).softmax(-1)
    return (a @ v[:, :, 1:]).reshape(b, c)

# %% the positions are added before the mean is taken tags=["wrong"]
# hint: In which order do mean and positions come?
def attention_pool(grid, position, wq, wk, wv, heads):
    b, c = grid.shape[:2]
    x = grid.flatten(2).transpose(1, 2) + position[1:]
    x = torch.cat([x.mean(1, keepdim=True), x], 1)
    q, k, v = ((x @ w.T).reshape(b, -1, heads, c // heads).transpose(1, 2) for w in (wq, wk, wv))
    a = (q[:, :, :1] @ k.transpose(2, 3) / (c // heads) ** 0.5).softmax(-1)
    return (a @ v).reshape(b, c)

# %% the weight matrices are not transposed tags=["wrong"]
# hint: `nn.Linear` computes x @ weight.T.
def attention_pool(grid, position, wq, wk, wv, heads):
    b, c = grid.shape[:2]
    x = grid.flatten(2).transpose(1, 2)
    x = torch.cat([x.mean(1, keepdim=True), x], 1) + position
    q, k, v = ((x @ w).reshape(b, -1, heads, c // heads).transpose(1, 2) for w in (wq, wk, wv))
    a = (q[:, :, :1] @ k.transpose(2, 3) / (c // heads) ** 0.5).softmax(-1)
    return (a @ v).reshape(b, c)

# %% all heads are treated as one tags=["wrong"]
# hint: Each head has its own softmax.
def attention_pool(grid, position, wq, wk, wv, heads):
    x = grid.flatten(2).transpose(1, 2)
    x = torch.cat([x.mean(1, keepdim=True), x], 1) + position
    q, k, v = x[:, :1] @ wq.T, x @ wk.T, x @ wv.T
    return ((q @ k.transpose(1, 2) / k.shape[-1] ** 0.5).softmax(-1) @ v)[:, 0]

# %% the plain mean is returned, without any attention tags=["wrong"]
# hint: Which positions should count more?
def attention_pool(grid, position, wq, wk, wv, heads):
    return grid.mean(dim=(2, 3))

# %% every token is a query and the results are averaged tags=["wrong"]
# hint: Only one query is needed: which?
def attention_pool(grid, position, wq, wk, wv, heads):
    cells = grid.flatten(2).transpose(1, 2)
    tokens = torch.cat([cells.mean(dim=1, keepdim=True), cells], dim=1) + position
    q, k, v = ((tokens @ w.T).unflatten(-1, (heads, -1)).transpose(1, 2) for w in (wq, wk, wv))
    weights = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(dim=-1)
    return (weights @ v).transpose(1, 2).flatten(2).mean(dim=1)

# %% the mean is taken of the positions' vectors and their embeddings, and gets its own embedding, too tags=["wrong"]
# hint: First the mean of the map, then the positions.
def attention_pool(grid, position, wq, wk, wv, heads):
    b, c = grid.shape[:2]
    x = grid.flatten(2).transpose(1, 2)
    x = x + position[1:]
    x = torch.cat([x.mean(1, keepdim=True) + position[0], x], 1)
    q, k, v = ((x @ w.T).reshape(b, -1, heads, c // heads).transpose(1, 2) for w in (wq, wk, wv))
    a = (q[:, :, :1] @ k.transpose(2, 3) / (c // heads) ** 0.5).softmax(-1)
    return (a @ v).reshape(b, c)

# %% the mean comes last, and is the query there tags=["wrong"]
# hint: The first row of `position` belongs to the mean.
def attention_pool(grid, position, wq, wk, wv, heads):
    b, c = grid.shape[:2]
    x = grid.flatten(2).transpose(1, 2)
    x = torch.cat([x, x.mean(1, keepdim=True)], 1) + position
    q, k, v = ((x @ w.T).reshape(b, -1, heads, c // heads).transpose(1, 2) for w in (wq, wk, wv))
    a = (q[:, :, -1:] @ k.transpose(2, 3) / (c // heads) ** 0.5).softmax(-1)
    return (a @ v).reshape(b, c)

# %% the sum over the positions is taken, not their mean tags=["wrong"]
# hint: How many positions are there?
def attention_pool(grid, position, wq, wk, wv, heads):
    b, c = grid.shape[:2]
    x = grid.flatten(2).transpose(1, 2)
    x = torch.cat([x.sum(1, keepdim=True), x], 1) + position
    q, k, v = ((x @ w.T).reshape(b, -1, heads, c // heads).transpose(1, 2) for w in (wq, wk, wv))
    a = (q[:, :, :1] @ k.transpose(2, 3) / (c // heads) ** 0.5).softmax(-1)
    return (a @ v).reshape(b, c)

# %% the embeddings of the positions are not added tags=["wrong"]
# hint: What is `position` for?
def attention_pool(grid, position, wq, wk, wv, heads):
    b, c = grid.shape[:2]
    x = grid.flatten(2).transpose(1, 2)
    x = torch.cat([x.mean(1, keepdim=True), x], 1)
    q, k, v = ((x @ w.T).reshape(b, -1, heads, c // heads).transpose(1, 2) for w in (wq, wk, wv))
    a = (q[:, :, :1] @ k.transpose(2, 3) / (c // heads) ** 0.5).softmax(-1)
    return (a @ v).reshape(b, c)

# %% tags=["exercise"]
EXERCISE = dict(
    id="02.9",
    title="The paper's other image encoder",
    points=10,
    minutes=60,
    difficulty="hard",
    goal="Write the ModifiedResNet of section 2.4, with the names of OpenAI's weights.",
    hints=[
        "Start with the block alone: `Bottleneck(64, 16)` must return the shape that it is given, and `Bottleneck(64, 32, stride=2)` twice the channels and half the sides. Test both before you go on.",
        "A block needs a convolution in its shortcut whenever the shapes of input and output differ: when it pools, and also in the first block of layer1, where the channels grow from `width` to 4 * width. Keep count of the channels while you build: they are 4 * planes after every block.",
        "Stage i (from 0) has planes = width * 2**i; its first block has stride 1 if i == 0 else 2, and the others have stride 1. `self.add_module(f\"layer{i + 1}\", nn.Sequential(*blocks))` names it. The side of the last map is resolution / 4 / 2**(stages - 1), and the channels are those after the last block.",
    ],
)

# %% [markdown]
# The paper trains five ResNets beside its ViTs. Write them. `ModifiedResNet((3, 4, 6, 3), 64, 32, 224, 1024)` is the image encoder of RN50, with 38,316,896 parameters; when you have passed, OpenAI's weights fit into your class name by name.
# No convolution below has a bias, and every one is followed by its `nn.BatchNorm2d`. "Pooled" always means average pooling, 2 x 2 with stride 2.
#
# **The stem** halves the picture twice: `conv1` (3 x 3, stride 2, padding 1, from 3 to width/2 channels), `conv2` (3 x 3, padding 1, width/2 channels) and `conv3` (3 x 3, padding 1, width channels) with `bn1`, `bn2`, `bn3`, each followed by a ReLU. Then the map is pooled.
#
# **The stages** `layer1`, `layer2`, ... are `nn.Sequential`s of bottleneck blocks; `layers` says how many blocks each has. Stage i, counted from 0, works with planes = width * 2<sup>i</sup>. The first block of each stage but the first has stride 2, which halves the map.
#
# **A bottleneck block** adds a correction to its input, then takes the ReLU of the sum:
#
# * the correction: `conv1` (1 x 1, to planes channels), `conv2` (3 x 3, padding 1) and `conv3` (1 x 1, to 4 * planes channels), with `bn1`, `bn2`, `bn3`. A ReLU follows `bn1` and `bn2`. All convolutions have stride 1. In a block of stride 2 the map is pooled before `conv3`.
# * the shortcut: the input itself, if it has the right shape. Otherwise it is pooled (in a block of stride 2), and then goes through `downsample`, an `nn.Sequential` of a convolution (1 x 1, to 4 * planes channels) and its batch norm.
#
# **The end** is `attnpool = AttentionPool2d(side, channels, heads, embed_dim)` on the last map, which is imported: you write its inside in exercise 02.5.
#
# Return (B, embed_dim). The result must be differentiable. Plan an hour, and write small tests of your own.

# %%
class Bottleneck(nn.Module):
    """(B, inputs, H, W) -> (B, 4 * planes, H / stride, W / stride)."""

    def __init__(self, inputs: int, planes: int, stride: int = 1):
        super().__init__()
        ### BEGIN SOLUTION
        outputs = 4 * planes
        self.stride = stride
        self.conv1 = nn.Conv2d(inputs, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride > 1 or inputs != outputs:
            conv = nn.Conv2d(inputs, outputs, 1, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(outputs))
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        ### BEGIN SOLUTION
        shortcut = x
        if self.downsample is not None:
            shortcut = self.downsample(F.avg_pool2d(x, self.stride))
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = self.bn3(self.conv3(F.avg_pool2d(x, self.stride)))
        return F.relu(x + shortcut)
        ### END SOLUTION


class ModifiedResNet(nn.Module):
    """Pictures (B, 3, R, R) -> embeddings (B, E), not normalized."""

    def __init__(self, layers: tuple, width: int, heads: int, resolution: int, embed_dim: int):
        super().__init__()
        ### BEGIN SOLUTION
        half = width // 2
        self.conv1 = nn.Conv2d(3, half, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(half)
        self.conv2 = nn.Conv2d(half, half, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv3 = nn.Conv2d(half, width, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.stages, channels, side = [], width, resolution // 4
        for i, blocks in enumerate(layers):
            stage, planes = nn.Sequential(), width * 2**i
            for k in range(blocks):
                stride = 2 if i > 0 and k == 0 else 1
                stage.append(Bottleneck(channels, planes, stride))
                channels, side = 4 * planes, side // stride
            self.stages.append(f"layer{i + 1}")
            self.add_module(self.stages[-1], stage)
        self.attnpool = AttentionPool2d(side, channels, heads, embed_dim)
        ### END SOLUTION

    def forward(self, pictures: Tensor) -> Tensor:
        ### BEGIN SOLUTION
        x = F.relu(self.bn1(self.conv1(pictures)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = F.avg_pool2d(F.relu(self.bn3(self.conv3(x))), 2)
        for name in self.stages:
            x = self.get_submodule(name)(x)
        return self.attnpool(x)
        ### END SOLUTION

# %%
check("02.9", ModifiedResNet)

# %% the shortcut of the first stage has no convolution: its channels are repeated tags=["wrong"]
# hint: The first block of layer1 goes from width to 4 * width channels: does its input have the right shape?
class Bottleneck(nn.Module):
    def __init__(self, c, p, s=1):
        super().__init__()
        self.s = s
        self.conv1, self.bn1 = nn.Conv2d(c, p, 1, bias=False), nn.BatchNorm2d(p)
        self.conv2, self.bn2 = nn.Conv2d(p, p, 3, 1, 1, bias=False), nn.BatchNorm2d(p)
        self.conv3, self.bn3 = nn.Conv2d(p, 4 * p, 1, bias=False), nn.BatchNorm2d(4 * p)
        self.c, self.p = c, p
        if s > 1:
            self.downsample = nn.Sequential(nn.Conv2d(c, 4 * p, 1, bias=False), nn.BatchNorm2d(4 * p))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.avg_pool2d(F.relu(self.bn2(self.conv2(y))), self.s)
        y = self.bn3(self.conv3(y))
        if hasattr(self, "downsample"):
            x = self.downsample(F.avg_pool2d(x, self.s))
        elif self.c != 4 * self.p:
            x = x.repeat(1, 4 * self.p // self.c, 1, 1)
        return F.relu(x + y)


class ModifiedResNet(nn.Module):
    def __init__(self, layers, width, heads, resolution, embed_dim):
        super().__init__()
        h = width // 2
        self.conv1, self.bn1 = nn.Conv2d(3, h, 3, 2, 1, bias=False), nn.BatchNorm2d(h)
        self.conv2, self.bn2 = nn.Conv2d(h, h, 3, 1, 1, bias=False), nn.BatchNorm2d(h)
        self.conv3, self.bn3 = nn.Conv2d(h, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        c, side = width, resolution // 4
        self.names = [f"layer{i + 1}" for i in range(len(layers))]
        for i, n in enumerate(layers):
            p, s = width * 2**i, 2 if i else 1
            first = Bottleneck(c, p, s)
            self.add_module(self.names[i], nn.Sequential(first, *(Bottleneck(4 * p, p) for _ in range(n - 1))))
            c, side = 4 * p, side // s
        self.attnpool = AttentionPool2d(side, c, heads, embed_dim)

    def forward(self, x):
        for i in "123":
            x = F.relu(getattr(self, "bn" + i)(getattr(self, "conv" + i)(x)))
        x = F.avg_pool2d(x, 2)
        for name in self.names:
            x = getattr(self, name)(x)
        return self.attnpool(x)

# %% the pooling at the end of the stem is forgotten, and the first stage halves the map instead tags=["wrong"]
# hint: The stem halves the picture twice, layer1 not at all.
class Bottleneck(nn.Module):
    def __init__(self, c, p, s=1):
        super().__init__()
        self.s = s
        self.conv1, self.bn1 = nn.Conv2d(c, p, 1, bias=False), nn.BatchNorm2d(p)
        self.conv2, self.bn2 = nn.Conv2d(p, p, 3, 1, 1, bias=False), nn.BatchNorm2d(p)
        self.conv3, self.bn3 = nn.Conv2d(p, 4 * p, 1, bias=False), nn.BatchNorm2d(4 * p)
        if s > 1 or c != 4 * p:
            self.downsample = nn.Sequential(nn.Conv2d(c, 4 * p, 1, bias=False), nn.BatchNorm2d(4 * p))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.avg_pool2d(F.relu(self.bn2(self.conv2(y))), self.s)
        y = self.bn3(self.conv3(y))
        if hasattr(self, "downsample"):
            x = self.downsample(F.avg_pool2d(x, self.s))
        return F.relu(x + y)


class ModifiedResNet(nn.Module):
    def __init__(self, layers, width, heads, resolution, embed_dim):
        super().__init__()
        h = width // 2
        self.conv1, self.bn1 = nn.Conv2d(3, h, 3, 2, 1, bias=False), nn.BatchNorm2d(h)
        self.conv2, self.bn2 = nn.Conv2d(h, h, 3, 1, 1, bias=False), nn.BatchNorm2d(h)
        self.conv3, self.bn3 = nn.Conv2d(h, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        c, side = width, resolution // 2
        self.names = [f"layer{i + 1}" for i in range(len(layers))]
        for i, n in enumerate(layers):
            p, s = width * 2**i, 2
            first = Bottleneck(c, p, s)
            self.add_module(self.names[i], nn.Sequential(first, *(Bottleneck(4 * p, p) for _ in range(n - 1))))
            c, side = 4 * p, side // s
        self.attnpool = AttentionPool2d(side, c, heads, embed_dim)

    def forward(self, x):
        for i in "123":
            x = F.relu(getattr(self, "bn" + i)(getattr(self, "conv" + i)(x)))
        for name in self.names:
            x = getattr(self, name)(x)
        return self.attnpool(x)

# %% the batch norm in the shortcut is forgotten tags=["wrong"]
# hint: Every convolution is followed by its batch norm.
class Bottleneck(nn.Module):
    def __init__(self, c, p, s=1):
        super().__init__()
        self.s = s
        self.conv1, self.bn1 = nn.Conv2d(c, p, 1, bias=False), nn.BatchNorm2d(p)
        self.conv2, self.bn2 = nn.Conv2d(p, p, 3, 1, 1, bias=False), nn.BatchNorm2d(p)
        self.conv3, self.bn3 = nn.Conv2d(p, 4 * p, 1, bias=False), nn.BatchNorm2d(4 * p)
        if s > 1 or c != 4 * p:
            self.downsample = nn.Sequential(nn.Conv2d(c, 4 * p, 1, bias=False))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.avg_pool2d(F.relu(self.bn2(self.conv2(y))), self.s)
        y = self.bn3(self.conv3(y))
        if hasattr(self, "downsample"):
            x = self.downsample(F.avg_pool2d(x, self.s))
        return F.relu(x + y)


class ModifiedResNet(nn.Module):
    def __init__(self, layers, width, heads, resolution, embed_dim):
        super().__init__()
        h = width // 2
        self.conv1, self.bn1 = nn.Conv2d(3, h, 3, 2, 1, bias=False), nn.BatchNorm2d(h)
        self.conv2, self.bn2 = nn.Conv2d(h, h, 3, 1, 1, bias=False), nn.BatchNorm2d(h)
        self.conv3, self.bn3 = nn.Conv2d(h, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        c, side = width, resolution // 4
        self.names = [f"layer{i + 1}" for i in range(len(layers))]
        for i, n in enumerate(layers):
            p, s = width * 2**i, 2 if i else 1
            first = Bottleneck(c, p, s)
            self.add_module(self.names[i], nn.Sequential(first, *(Bottleneck(4 * p, p) for _ in range(n - 1))))
            c, side = 4 * p, side // s
        self.attnpool = AttentionPool2d(side, c, heads, embed_dim)

    def forward(self, x):
        for i in "123":
            x = F.relu(getattr(self, "bn" + i)(getattr(self, "conv" + i)(x)))
        x = F.avg_pool2d(x, 2)
        for name in self.names:
            x = getattr(self, name)(x)
        return self.attnpool(x)

# %% tags=["exercise"]
EXERCISE = dict(
    id="02.6",
    title="Which encoder is sensitive to a shift?",
    kind="investigate",
    points=4,
    minutes=25,
    difficulty="hard",
    goal="Measure a property of a network, with a control that gives the number a meaning.",
    hints=[
        "A cosine of 0.98 means nothing by itself: how similar are two *different* pictures to this encoder?",
        "Vary one thing at a time: the shift, or the encoder, or whether it is trained. Try shifts of 1 to 8 pixels; the patches of `laptop_vit` are 8 pixels wide.",
    ],
)

# %% [markdown]
# Move pictures by a few pixels and compare each with itself, as an encoder sees it. Which of the encoders below changes its output least: an untrained ViT with patches, one with a convolutional stem, an untrained ResNet, or the trained encoder that comes with the course? Is any shift special?
# Report in at most ten lines and one figure or table. The cell gives you a start.

# %%
from clipedu.models import build
from clipedu.pairs import held_out_pairs, to_model, to_pictures
from clipedu.training import load_pretrained

pictures = to_pictures(held_out_pairs("lucide").rgba[::20])
encoders = {name: build(name, seed=0).eval() for name in ("laptop_vit", "laptop_vit_stem", "laptop_deep")}
encoders["trained"] = load_pretrained()[0]

def move(pictures: torch.Tensor, right: int) -> torch.Tensor:
    """The pictures, some pixels to the right; white comes in from the left."""
    return F.pad(pictures, (right, 0), value=1.0)[..., : pictures.shape[-1]]

@torch.no_grad()
def agreement(encoder: torch.nn.Module, a: torch.Tensor, b: torch.Tensor) -> float:
    """The mean cosine of the embeddings of a[i] and b[i]."""
    one, two = (encoder.encode_image(to_model(x), normalize=True) for x in (a, b))
    return (one * two).sum(dim=1).mean().item()

for name, encoder in encoders.items():
    print(f"{name:15} moved by 2 px {agreement(encoder, pictures, move(pictures, 2)):.2f}")

# %% [markdown] tags=["answer"]
# **What was varied:** the encoder and the shift (1 to 8 pixels), on the same pictures; the untrained encoders have seed 0. **Control:** the mean cosine of each picture with the *next* one, `agreement(encoder, pictures, pictures.roll(1, 0))`. The table shows (1 - cosine after the shift) / (1 - control). It is 0 when the encoder does not notice the shift, and 1 when the moved picture is as different as another one.
#
# | encoder | control | 1 px | 2 px | 4 px | 6 px | 8 px |
# |---|---|---|---|---|---|---|
# | ViT with patches | 0.950 | 0.28 | 0.67 | 0.92 | 0.59 | 0.15 |
# | ViT with a stem | 0.997 | 0.42 | 0.79 | 1.00 | 0.73 | 0.40 |
# | ResNet | 0.999 | 0.05 | 0.06 | 0.20 | 0.44 | 0.69 |
#
# **Results:** the raw cosines of the untrained encoders are all above 0.9, which looks as if a shift hardly changed their outputs. But to them two different pictures are just as similar, so only the comparison with the control means anything.
# The trained encoder is the least sensitive at every shift but 8: its share grows from 0.02 at 1 pixel to about 0.2 at 8. Of the untrained ones, the ResNet is least sensitive to small shifts, and no shift is special for it. The ViT with patches is most sensitive at 4 pixels, half a patch, and hardly at 8, a whole patch: then the same patches come back one position further. The stem does not help before training; its random windows of stride 2 do not blur.
#
# **What could be wrong:** icons have white margins, so small shifts move little; at 8 pixels some strokes leave the picture, which is more than a shift. The trained encoder has seen shifted pictures in training, so its architecture alone does not explain the result. One seed for each untrained encoder: with seed 1 the ViT with a stem peaks at 5 pixels, not at 3.

# %% [markdown] tags=["rubric"]
# * 1 point: one thing is varied at a time, and the report says which.
# * 1 point: a figure or table with several shifts and units (pixels, cosine).
# * 1 point: a control that gives the cosine a meaning (different pictures, or ranks of neighbors); without it no conclusion about sensitivity.
# * 1 point: one thing that could make the conclusion wrong (margins, cut strokes, augmentation, one seed, few pictures).
