# %% [markdown]
# # Exercises 02 · Pictures to vectors
#
# Six exercises, from counting on paper to writing the attention pooling, about an hour and a quarter in all. They belong to
# [lesson 02, pictures to vectors](../notebooks/02_pictures_to_vectors.ipynb). Work from top to bottom. Each check says what it found; when it knows the mistake, it names it.
#
# `hint("02.2")` shows one more hint each time you run it, `solution("02.2")` opens after you have passed, `progress()` says where you stand, and `reset("02.2")` begins an exercise anew. Nothing leaves this machine.

# %%
import torch
import torch.nn.functional as F

from clipedu_classroom import check, give_up, hint, progress, reset, solution

# %% tags=["exercise"]
EXERCISE = dict(
    id="02.1",
    title="Shapes, on paper",
    kind="predict",
    points=1,
    minutes=8,
    difficulty="easy",
    goal="Read the shapes of the paper's towers off their names.",
    hints=[
        "A picture of 224 pixels has how many patches of 16 along one side? And it has two sides.",
        "RN50 halves the side five times: twice in the stem, then once at the start of three of its four stages. A patch holds three channels.",
        "patches = (224 / 16)^2; one token more is read at the end; numbers = 3 * 16 * 16; side = 224 / 2^5.",
    ],
)

# %% [markdown]
# Pictures are 3 x 224 x 224. Work out, without running a model:
#
# * `patches`: into how many patches ViT-B/16 cuts a picture;
# * `tokens`: how many tokens its blocks see;
# * `numbers_per_patch`: how many numbers one patch holds before it is projected;
# * `map_side`: how many places lie along one side of RN50's last feature map;
# * `map_places`: how many places that map has in all.

# %%
### BEGIN SOLUTION
patches = 196
tokens = 197
numbers_per_patch = 768
map_side = 7
map_places = 49
### END SOLUTION

# %%
check("02.1", (patches, tokens, numbers_per_patch, map_side, map_places))

# %% the class token is forgotten tags=["wrong"]
# hint: Which token does the tower read at the end?
patches, tokens, numbers_per_patch, map_side, map_places = 196, 196, 768, 7, 49

# %% the three channels of a patch are forgotten tags=["wrong"]
# hint: What does one pixel consist of?
patches, tokens, numbers_per_patch, map_side, map_places = 196, 197, 256, 7, 49

# %% only four halvings of the ResNet are counted tags=["wrong"]
patches, tokens, numbers_per_patch, map_side, map_places = 196, 197, 768, 14, 196

# %% tags=["exercise"]
EXERCISE = dict(
    id="02.2",
    title="Patchify",
    points=3,
    minutes=12,
    difficulty="medium",
    goal="Cut a batch of pictures into patches, without the mistake that gives stripes.",
    hints=[
        "Split the height axis into (patch row, row inside the patch) and the width axis likewise: six axes. Which of them number the patches?",
        "Order of the six axes at the end: batch, patch row, patch column, channel, row inside, column inside. `permute` moves axes; `reshape` never does.",
        "x = pictures.reshape(B, C, H // p, p, W // p, p); x = x.permute(...); return x.reshape(B, patches, numbers)",
    ],
)

# %% [markdown]
# `pictures` is (B, C, H, W); `p` divides H and W, which need not be equal. Let the gradient flow. Return (B, patches, C * p * p):
#
# * patches from left to right, then downwards;
# * inside a patch the numbers of the first channel first, each channel row by row. (So a patch fits the flattened weight of the convolution in lesson 02.)

