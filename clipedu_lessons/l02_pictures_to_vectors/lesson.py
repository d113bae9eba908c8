# %% [markdown]
# # 02 · Pictures to vectors
#
# **How does a picture become a vector?**
#
# About 55 minutes to read and do; about a minute to run on two CPU cores.
# Rebuilds the image encoders of section 2.4 of Radford et al. 2021 (arXiv 2103.00020), counts them against the compute axis of its Figure 9, and looks inside.
#
# An image tower takes a picture in and gives one list of numbers out. The paper trains two kinds: Vision Transformers (ViT, sections 2 to 4) and residual networks (ResNet, sections 5 to 8). The figure below shows one picture on both ways.

# %%
import inspect

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from tqdm import tqdm

from clipedu.models import PRESETS, build, count_flops, count_parameters
from clipedu.models.resnet import AttentionPool2d
from clipedu.pairs import held_out_pairs, to_model, to_pictures
from clipedu.plots import picture_grid, show, use_style
from clipedu.training import load_pretrained
from clipedu_lessons.l02_pictures_to_vectors.picture_path import picture_path
from clipedu_lessons.l02_pictures_to_vectors.picture_path import picture_path_figure

# %%
model, tokenizer, card = load_pretrained()  # shipped with the course
held_out = held_out_pairs()  # three families that it has never seen
icons = enumerate(held_out.icons)
row = {(icon.family, icon.style, icon.name): i for i, icon in icons}
names = ["house", "anchor", "bell", "bike", "umbrella"]
rows = [row["lucide", "line", name] for name in names]
pictures = to_pictures(held_out.rgba[rows])  # (5, 3, 32, 32)
show(
    picture_path_figure(picture_path(model, pictures[0]), patch=8),
    "One picture of a house on two ways to a vector: a ViT cuts it into "
    "16 square patches; a ResNet filters it into small maps (channels), "
    "each dark in other places, for example where there is an edge. "
    "Below, the vector, drawn as a strip of grey bars.",
)

# %% [markdown]
# **At the end you can**
#
# * cut a picture into patches, and say which mistake cuts it into stripes instead;
# * follow the shapes through a Vision Transformer and a ResNet, block by block;
# * show why skipping pixels makes a network see a picture flicker, and what a blur does about it;
# * work out attention pooling on paper and say what a plain mean loses;
# * count parameters and multiply-adds, and get the paper's numbers;
# * say what a tower sees before it has learned anything.
#
# You need Python and a little PyTorch. Attention is introduced in [lesson 01, words to vectors](01_words_to_vectors.ipynb).
#
# ## 1. A picture is numbers already
#
# A sentence had to be turned into numbers first. A picture is a block of numbers: a **channel** each for red, green and blue, and in each channel one number per pixel, from 0 (none of this light) to 1 (all of it).
# PyTorch's order is (batch, channel, row, column): the first row is the top one.
#
# The towers of this course see the numbers moved to -1..1, so that they are centred on 0; `to_model` does it.
# (The paper's do the same with the mean and spread of each channel over its photographs.)

# %% tags=["nbval-check-output"]
ready = to_model(pictures)
for name, x in (("pictures", pictures), ("to_model", ready)):
    ends = f"from {x.min():.0f} to {x.max():.0f}"
    print(f"{name}  {tuple(x.shape)} {x.dtype} {ends}")
print("numbers in one picture:", pictures[0].numel())

# %% [markdown]
# So why not hand these 3,072 numbers to the loss as the vector? Because they say what colour a *place* has. Move the house by two pixels, and nearly every stroke stands at another place.
#
# **Predict:** the cosine similarity of two pictures is 1 when they are equal. How similar, in pixels, is the house to itself moved by two pixels? And to the anchor? Then run.

# %% tags=["nbval-check-output"]
def moved(pictures, right):
    """The pictures, pixels to the right; white comes in from the left."""
    return F.pad(pictures, (right, 0), value=1.0)[..., :32]

def cosine(a, b):
    a, b = to_model(a).flatten(), to_model(b).flatten()
    return F.cosine_similarity(a, b, dim=0).item()

house, anchor = pictures[0], pictures[1]
twin = moved(house, 2)
print(f"house and itself                 {cosine(house, house):.2f}")
print(f"house and itself, moved by 2 px  {cosine(house, twin):.2f}")
print(f"house and anchor                 {cosine(house, anchor):.2f}")

# %% [markdown]
# To the pixels, the moved house is about as strange as another thing altogether. A useful vector must change little when the picture moves and much when the thing changes.
# That is what a tower is for.
#
# ## 2. Patches by hand
#
# The first kind of tower, the **Vision Transformer** (ViT; Dosovitskiy et al. 2020, arXiv 2010.11929), turns the picture into a sentence: it cuts it into squares, **patches**, and treats each as a word.
#
# Take a grey picture of 4 x 4 pixels whose values are 0 to 15, and patches of 2 x 2. **Predict:** which four numbers are in the first patch? Write them down, then run.

# %% tags=["nbval-check-output"]
tiny = torch.arange(16).view(4, 4)
print(tiny, "\n")
for y in (0, 2):
    for x in (0, 2):
        patch = tiny[y : y + 2, x : x + 2].flatten().tolist()
        print(f"patch at row {y}, column {x}: {patch}")

# %% [markdown]
# The first patch is 0, 1, 4, 5: it takes two numbers from the first row and two from the second. In memory the 16 numbers lie row after row, so a patch is *not* four neighbours in memory.
#
# That is where the most common mistake sits. `picture.reshape(4, 4)` also gives four groups of four numbers, without any error. **Predict:** what do its groups look like on a real picture?

# %%
def squares(picture, p):
    """(3, R, R) -> (patches, 3, p, p), left to right, then downwards."""
    rows = [picture[:, y : y + p] for y in range(0, len(picture[0]), p)]
    return torch.cat([torch.stack(row.split(p, dim=2)) for row in rows])

right, wrong = squares(house, 8), house.reshape(16, 3, 8, 8)
words = "Cut into sixteen squares: the tip of the roof is in 1 and 2, "
words += "the door in 5, 6, 9, 10, 13 and 14; most of 0 and 3 is paper."
titles = [f"patch {i}" for i in range(16)]
show(picture_grid(right, titles, columns=4), words)
words = "The same numbers grouped by reshape: stripes and colours, no "
words += "square of the house; a group is six whole rows, nearly always "
words += "of one channel."
titles = [f"group {i}" for i in range(16)]
show(picture_grid(wrong, titles), words)

# %% [markdown]
# The second version has the right shape and gives no error; a network would train on it. But a group is no longer a square of the picture. It is six whole rows, nearly always of one channel; every two rows are folded to 8 x 8, and the three squares are taken for red, green and blue. One strip of colour noise looks much like another. Shapes alone don't show such a bug: **look at what you feed.**
#
# Now each patch of 3 x 8 x 8 = 192 numbers is multiplied by one matrix, the same for all patches, to become a vector of the tower's **width**. `Linear` would do; the library writes it as a convolution whose step is as long as its window.
# Both are the same:

# %% tags=["nbval-check-output"]
vit = build("laptop_vit", seed=0).eval()
conv1 = vit.visual.conv1
print(conv1)
matrix = conv1.weight.flatten(1).T  # (192, 192)
by_hand = squares(ready[0], 8).flatten(1) @ matrix  # (16, 192)
library = conv1(ready[:1]).flatten(2).transpose(1, 2)[0]  # (16, 192)

def same(one, other):
    return torch.allclose(one, other, atol=1e-4)

print("patches, then a matrix:", tuple(by_hand.shape))
print("the same as the convolution:", same(by_hand, library))

# %% [markdown]
# ## 3. Where was each patch?
#
# A transformer block without positions treats its tokens as a bag: shuffle them, and the outputs are the same, shuffled. A picture whose patches are shuffled is another picture, so each place gets a learned vector, added to the patch that stands there (the **positional embedding**).
#
# And the tower must end in *one* vector. Lesson 01 read it at the last token, EOT. A picture has no last word; the ViT puts an extra token in front, the **class token**, learned and equal for all pictures. It looks at the patches, and is read at the end.
#
# **Predict:** we shuffle the patches. Does the ViT's output change (a) as it is, (b) with the positional embedding set to zero?

# %% tags=["nbval-check-output"]
@torch.no_grad()
def embed(tower, patches):
    """(16, W) patch vectors -> (E,): the second half of the ViT"""
    x = torch.cat([tower.class_embedding[None], patches])  # (1 + 16, W)
    x = tower.ln_pre(x + tower.positional_embedding)
    x = tower.transformer(x[None])[0]
    return tower.ln_post(x[0]) @ tower.proj  # only the class token