# %%
def patchify(pictures: torch.Tensor, p: int) -> torch.Tensor:
    """(B, C, H, W) -> (B, H/p * W/p, C * p * p)."""
    ### BEGIN SOLUTION
    b, c, h, w = pictures.shape
    x = pictures.reshape(b, c, h // p, p, w // p, p)  # (B, C, row, y, column, x)
    x = x.permute(0, 2, 4, 1, 3, 5)  # (B, row, column, C, y, x)
    return x.reshape(b, (h // p) * (w // p), c * p * p)
    ### END SOLUTION

# %%
check("02.2", patchify)

# %% the picture is reshaped without moving its axes tags=["wrong"]
# hint: Draw one of your patches: is it a square of the picture?
def patchify(pictures, p):
    b, c, h, w = pictures.shape
    return pictures.reshape(b, (h // p) * (w // p), c * p * p)

# %% the channels come last in a patch, not first tags=["wrong"]
# hint: In which order does the convolution's weight hold a patch?
def patchify(pictures, p):
    b, c, h, w = pictures.shape
    x = pictures.permute(0, 2, 3, 1).reshape(b, h // p, p, w // p, p, c)
    return x.transpose(2, 3).reshape(b, -1, p * p * c)

# %% the patches run down the columns, not along the rows tags=["wrong"]
# hint: Which patch is the second one?
def patchify(pictures, p):
    b, c, h, w = pictures.shape
    patches = []
    for x in range(0, w, p):
        for y in range(0, h, p):
            patches.append(pictures[:, :, y : y + p, x : x + p].reshape(b, -1))
    return torch.stack(patches, dim=1)

# %% patches and their numbers have swapped axes tags=["wrong"]
# hint: What does F.unfold return, and in which order?
def patchify(pictures, p):
    return F.unfold(pictures, kernel_size=p, stride=p)

# %% swapped axes are reshaped instead of transposed tags=["wrong"]
# hint: reshape never moves a number; transpose does.
def patchify(pictures, p):
    b, c, h, w = pictures.shape
    return F.unfold(pictures, kernel_size=p, stride=p).reshape(b, -1, c * p * p)

# %% the patches overlap tags=["wrong"]
# hint: How far does the window step?
def patchify(pictures, p):
    return F.unfold(pictures, p, stride=1).transpose(1, 2)

# %% the picture is cut into p x p pieces, not into pieces of p x p pixels tags=["wrong"]
# hint: Is p a number of patches or a number of pixels?
def patchify(pictures, p):
    b, c, h, w = pictures.shape
    x = pictures.reshape(b, c, p, h // p, p, w // p)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(b, p * p, -1)

# %% the sides are split the wrong way round: first into pixels, then into patches tags=["wrong"]
# hint: Neighbouring pixels lie in the same patch: which of the two new axes runs faster?
def patchify(pictures, p):
    b, c, h, w = pictures.shape
    x = pictures.reshape(b, c, p, h // p, p, w // p)
    return x.permute(0, 3, 5, 1, 2, 4).reshape(b, -1, c * p * p)

# %% patches of several pictures are mixed tags=["wrong"]
# hint: Which axis must stay in front?
def patchify(pictures, p):
    b, c, h, w = pictures.shape
    x = pictures.reshape(b, c, h // p, p, w // p, p).permute(2, 4, 0, 1, 3, 5)
    return x.reshape(b, -1, c * p * p)

# %% the grid of patches is not flattened tags=["wrong"]
# hint: The patches are one row.
def patchify(pictures, p):
    patches = F.unfold(pictures, p, stride=p).transpose(1, 2)
    return patches.unflatten(1, (pictures.shape[2] // p, pictures.shape[3] // p))

# %% the numbers of a patch are not flattened tags=["wrong"]
# hint: A patch is one row too.
def patchify(pictures, p):
    patches = F.unfold(pictures, p, stride=p).transpose(1, 2)
    return patches.unflatten(2, (pictures.shape[1], p, p))

# %% the pictures are taken for square tags=["wrong"]
# hint: Height and width give two numbers of patches.
def patchify(pictures, p):
    side = min(pictures.shape[2:]) // p
    x = pictures[:, :, : side * p, : side * p].unflatten(2, (side, p)).unflatten(4, (side, p))
    return x.permute(0, 2, 4, 1, 3, 5).reshape(len(pictures), side * side, -1)

# %% windows are cut and flattened with the channels still in front tags=["wrong"]
# hint: A patch takes its numbers from all channels; which axes must be together?
def patchify(pictures, p):
    windows = pictures.unfold(2, p, p).unfold(3, p, p)
    return windows.reshape(len(pictures), -1, pictures.shape[1] * p * p)

# %% tags=["exercise"]
EXERCISE = dict(
    id="02.3",
    title="The parameters of a ViT",
    points=3,
    minutes=15,
    difficulty="medium",
    goal="Know every learned number of a Vision Transformer, and where most of them are.",
    hints=[
        "Go through the forward pass and ask of each step: does it learn something? The patch convolution has no bias; every linear layer in a block has one.",
        "Outside the blocks: 3 p^2 w + w + (N + 1) w + 2 * 2w + w e, with N patches. A layer norm has a scale and a shift.",
        "A block: attention w -> 3w and w -> w, MLP w -> 4w -> w, each with biases, and two layer norms. Write the four terms one below the other and multiply their sum by the layers.",
    ],
)

# %% [markdown]
# Return the number of parameters of the image tower: patch convolution (no bias), class token, positional embeddings, `ln_pre`, the blocks, `ln_post`, projection to `embed_dim` (no bias).
# The MLP in a block is four times as wide as the tower. Pictures have three channels. For ViT-B/32, `vit_parameters(224, 32, 768, 12, 512)` is 87,849,216.

# %%
def vit_parameters(resolution: int, patch: int, width: int, layers: int, embed_dim: int) -> int:
    """How many numbers a Vision Transformer of these sizes learns."""
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
    places = (resolution // patch) ** 2
    block = 12 * width**2 + 13 * width
    return 3 * patch**2 * width + width + places * width + 4 * width + layers * block + width * embed_dim

# %% the attention's output matrix is forgotten tags=["wrong"]
# hint: What happens to the heads' answers after they are joined?
def vit_parameters(resolution, patch, width, layers, embed_dim):
    tokens = (resolution // patch) ** 2 + 1
    block = 3 * width**2 + 3 * width + 8 * width**2 + 5 * width + 4 * width
    return 3 * patch**2 * width + width + tokens * width + 4 * width + layers * block + width * embed_dim

# %% the layer norms before and after the blocks are forgotten tags=["wrong"]
# hint: ln_pre and ln_post learn something too.
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
# hint: How wide is the vector that the projection is given?
def vit_parameters(resolution, patch, width, layers, embed_dim):
    norm, block = 2 * width, 12 * width**2 + 13 * width
    tokens = (resolution // patch) ** 2 + 1
    start = 3 * patch**2 * width + width + tokens * width + norm
    return start + layers * block + norm + embed_dim * embed_dim

# %% tags=["exercise"]
EXERCISE = dict(
    id="02.4",
    title="A smoother blur",
    points=3,
    minutes=12,
    difficulty="medium",
    goal="Make a map smaller without aliasing, by a blur of your own.",
    hints=[
        "Blur first, skip second. The blur can be done along the rows, then down the columns.",
        "Pad by one place on each side with F.pad(..., mode='replicate'). The nine weights are the outer product of (1, 2, 1) with itself, divided by 16.",
        "padded = F.pad(x, (1, 1, 1, 1), mode='replicate'); blur by adding three shifted slices (weights 1/4, 1/2, 1/4) along each direction; return blurred[..., ::2, ::2]",
    ],
)

# %% [markdown]
# The paper's pooling is *rect-2*, the mean of two by two. The next smoother one of Zhang (2019, arXiv 1904.11486) is *triangle-3*: at each place, the weights 1/4, 1/2, 1/4 along the rows and the same down the columns;
# then every second place is kept, the first one included.
#
# `x` is (B, C, H, W); H and W may be odd. Each channel is blurred by itself. At the border, the edge value is repeated. Return (B, C, H/2, W/2), halves rounded up. Let the gradient flow.

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
# hint: The triangle is three pixels wide and centred on the one that is kept.
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
    minutes=15,
    difficulty="hard",
    goal="Write the end of the paper's ResNet, and know who asks and who answers.",
    hints=[
        "Make the tokens first: places as (B, places, C), their mean in front, then the positions. Only token 0 asks; all tokens answer, the mean too.",
        "Heads are runs of neighbouring channels: C = heads * D. softmax(q k^T / sqrt(D)) over the tokens, per head. A weight is applied as nn.Linear does: x @ w.T.",
        "q = (tokens[:, :1] @ wq.T).unflatten(-1, (heads, -1)).transpose(1, 2) gives (B, heads, 1, D); k and v likewise from all tokens; join the heads at the end with flatten(1).",
    ],
)

# %% [markdown]
# `grid` is a feature map (B, C, H, W), H and W not always equal. `position` is (H*W + 1, C): the first row belongs to the mean, the others to the places, row by row. `wq`, `wk`, `wv` are (C, C), used as `nn.Linear` uses its weight, without biases. Let the gradient flow.
#
# 1. tokens: the mean over all places, then the places; add `position`;
# 2. the first token asks; all tokens, the mean included, answer;
# 3. per head: softmax of the scaled scores, weighted sum of the values;
# 4. join the heads in their order. Return (B, C). (The library's projection to the embedding would follow.)

# %%
def attention_pool(
    grid: torch.Tensor, position: torch.Tensor, wq: torch.Tensor, wk: torch.Tensor, wv: torch.Tensor, heads: int
) -> torch.Tensor:
    """(B, C, H, W) -> (B, C)."""
    ### BEGIN SOLUTION
    places = grid.flatten(2).transpose(1, 2)  # (B, H*W, C)
    tokens = torch.cat([places.mean(dim=1, keepdim=True), places], dim=1) + position
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

# %% the mean is not among the tokens that answer tags=["wrong"]
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
# hint: nn.Linear computes x @ weight.T.
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

# %% every token asks and the answers are averaged tags=["wrong"]
# hint: Only one question is needed: whose?
def attention_pool(grid, position, wq, wk, wv, heads):
    places = grid.flatten(2).transpose(1, 2)
    tokens = torch.cat([places.mean(dim=1, keepdim=True), places], dim=1) + position
    q, k, v = ((tokens @ w.T).unflatten(-1, (heads, -1)).transpose(1, 2) for w in (wq, wk, wv))
    weights = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(dim=-1)
    return (weights @ v).transpose(1, 2).flatten(2).mean(dim=1)

# %% tags=["exercise"]
EXERCISE = dict(
    id="02.6",
    title="Which tower minds a shift?",
    kind="investigate",
    points=4,
    minutes=15,
    difficulty="hard",
    goal="Measure a property of a network, with a comparison that makes the number mean something.",
    hints=[
        "A cosine of 0.98 says nothing alone: how similar are two *different* pictures to this tower?",
        "Vary one thing: the shift, or the tower, or whether it is trained. Try shifts of 1 to 8 pixels; the patch of `laptop_vit` is 8 pixels wide.",
    ],
)

# %% [markdown]
# Move pictures by a few pixels and compare each with itself, as a tower sees it. Which of the towers below changes its mind least: an untrained ResNet, an untrained ViT, or the trained tower that comes with the course? Is any shift special?
# Report in at most ten lines and one figure or table. The cell gives you a start.

# %%
from clipedu.models import build
from clipedu.pairs import held_out_pairs, to_model, to_pictures
from clipedu.training import load_pretrained

pictures = to_pictures(held_out_pairs("lucide").rgba[::20])
towers = {name: build(name, seed=0).eval() for name in ("laptop_deep", "laptop_vit")}
towers["trained"] = load_pretrained()[0]

def move(pictures: torch.Tensor, right: int) -> torch.Tensor:
    """The pictures, some pixels to the right; white comes in from the left."""
    return F.pad(pictures, (right, 0), value=1.0)[..., : pictures.shape[-1]]

@torch.no_grad()
def agreement(tower: torch.nn.Module, a: torch.Tensor, b: torch.Tensor) -> float:
    """The mean cosine of the embeddings of a[i] and b[i]."""
    one, two = (tower.encode_image(to_model(x), normalize=True) for x in (a, b))
    return (one * two).sum(dim=1).mean().item()

for name, tower in towers.items():
    print(f"{name:11} moved by 2 px {agreement(tower, pictures, move(pictures, 2)):.2f}")

# %% [markdown] tags=["answer"]
# **What was varied:** the tower and the shift (1 to 8 pixels), on the same pictures. **Baseline:** the mean cosine of each picture with the *next* one, `agreement(tower, pictures, pictures.roll(1, 0))`.
#
# **Seen:** both untrained towers give cosines close to 1 for every shift, and the untrained ResNet is the highest. Read alone, that looks like great stability. But two different pictures also have a cosine close to 1 for it: it hardly tells pictures apart, so it cannot tell shifts apart either.
# What counts is the distance relative to the baseline, (1 - cosine of the moved) / (1 - cosine of another picture): 0 when the shift is not noticed, 1 when the moved picture is as strange as another one.
# On that scale the trained tower is by far the steadiest: it separates different pictures widely and keeps a moved one near; its distance grows slowly with the shift.
# The untrained ViT has a special shift. It is disturbed most at about 4 pixels, half a patch, where a moved picture is nearly as strange to it as another one, and little at 8, a whole patch: then the same patches come back, one place further. For the untrained ResNet no shift is special: its first convolution skips nothing, and it minds a shift of 8 more than all smaller ones.
#
# **What could be wrong:** icons have white margins, so small shifts move little; at 8 pixels some strokes leave the picture, which is more than a shift. The trained tower was augmented with small shifts, so its architecture alone doesn't explain it. One seed for each untrained tower.

# %% [markdown] tags=["rubric"]
# * 1 point: one thing is varied at a time, and it is said which.
# * 1 point: a figure or table with several shifts and units (pixels, cosine).
# * 1 point: a baseline that gives the cosine a meaning (different pictures, or ranks of neighbours); without it no conclusion about stability.
# * 1 point: one thing that could make the conclusion wrong (margins, cut strokes, augmentation, one seed, few pictures).