order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
library, tower = vit.encode_image(ready[:1])[0], vit.visual
print("equal to the library:", same(embed(tower, by_hand), library))
for positions in ("with", "without"):
    ours, mixed = embed(tower, by_hand), embed(tower, by_hand[order])
    print(f"{positions} positions, order is lost:", same(ours, mixed))
    tower.positional_embedding.data.zero_()

# %% [markdown]
# Without positions the ViT sees a bag of patches, as the CBOW tower of lesson 01 sees a bag of words. Note `ln_pre`: normalising the sum of patch and position before the first block is the one layer that the paper adds to the ViT (section 2.4; it also starts from slightly different random weights).
#
# ## 4. The ViT, block by block
#
# The blocks are those of the text tower, without the mask: a word may not look at later words, a patch may look at every patch. Here is one in the library:

# %%
vit = build("laptop_vit", seed=0).eval()  # anew: positions were erased
block = vit.visual.transformer.resblocks[0]
print(inspect.getsource(type(block).forward))

# %% [markdown]
# Attention moves information between places; the MLP works on each place alone. Both are *added* to the stream `x`, whose shape never changes. **Predict** the shape after each step, for a batch of five pictures, then run.

# %% tags=["nbval-check-output"]
tower = vit.visual
with torch.no_grad():
    x = tower.conv1(ready)
    print("conv1                    ", tuple(x.shape))
    x = x.flatten(2).transpose(1, 2)
    print("a sentence of patches    ", tuple(x.shape))
    x = torch.cat([tower.class_embedding.expand(5, 1, -1), x], dim=1)
    x = tower.ln_pre(x + tower.positional_embedding)
    print("class token and positions", tuple(x.shape))
    for i, block in enumerate(tower.transformer.resblocks):
        x = block(x)
        print(f"block {i}                  ", tuple(x.shape))
    x = tower.ln_post(x[:, 0]) @ tower.proj
    print("class token, projected   ", tuple(x.shape))
print("equal to the library:", same(x, vit.encode_image(ready)))

# %% [markdown]
# ### What a smaller patch costs
#
# The paper names its ViTs by size and patch: B/32, B/16, L/14. B and L are a *base* and a *large* network; the number is the side of a patch in pixels. Halve the patch and there are four times as many of them. In attention every token meets every token, so those pairs grow sixteen-fold.

# %% tags=["nbval-check-output"]
counted = {}  # kept for section 9
print("model            tokens   pairs of tokens  billion multiply-adds")
for name in ("ViT-B/32", "ViT-B/16", "ViT-L/14", "ViT-L/14@336px"):
    vision = PRESETS[name].vision
    tokens = (vision.resolution // vision.patch) ** 2 + 1
    counted[name] = count_flops(PRESETS[name])["visual"]
    work = counted[name] / 1e9
    print(f"{name:14} {tokens:8} {tokens**2:17,} {work:12.1f}")

# %% [markdown]
# From B/32 to B/16 the pairs grow 15.5-fold (the class token stays one), the whole cost 4-fold: most of the work is in the matrices that every token passes through, and these grow with the number of tokens only. At 336 px the pairs begin to be felt: 2.25 times the tokens cost 2.36 times the work.
#
# ## 5. Convolution: one small window, everywhere
#
# The other kind of tower is older. A **convolution** slides a small window of weights over the picture and writes down, at each place, the sum of weight times pixel. By hand, on one row, with the weights -1 and 1:

# %% tags=["nbval-check-output"]
line = torch.tensor([0.0, 0, 1, 1, 1, 0, 0])
window = torch.tensor([-1.0, 1])
library = F.conv1d(line[None, None], window[None, None])[0, 0]
print("row      ", [int(v) for v in line])
print("by hand  ", [int(line[i + 1] - line[i]) for i in range(6)])
print("library  ", [int(v) for v in library])

# %% [markdown]
# It finds edges: 1 where the row goes up, -1 where it goes down, 0 elsewhere. A network learns its windows; here are two chosen by hand, on the pictures.

# %%
across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
windows = torch.stack([across, across.T])[:, None]  # (2, 1 channel, 3, 3)
grey = pictures.mean(dim=1, keepdim=True)  # (5, 1, 32, 32)
maps = F.conv2d(grey, windows).abs()  # (5, 2, 30, 30)
maps = (1 - maps / maps.max()).transpose(0, 1).reshape(10, 1, 30, 30)
titles = [f"{name}: {k}" for k in ("upright", "level") for name in names]
show(
    picture_grid(maps.expand(-1, 3, -1, -1), titles, columns=5),
    "Five pictures under two windows of 3 x 3, dark for a strong answer. "
    "The first row answers at upright edges, the walls of the house; the "
    "second at level ones, its floor.",
)

# %% [markdown]
# Two things follow from using one window everywhere:
#
# * few weights: a 3 x 3 window has 9, whatever the size of the picture;
# * **equivariance**: when the picture moves by a pixel, the map moves by a pixel. Nothing has to be learned anew for another place.

# %% tags=["nbval-check-output"]
map_of = F.conv2d(grey, windows)
map_of_moved = F.conv2d(moved(grey, 1), windows)
equal = same(map_of_moved[..., 2:], map_of[..., 1:-1])
print("map of the moved picture = moved map:", equal)

# %% [markdown]
# ## 6. Making it smaller without skipping
#
# A map of 224 x 224 places is too much; a ResNet halves it again and again, so that a window sees ever more of the picture. The usual way is a step of two, a **stride**: compute every second place and skip the others.
#
# By hand, on a row of stripes. **Predict:** what is left when you keep every second number, before and after moving the row by one?

# %% tags=["nbval-check-output"]
stripes = torch.tensor([0, 1, 0, 1, 0, 1, 0, 1.0])
after = torch.tensor([1, 0, 1, 0, 1, 0, 1, 0.0])
for name, r in (("stripes", stripes), ("moved by one", after)):
    means = r.view(4, 2).mean(dim=1)
    kept = [int(v) for v in r[::2]]
    print(f"{name:12} {[int(v) for v in r]}")
    print(f"   every second {kept}, mean of two {means.tolist()}")

# %% [markdown]
# Every second number: all black or all white, from the same stripes. This is **aliasing**: detail finer than the step doesn't vanish, it turns into something false.
# The mean of two, a small blur, says "grey" both times. Detail is lost either way; the blur puts nothing false in its place.
#
# Here it is on the house, shrunk by 4. The **ink** is the darkness of the small picture, as a share of the large one's.

# %%
from clipedu_lessons.l02_pictures_to_vectors.shift import ink_by_shift, shift_and_shrink
from clipedu_lessons.l02_pictures_to_vectors.shift import ShiftExplorer, shift_strip

series = ink_by_shift(pictures[0], factor=4)
show(
    shift_strip(series),
    "The house moved by 0 to 4 pixels, shrunk in two ways. Keeping every "
    "4th pixel makes lines thick, thin or missing from one shift to the "
    "next; the mean of 4 x 4 is a soft grey house each time, always with "
    "all of its ink, though not always with its door.",
)

# %% [markdown]
# Try it: move a picture pixel by pixel with the arrow keys. At which shifts does a line vanish? What happens at 8? (The widget needs a running notebook; the figure above shows five of its states.)

# %%
ShiftExplorer(dict(zip(names, pictures)))

# %% [markdown]
# One house is an anecdote. Here are fifty pictures of the Lucide family: how far apart are the largest and the smallest share of ink over four shifts?

# %% tags=["nbval-check-output"]
lucide = [r for (family, _, _), r in row.items() if family == "lucide"]
swings = {"every 4th pixel": [], "mean of 4 x 4": []}
for picture in to_pictures(held_out.rgba[lucide[::32][:50]]):
    one = [shift_and_shrink(picture, shift) for shift in range(4)]
    plain = [s.plain_ink for s in one]
    pooled = [s.pooled_ink for s in one]
    swings["every 4th pixel"].append(max(plain) - min(plain))
    swings["mean of 4 x 4"].append(max(pooled) - min(pooled))
print("largest ink less smallest, in the median picture:")
for way, values in swings.items():
    print(f"  {way:16} {torch.tensor(values).median():.0%}")

# %% [markdown]
# So the paper's ResNet halves by average pooling, which skips nothing: "antialiased rect-2 blur pooling from Zhang (2019)" (section 2.4; arXiv 1904.11486). *Rect-2* is the mean of two by two.
# In exercise 02.4 you write the next smoother one.
#
# It is not a cure: a network of many layers with ReLUs between them still notices shifts, only less.
#
# ## 7. The ModifiedResNet
#
# A **residual block** computes a correction and adds it to its input (He et al. 2015, arXiv 1512.03385). The paper's block is a *bottleneck*: one window of 1 x 1 to few channels, one of 3 x 3, one of 1 x 1 to four times as many.

# %%
from clipedu.models.resnet import Bottleneck

print(inspect.getsource(Bottleneck.forward))

# %% [markdown]
# `bn` is batch normalisation: it brings each channel to mean 0 and spread 1 over the batch, then scales and shifts it. The last one's scale starts at zero, and so does every shift. **Predict:** what does a new block do to its input, before any training?

# %% tags=["nbval-check-output"]
block = Bottleneck(inputs=256, planes=64).eval()  # planes: the few
chance = torch.Generator().manual_seed(0)
x = torch.rand(2, 256, 8, 8, generator=chance)
last = block.bn3.weight.abs().max().item()
print("scale of the last batch norm:", last)
with torch.no_grad():
    print("a new block returns its input:", torch.equal(block(x), x))

# %% [markdown]
# Nothing: it starts as its shortcut (the last ReLU finds no negative numbers here, as in the network, where a ReLU stands before each block), so that a deep network begins as a shallow one and each block learns what it can add. (You will meet the consequence in section 10.)
#
# The paper changes the ResNet in three places: a **stem** of three 3 x 3 convolutions instead of one of 7 x 7, the pooling of section 6, and **attention pooling** at the end. Follow the shapes through RN50, and through our small one. Nothing is computed: PyTorch's *meta* device knows shapes only.

# %% tags=["nbval-check-output"]
def print_shapes(preset):
    side = PRESETS[preset].vision.resolution
    with torch.device("meta"):
        x, tower = torch.empty(1, 3, side, side), build(preset).visual
    print(f"{preset}\n   picture  {tuple(x.shape[1:])}")
    for name in ("conv1", "avgpool", *tower.stages, "attnpool"):
        if hasattr(tower, name):
            def say(layer, inputs, out, name=name):
                print(f"   {name:8} {tuple(out.shape[1:])}")
            getattr(tower, name).register_forward_hook(say)
    tower.eval()(x)

print_shapes("RN50")
print_shapes("laptop_deep")

# %% [markdown]
# RN50 shrinks the side by 32 in five halvings; our 32-pixel pictures would be gone, so the tower of our shipped checkpoint, `laptop_deep`, halves three times. Each place of RN50's last map stands for 32 x 32 pixels and has 2,048 channels.
#
# An honest difference: ours has a stem of one convolution and the smaller *basic* block, and takes a stride of two at the start of its later stages; only its shortcuts pool. At this size the saved time bought more than the stability did. RN50 and its kin here are the paper's, with pooling everywhere but in the very first convolution.
#
# ## 8. One vector from a map: attention pooling
#
# The usual end of a ResNet is the mean over all places. By hand: a map of 2 x 2 places with two channels. Three places are empty, (0, 0); one holds the object, (4, 8).
#
# The mean is (1, 2). Now put the same object in a map of 3 x 3. **Predict** the mean. Does the vector say more about the object, or about the empty paper around it?
#
# Attention pooling lets the mean *ask*, and takes more from the places that fit the question. First without the learned matrices, so that query, key and value are the token itself:
#
# 1. tokens: the mean itself, then every position;
# 2. score of a token: its dot product with the mean, divided by the square root of the number of channels;
# 3. weights: softmax of the scores; the answer is the weighted sum of the tokens.

# %% tags=["nbval-check-output"]
for side in (2, 3):
    places = torch.zeros(side * side, 2)
    places[-1] = torch.tensor([4.0, 8.0])
    mean = places.mean(dim=0)
    tokens = torch.cat([mean[None], places])
    scores = tokens @ mean / 2**0.5
    weights = scores.softmax(dim=0)
    pooled = weights @ tokens
    print(f"{side} x {side}: mean ({mean[0]:.2f}, {mean[1]:.2f})")
    first, empty, thing = scores[0], scores[1], scores[-1]
    print(f"   scores: mean {first:.2f}, empty {empty:.2f}", end=", ")
    print(f"object {thing:.2f}")
    print(f"   attention on the object {weights[-1]:.2f}", end=", ")
    print(f"pooled ({pooled[0]:.2f}, {pooled[1]:.2f})")

# %% [markdown]
# The mean dilutes the object by the paper around it. Attention pooling keeps nearly all of it, in both maps.
#
# In the tower, queries, keys and values go through learned matrices and each place has a positional embedding. With one head that is ten lines; the library adds heads, and exercise 02.5 is yours.

# %% tags=["nbval-check-output"]
pool = AttentionPool2d(side=4, width=64, heads=1, embed_dim=32).eval()
chance = torch.Generator().manual_seed(1)
grid = torch.randn(5, 64, 4, 4, generator=chance)

def pool_by_hand(pool, grid):
    places = grid.flatten(2).transpose(1, 2)  # (5, 16, 64)
    tokens = torch.cat([places.mean(dim=1, keepdim=True), places], dim=1)
    tokens = tokens + pool.positional_embedding  # (5, 17, 64)
    question = pool.q_proj(tokens[:, :1])  # (5, 1, 64): the mean asks
    scores = question @ pool.k_proj(tokens).transpose(1, 2) / 64**0.5
    answer = scores.softmax(dim=-1) @ pool.v_proj(tokens)  # (5, 1, 64)
    return pool.c_proj(answer[:, 0])  # (5, 32)
print("equal to the library:", same(pool_by_hand(pool, grid), pool(grid)))

# %% [markdown]
# The mean has a second weakness: it is a bag of places. Shuffle the places of the map, and the mean stays. **Predict:** does the result of attention pooling stay too?

# %% tags=["nbval-check-output"]
order = torch.randperm(16, generator=torch.Generator().manual_seed(2))
with torch.no_grad():
    grid = model.visual.feature_map(ready)  # (5, 256, 4, 4), trained
    mixed = grid.flatten(2)[:, :, order].view_as(grid)
    pooled = model.visual.attnpool(grid), model.visual.attnpool(mixed)
means = grid.mean((2, 3)), mixed.mean((2, 3))
print("mean pooling, same:     ", torch.allclose(*means, atol=1e-5))
print("attention pooling, same:", torch.allclose(*pooled, atol=1e-3))

# %% [markdown]
# It does not: each place has its positional embedding, so the pooling is told where a thing stands.
#
# ## 9. Counting
#
# **Parameters** are the numbers that are learned; **multiply-adds** are the work for one picture. By hand, for a 3 x 3 convolution from 64 to 128 channels on a map of 8 x 8 places:

# %% tags=["nbval-check-output"]
conv = model.visual.layer3[0].conv1
print("weights (out, in, window):", tuple(conv.weight.shape))
parameters = 3 * 3 * 64 * 128
print(f"parameters: 3 * 3 * 64 * 128 = {parameters:,}", end="; ")
print(f"counted {count_parameters(conv):,}")
print(f"multiply-adds: at each of 8 * 8 places: {parameters * 64:,}")

# %% [markdown]
# A convolution uses each weight at every place: a small share of the parameters can be a large share of the work. Where is which, in RN50?

# %% tags=["nbval-check-output"]
with torch.device("meta"):
    tower = build("RN50").visual
work = count_flops(PRESETS["RN50"])
total = count_parameters(tower)
print("          blocks  parameters  multiply-adds")
for name in ("layer1", "layer2", "layer3", "layer4", "attnpool"):
    part = tower.get_submodule(name)
    blocks = len(part) if name.startswith("layer") else ""
    share = count_parameters(part) / total
    labour = work["visual." + name] / work["visual"]
    print(f"{name:9} {blocks:>6}  {share:10.0%}  {labour:13.0%}")

# %% [markdown]
# `layer2` and `layer4` cost about the same work with very different numbers of parameters: from stage to stage the places are a quarter and the weights four times as many, so a block costs much the same in each, 4 to 7 % of the whole (divide by the number of blocks). The attention pooling holds as many parameters as `layer4` and little of the work.
#
# Now the nine models of the paper (Tables 19 and 20). Their compute is the axis of Figure 9, "GFLOPs" (billions), printed for the five ResNets. It takes some seconds.

# %%
printed = {"RN50": 6.1, "RN101": 9.9, "RN50x4": 21.5}  # paper, Figure 9
printed |= {"RN50x16": 75.3, "RN50x64": 265.9}
rows = {}
for name in tqdm([n for n in PRESETS if n.startswith(("RN", "ViT"))]):
    with torch.device("meta"):
        tower = build(name).visual
    if name not in counted:
        flops = count_flops(PRESETS[name], all_queries=True)
        counted[name] = flops["visual"]
    rows[name] = (count_parameters(tower), counted[name])

# %% tags=["nbval-check-output"]
print("image tower   parameters  10^9 multiply-adds  paper Fig 9  off by")
for name, (parameters, adds) in rows.items():
    line = f"{name:14} {parameters / 1e6:7.1f} M {adds / 1e9:19.1f}"
    if name in printed:
        off = adds / 1e9 / printed[name] - 1
        print(f"{line} {printed[name]:12} {off:7.1%}")
    else:
        print(f"{line}   not printed")
print(f"\nRN50 when only the mean asks: {work['visual'] / 1e9:.1f}")

# %% [markdown]
# Two things had to be found out to get there:
#
# * The paper's "GFLOPs" count a multiply and its add as **one**. Many tools count two, and give twice the number. When you compare two papers, ask which.
# * The ResNets' numbers are met when *every* place asks in the attention pooling (`all_queries`), though only the answer to the mean's question is kept. Our code computes only that one, and saves what the last line says.
#
# What is left, in the last column, we can't explain; the paper doesn't say how it counted. For the ViTs it prints no number.
#
# ## 10. What an untrained tower already sees
#
# Test for a vector: take names that two families both have, from Heroicons and Lucide, neither seen in training. For each Heroicons picture find the Lucide picture with the most similar vector. Is it the one of the same name?

# %% tags=["nbval-check-output"]
lucide, hero = {}, {}
for (family, style, name), i in row.items():
    if family == "lucide":
        lucide[name] = i
    elif (family, style) == ("heroicons", "solid"):
        hero[name] = i
shared = sorted(set(lucide) & set(hero))
gallery = to_pictures(held_out.rgba[[lucide[name] for name in shared]])
queries = to_pictures(held_out.rgba[[hero[name] for name in shared]])
chance = 1 / len(shared)
print(f"{len(shared)} names in both families; chance is {chance:.1%}")

# %% [markdown]
# **Predict**, in per cent, the share of right neighbours for: the raw pixels; a ResNet with random weights; a ViT with random weights; the trained tower. Which of the first three is best? Then run.

# %%
@torch.no_grad()
def right_share(vectors):
    """How often the nearest picture of the gallery has the same name."""
    a, b = (vectors(to_model(x)) for x in (queries, gallery))
    a, b = F.normalize(a, dim=1), F.normalize(b, dim=1)
    nearest = (a @ b.T).argmax(dim=1)
    right = nearest == torch.arange(len(a))
    return right.float().mean().item(), nearest

random_resnet = build("laptop_deep", seed=0).eval()
ways = {"raw pixels": lambda x: x.flatten(1)}
ways["ResNet, untrained"] = random_resnet.encode_image
ways["ViT, untrained"] = vit.encode_image
ways["our tower, trained"] = model.encode_image
share = {name: right_share(vectors)[0] for name, vectors in ways.items()}

# %%
use_style()
fig = Figure(figsize=(7, 2.6))
axes = fig.subplots()
percent = [100 * value for value in share.values()]
bars = axes.barh(list(share), percent, color="#56B4E9", edgecolor="black")
axes.bar_label(bars, fmt="%.0f %%", padding=3)
axes.axvline(100 * chance, color="black", linestyle=":")
axes.set_xlabel("right nearest neighbours (per cent; dotted: chance)")
axes.set_xlim(0, 105)
axes.invert_yaxis()
listed = ", ".join(f"{name} {value:.0%}" for name, value in share.items())
words = f"Bars: {listed}; chance is {chance:.0%}. Untrained towers stand "
show(fig, words + "between chance and the pixels.")

# %% tags=["nbval-check-output"]
pixels, resnet, random_vit, trained = share.values()
worse, better = sorted([resnet, random_vit])
print("untrained towers beat chance threefold:", worse > 3 * chance)
print("raw pixels beat both untrained towers: ", pixels > better)
print("the trained tower beats raw pixels:    ", trained > pixels)
print("mean cosine of two different pictures above 0.9:")
others = ~torch.eye(len(gallery), dtype=torch.bool)
for name, tower in (("untrained", random_resnet), ("trained", model)):
    with torch.no_grad():
        x = tower.encode_image(to_model(gallery), normalize=True)
    print(f"   {name:9}", bool((x @ x.T)[others].mean() > 0.9))

# %% [markdown]
# Random weights see *something*: similar pictures still get similar vectors, because a tower is a continuous function. But they see less than the pixels do: each random layer mixes and throws away.
# In the random ResNet the blocks start as their shortcuts (section 7), so it averages the picture again and again, down to 4 x 4 places. All its vectors are nearly the same one, too: the last lines compare any two pictures.
#
# The architecture doesn't see; it makes seeing learnable. What does the trained tower take for neighbours, right and wrong?

# %%
nearest = right_share(model.encode_image)[1].tolist()
hits = [i for i, j in enumerate(nearest) if i == j]
missed = [i for i, j in enumerate(nearest) if i != j]
chosen = hits[::20][:4] + missed[:4]
found = [nearest[i] for i in chosen]
shown = torch.cat([queries[chosen], gallery[found]])
titles = [shared[i] for i in chosen + found]
both = [f"{shared[i]} finds {shared[nearest[i]]}" for i in chosen]
listed = "; ".join(both)
show(
    picture_grid(shown, titles, title="asked for (above), found (below)"),
    f"Solid Heroicons above, the nearest Lucide picture below. {listed}.",
)

# %% [markdown]
# Look at the wrong ones: is the picture that was found near in shape, or in meaning? The tower learned from pictures *with words*, so either can bring two pictures together.
#
# ## 11. Where does attention pooling look?
#
# The weights of the pooling say from which places the vector was gathered. Each of the heads has its own; below is their mean, for the tower before and after training.

# %%
from clipedu_lessons.l02_pictures_to_vectors.picture_path import looking_figure, pooling_weights

before = pooling_weights(random_resnet, pictures).mean(dim=1)
after = pooling_weights(model, pictures).mean(dim=1)
words = "Before training: each of the 16 places gets about one part in "
show(looking_figure(pictures, before, names), words + "16, paper as ink.")
ends = f"between {after.min():.0%} and {after.max():.0%}"
words = f"After training: a place gets {ends} of the attention; which "
words += "places get most depends on the picture."
show(looking_figure(pictures, after, names), words)

# %% tags=["nbval-check-output"]
def contrast(weights):
    """Largest share over mean share, mean of the pictures; 1 is even."""
    flat = weights.flatten(1)
    return (flat.max(dim=1).values / flat.mean(dim=1)).mean()


print("before training nearly even:", bool(contrast(before) < 1.5))
uneven = bool(contrast(after) > contrast(before))
print("training makes it less even:", uneven)

# %% [markdown]
# Read such maps with care. They show from where the *last* step gathered; each place has already seen its neighbours through the convolutions, and the values that are gathered may be large or small. A map of weights is a hint, not an explanation.
#
# ## The answer
#
# How does a picture become a vector? It is cut into patches that look at one another, or filtered by windows and made smaller, in the paper nearly always by a mean that skips nothing; then one token asks, and the answer is projected. Measured in this run:

# %%
parameters = count_parameters(model.visual) / 1e6
adds = count_flops(model.config)["visual"] / 1e6
print(f"our trained tower: {parameters:.1f} M parameters,", end=" ")
print(f"{adds:.0f} M multiply-adds, {model.config.embed_dim} numbers out")
rn50 = rows["RN50"][0] / 1e6
print(f"the paper's RN50: {rn50:.1f} M parameters,", end=" ")
print(f"{work['visual'] / 1e6:,.0f} M multiply-adds")
print(f"finds the same thing, drawn by others ({len(shared)} names):")
for name, value in share.items():
    print(f"   {name:20} {value:.0%}")

# %% [markdown]
# The paper's towers are larger because photographs at 224 px hold more than icons at 32; the parts are the same. **On a GPU** nothing here changes but the time: `model.to("cuda")` and pictures on the same device.
#
# **Next:** [the exercises of this lesson](../exercises/02_pictures_to_vectors.ipynb), where you cut, count, blur and pool yourself. Then
# [lesson 03, the contrastive loss](03_the_contrastive_loss.ipynb): what teaches the two towers to agree.
