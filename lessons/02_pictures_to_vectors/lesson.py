# %% [markdown]
# # 02 · Pictures to vectors
#
# **How does a picture become a vector?**
#
# About 55 minutes to read and do; about a minute to run on two CPU cores.
# Rebuilds the image encoders of section 2.4 of Radford et al. 2021 (arXiv 2103.00020), counts them against the compute axis of its Figure 9, and looks inside.
#
# An image tower takes a picture in and gives one list of numbers out. The paper trains two kinds. The figure below shows one picture on both ways.

# %%
import inspect

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from tqdm.auto import tqdm

from clipedu.models import PRESETS, build, count_flops, count_parameters
from clipedu.models.resnet import AttentionPool2d
from clipedu.pairs import held_out_pairs, to_model, to_pictures
from clipedu.plots import picture_grid, show, use_style
from clipedu.training import load_pretrained

# %%
from clipedu.widgets.picture_path import picture_path, picture_path_figure

model, tokenizer, card = load_pretrained()  # trained before this lesson, shipped with the course
held_out = held_out_pairs()  # three families of icons that this model has never seen
row = {(icon.family, icon.style, icon.name): i for i, icon in enumerate(held_out.icons)}
names = ["house", "anchor", "bell", "bike", "umbrella"]
pictures = to_pictures(held_out.rgba[[row["lucide", "line", name] for name in names]])
show(
    picture_path_figure(picture_path(model, pictures[0]), patch=8),
    "One picture of a house on two ways to a vector: a ViT cuts it into 16 square patches; a ResNet filters it into small "
    "maps, each dark in other places, for example where there is an edge. Below, the vector, drawn as a strip of grey bars.",
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
print("pictures ", tuple(pictures.shape), pictures.dtype, f"from {pictures.min():.0f} to {pictures.max():.0f}")
ready = to_model(pictures)
print("to_model ", tuple(ready.shape), ready.dtype, f"from {ready.min():.0f} to {ready.max():.0f}")
print("numbers in one picture:", pictures[0].numel())

# %% [markdown]
# So why not hand these 3,072 numbers to the loss as the vector? Because they say what colour a *place* has. Move the house by two pixels, and nearly every stroke stands at another place.
#
# **Predict:** the cosine similarity of two pictures is 1 when they are equal. How similar, in pixels, is the house to itself moved by two pixels? And to the anchor? Then run.

# %% tags=["nbval-check-output"]
def moved(pictures, right):
    """The pictures, some pixels to the right; white comes in from the left."""
    return F.pad(pictures, (right, 0), value=1.0)[..., : pictures.shape[-1]]

def cosine(a, b):
    return F.cosine_similarity(to_model(a).flatten(), to_model(b).flatten(), dim=0)

house, anchor = pictures[0], pictures[1]
print(f"house and itself                 {cosine(house, house):.2f}")
print(f"house and itself, moved by 2 px  {cosine(house, moved(house, 2)):.2f}")
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
        print(f"patch at row {y}, column {x}:", tiny[y : y + 2, x : x + 2].flatten().tolist())

# %% [markdown]
# The first patch is 0, 1, 4, 5: it takes two numbers from the first row and two from the second. In memory the 16 numbers lie row after row, so a patch is *not* four neighbours in memory.
#
# That is where the most common mistake sits. `picture.reshape(4, 4)` also gives four groups of four numbers, without any error. **Predict:** what do its groups look like on a real picture?

# %%
def squares(picture, p):
    """(3, R, R) -> (patches, 3, p, p), left to right, then downwards."""
    starts = range(0, picture.shape[-1], p)
    return torch.stack([picture[:, y : y + p, x : x + p] for y in starts for x in starts])

right, wrong = squares(house, 8), house.reshape(16, 3, 8, 8)
show(picture_grid(right, [f"patch {i}" for i in range(16)], columns=4, title="cut into squares"),
     "Sixteen squares of the house in four rows: the tip of the roof is in patches 1 and 2, the door and the walls are below.")
show(picture_grid(wrong, [f"group {i}" for i in range(16)], title="reshape alone"),
     "The same numbers grouped by reshape alone: stripes and colours, no square of the picture, because each group mixes whole rows of one channel.")

# %% [markdown]
# The second version has the right shape and gives no error; a network would train on it. But a group no longer holds neighbours of the picture, and one strip of colour noise looks much like another. Shapes alone don't show such a bug: **look at what you feed.**
#
# Now each patch of 3 x 8 x 8 = 192 numbers is multiplied by one matrix, the same for all patches, to become a vector of the tower's **width**. `Linear` would do; the library writes it as a convolution whose step is as long as its window.
# Both are the same:

# %% tags=["nbval-check-output"]
vit = build("laptop_vit", seed=0).eval()
conv1 = vit.visual.conv1
print(conv1)
by_hand = squares(ready[0], 8).flatten(1) @ conv1.weight.flatten(1).T  # (16, 192) @ (192, 192)
library = conv1(ready[:1]).flatten(2).transpose(1, 2)[0]  # (16, 192)
print("patches, then a matrix:", tuple(by_hand.shape))
print("the same as the convolution:", torch.allclose(by_hand, library, atol=1e-5))

# %% [markdown]
# ## 3. Where was each patch?
#
# A transformer block without positions treats its tokens as a bag: shuffle them, and the outputs are the same, shuffled. A picture whose patches are shuffled is another picture, so each place gets a learned vector, added to the patch that stands there (the **positional embedding**).
#
# And the tower must end in *one* vector. Lesson 01 read it at the last token, EOT. A picture has no last word; the ViT puts an extra token in front, the **class token**, learned and equal for all pictures. It looks at the patches, and is read at the end.
#
# **Predict:** we shuffle the patches. Does the ViT's output change (a) as it is, (b) with the positional embedding set to zero?

# %% tags=["nbval-check-output"]
def embed(tower, patches):
    """(16, W) patch vectors -> (E,): the second half of the ViT, in the open."""
    x = torch.cat([tower.class_embedding[None], patches])  # (1 + 16, W)
    x = tower.ln_pre(x + tower.positional_embedding)
    x = tower.transformer(x[None])[0]
    return tower.ln_post(x[0]) @ tower.proj  # only the class token is read

shuffled = by_hand[torch.randperm(16, generator=torch.Generator().manual_seed(0))]
with torch.no_grad():
    print("equal to the library:   ", torch.allclose(embed(vit.visual, by_hand), vit.encode_image(ready[:1])[0], atol=1e-4))
    print("with positions, same:   ", torch.allclose(embed(vit.visual, by_hand), embed(vit.visual, shuffled), atol=1e-4))
    vit.visual.positional_embedding.zero_()
    print("without positions, same:", torch.allclose(embed(vit.visual, by_hand), embed(vit.visual, shuffled), atol=1e-4))

# %% [markdown]
# Without positions the ViT sees a bag of patches, as the CBOW tower of lesson 01 sees a bag of words. Note `ln_pre`: normalising the sum of patch and position before the first block is the one layer that the paper adds to the ViT (section 2.4; it also starts from slightly different random weights).
#
# ## 4. The ViT, block by block
#
# The blocks are those of the text tower, without the mask: a word may not look at later words, a patch may look at every patch. Here is one in the library:

# %%
vit = build("laptop_vit", seed=0).eval()  # anew: its positions were erased above
block = vit.visual.transformer.resblocks[0]
print(inspect.getsource(type(block).forward))

# %% [markdown]
# Attention moves information between places; the MLP works on each place alone. Both are *added* to the stream `x`, whose shape never changes. **Predict** the shape after each step, for a batch of five pictures, then run.

# %% tags=["nbval-check-output"]
with torch.no_grad():
    x = vit.visual.conv1(ready)
    print("conv1                    ", tuple(x.shape))
    x = x.flatten(2).transpose(1, 2)
    print("a sentence of patches    ", tuple(x.shape))
    x = torch.cat([vit.visual.class_embedding.expand(len(x), 1, -1), x], dim=1)
    x = vit.visual.ln_pre(x + vit.visual.positional_embedding)
    print("class token and positions", tuple(x.shape))
    for i, block in enumerate(vit.visual.transformer.resblocks):
        x = block(x)
        print(f"block {i}                  ", tuple(x.shape))
    x = vit.visual.ln_post(x[:, 0]) @ vit.visual.proj
    print("class token, projected   ", tuple(x.shape), "equal to the library:", torch.allclose(x, vit.encode_image(ready), atol=1e-4))

# %% [markdown]
# ### What a smaller patch costs
#
# The paper names its ViTs by patch size: B/32, B/16, L/14. Halve the patch and there are four times as many of them. In attention every token meets every token, so those pairs grow sixteen-fold.

# %% tags=["nbval-check-output"]
counted = {}  # kept for section 9
print("model            tokens    pairs of tokens   billion multiply-adds")
for name in ("ViT-B/32", "ViT-B/16", "ViT-L/14", "ViT-L/14@336px"):
    vision = PRESETS[name].vision
    tokens = (vision.resolution // vision.patch) ** 2 + 1
    counted[name] = count_flops(PRESETS[name])["visual"]
    print(f"{name:14} {tokens:8} {tokens**2:18,} {counted[name] / 1e9:12.1f}")

# %% [markdown]
# From B/32 to B/16 the pairs grow 15.5-fold, the whole cost 4-fold: most of the work is in the matrices that every token passes through, and these grow with the number of tokens only. At 336 px the pairs begin to be felt.
#
# ## 5. Convolution: one small window, everywhere
#
# The other kind of tower is older. A **convolution** slides a small window of weights over the picture and writes down, at each place, the sum of weight times pixel. By hand, on one row, with the weights -1 and 1:

# %% tags=["nbval-check-output"]
line = torch.tensor([0.0, 0, 1, 1, 1, 0, 0])
print("row      ", [int(v) for v in line])
print("by hand  ", [int(line[i + 1] - line[i]) for i in range(6)])
print("library  ", [int(v) for v in F.conv1d(line[None, None], torch.tensor([[[-1.0, 1.0]]]))[0, 0]])

# %% [markdown]
# It finds edges: 1 where the row goes up, -1 where it goes down, 0 elsewhere. A network learns its windows; here are two chosen by hand, on the pictures.

# %%
across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
windows = torch.stack([across, across.T])[:, None]  # (2 windows, 1 channel, 3, 3)
grey = pictures.mean(dim=1, keepdim=True)  # (5, 1, 32, 32)
maps = F.conv2d(grey, windows, padding=1)[:, :, 1:-1, 1:-1].abs()  # (5, 2, 30, 30)
maps = (1 - maps / maps.max()).repeat_interleave(3, dim=1).view(10, 3, 30, 30)
titles = [f"{name}: {what}" for name in names for what in ("upright", "level")]
show(picture_grid(maps, titles, columns=10, title="two windows of 3 x 3 (dark: a strong answer)"),
     "Five pictures, each under two windows: one answers at upright edges, the walls of the house, the other at level ones, its floor.")

# %% [markdown]
# Two things follow from using one window everywhere:
#
# * few weights: a 3 x 3 window has 9, whatever the size of the picture;
# * **equivariance**: when the picture moves by a pixel, the map moves by a pixel. Nothing has to be learned anew for another place.

# %% tags=["nbval-check-output"]
first = F.conv2d(grey, windows)
second = F.conv2d(moved(grey, 1), windows)
print("map of the moved picture = moved map:", torch.allclose(second[..., 2:], first[..., 1:-1], atol=1e-6))

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
    print(f"{name:12} {[int(v) for v in r]}")
    print(f"   every second {[int(v) for v in r[::2]]}, mean of two {means.tolist()}")

# %% [markdown]
# Every second number: all black or all white, from the same stripes. This is **aliasing**: detail finer than the step doesn't vanish, it turns into something false.
# The mean of two, a small blur, says "grey" both times. Detail is lost either way; the blur puts nothing false in its place.
#
# Here it is on the house, shrunk by 4. The **ink** is the darkness of the small picture, as a share of the large one's.

# %%
from clipedu.widgets.shift import ink_by_shift, shift_and_shrink, shift_explorer, shift_strip

series = ink_by_shift(pictures[0], factor=4)
show(shift_strip(series),
     "The house moved by 0 to 4 pixels, shrunk in two ways. Keeping every 4th pixel makes lines thick, thin or missing from one shift to the next; "
     "the mean of 4 x 4 is a soft grey house each time, always with all of its ink, though not always with its door.")

# %% [markdown]
# Try it: move a picture pixel by pixel with the arrow keys. At which shifts does a line vanish? What happens at 8? (The widget needs a running notebook; the figure above shows five of its states.)

# %%
shift_explorer(dict(zip(names, pictures)))

# %% [markdown]
# One house is an anecdote. Here are fifty pictures of the Lucide family: how far apart are the largest and the smallest share of ink over four shifts?

# %% tags=["nbval-check-output"]
lucide = [i for i, icon in enumerate(held_out.icons) if icon.family == "lucide"][::32][:50]
swings = {"plain": [], "pooled": []}
for picture in to_pictures(held_out.rgba[lucide]):
    one = [shift_and_shrink(picture, shift) for shift in range(4)]
    swings["plain"].append(max(s.plain_ink for s in one) - min(s.plain_ink for s in one))
    swings["pooled"].append(max(s.pooled_ink for s in one) - min(s.pooled_ink for s in one))
median = {way: torch.tensor(values).median() for way, values in swings.items()}
print(f"every 4th pixel: the median picture's ink swings by {median['plain']:.0%} of itself")
print(f"mean of 4 x 4:   by {median['pooled']:.0%}")

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
# `bn` is batch normalisation: it brings each channel to mean 0 and spread 1 over the batch, then scales it. The last one's scale starts at zero. **Predict:** what does a new block do to its input, before any training?

# %% tags=["nbval-check-output"]
block = Bottleneck(inputs=256, planes=64).eval()  # 256 channels in, 4 * 64 = 256 out
x = torch.rand(2, 256, 8, 8, generator=torch.Generator().manual_seed(0))
with torch.no_grad():
    print("scale of the last batch norm:", block.bn3.weight.abs().max().item())
    print("a new block returns its input:", torch.equal(block(x), x))

# %% [markdown]
# Nothing: it starts as its shortcut, so that a deep network begins as a shallow one and each block learns what it can add. (You will meet the consequence in section 10.)
#
# The paper changes the ResNet in three places: a **stem** of three 3 x 3 convolutions instead of one of 7 x 7, the pooling of section 6, and **attention pooling** at the end. Follow the shapes through RN50, and through our small one. Nothing is computed: PyTorch's *meta* device knows shapes only.

# %% tags=["nbval-check-output"]
def shapes(preset):
    with torch.device("meta"):
        tower = build(preset).visual.eval()
        side = PRESETS[preset].vision.resolution
        lines, x = [], torch.empty(1, 3, side, side)
    hooks = [tower.get_submodule(name).register_forward_hook(
        lambda _m, _i, out, name=name: lines.append(f"{name:8} {tuple(out.shape[1:])}"))
        for name in ("conv1", "avgpool", *tower.stages, "attnpool") if hasattr(tower, name)]
    tower(x)
    return [f"picture  {tuple(x.shape[1:])}", *lines]

for preset in ("RN50", "laptop"):
    print(preset, *shapes(preset), sep="\n   ")

# %% [markdown]
# RN50 shrinks the side by 32 in five halvings; our 32-pixel pictures would be gone, so the `laptop` tower halves three times. Each place of RN50's last map stands for 32 x 32 pixels and has 2,048 channels.
#
# An honest difference: the laptop tower has the smaller *basic* block, and takes a stride of two in its first convolution and in its blocks; only its shortcuts pool. At this size the saved time bought more than the stability did. RN50 and its kin here are the paper's, with pooling everywhere but in the very first convolution.
#
# ## 8. One vector from a map: attention pooling
#
# The usual end of a ResNet is the mean over all places. By hand: a map of 2 x 2 places with two channels. Three places are empty, (0, 0); one holds the object, (4, 8).
#
# The mean is (1, 2). Now put the same object in a map of 3 x 3. **Predict** the mean. Does the vector say more about the object, or about the empty paper around it?
#
# Attention pooling lets the mean *ask*, and takes more from the places that fit the question. With all matrices the identity:
#
# 1. tokens: the mean itself, then every place;
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
    print(f"{side} x {side}: mean ({mean[0]:.2f}, {mean[1]:.2f})   scores: mean {scores[0]:.2f}, empty {scores[1]:.2f}, object {scores[-1]:.2f}")
    pooled = weights @ tokens
    print(f"       attention on the object {weights[-1]:.2f}, pooled ({pooled[0]:.2f}, {pooled[1]:.2f})")

# %% [markdown]
# The mean dilutes the object by the paper around it. Attention pooling keeps nearly all of it, in both maps.
#
# In the tower, queries, keys and values go through learned matrices and each place has a positional embedding. With one head that is ten lines; the library adds heads, and exercise 02.5 is yours.

# %% tags=["nbval-check-output"]
pool = AttentionPool2d(side=4, width=64, heads=1, embed_dim=32).eval()
grid = torch.randn(5, 64, 4, 4, generator=torch.Generator().manual_seed(1))

def pool_by_hand(pool, grid):
    places = grid.flatten(2).transpose(1, 2)  # (5, 16, 64)
    tokens = torch.cat([places.mean(dim=1, keepdim=True), places], dim=1) + pool.positional_embedding
    question = pool.q_proj(tokens[:, :1])  # (5, 1, 64): only the mean asks
    scores = question @ pool.k_proj(tokens).transpose(1, 2) / 64**0.5  # (5, 1, 17)
    return pool.c_proj((scores.softmax(dim=-1) @ pool.v_proj(tokens))[:, 0])

print("equal to the library:", torch.allclose(pool_by_hand(pool, grid), pool(grid), atol=1e-4))

# %% [markdown]
# The mean has a second weakness: it is a bag of places. Shuffle the places of the map, and the mean stays. **Predict:** does the result of attention pooling stay too?

# %% tags=["nbval-check-output"]
order = torch.randperm(16, generator=torch.Generator().manual_seed(2))
with torch.no_grad():
    grid = model.visual.feature_map(ready)  # of the trained tower
    mixed = grid.flatten(2)[:, :, order[: grid[0, 0].numel()]].view_as(grid)
    print("mean pooling, same:     ", torch.allclose(grid.mean((2, 3)), mixed.mean((2, 3)), atol=1e-5))
    print("attention pooling, same:", torch.allclose(model.visual.attnpool(grid), model.visual.attnpool(mixed), atol=1e-3))

# %% [markdown]
# ## 9. Counting
#
# **Parameters** are the numbers that are learned; **multiply-adds** are the work for one picture. By hand, for a 3 x 3 convolution from 64 to 128 channels on a map of 8 x 8 places:

# %% tags=["nbval-check-output"]
conv = model.visual.layer2[0].conv1
print(conv)
parameters = 3 * 3 * 64 * 128
print(f"parameters: 3 * 3 * 64 * 128 = {parameters:,}; counted {count_parameters(conv):,}")
print(f"multiply-adds: once at each of 8 * 8 places: {parameters * 64:,}")

# %% [markdown]
# A convolution uses each weight at every place: a small share of the parameters can be a large share of the work. Where is which, in RN50?

# %% tags=["nbval-check-output"]
with torch.device("meta"):
    tower = build("RN50").visual
work = count_flops(PRESETS["RN50"])
total = count_parameters(tower)
for name in ("layer1", "layer2", "layer3", "layer4", "attnpool"):
    share = count_parameters(tower.get_submodule(name)) / total
    print(f"{name:9} parameters {share:4.0%}   multiply-adds {work['visual.' + name] / work['visual']:4.0%}")

# %% [markdown]
# `layer2` and `layer4` cost about the same work with very different numbers of parameters: from stage to stage the places are a quarter and the weights four times as many, so a block costs the same in each. The attention pooling holds as many parameters as `layer4` and little of the work.
#
# Now the nine models of the paper (Tables 19 and 20). Their compute is the axis of Figure 9, "GFLOPs" (billions), printed for the five ResNets. It takes some seconds.

# %%
printed = {"RN50": 6.1, "RN101": 9.9, "RN50x4": 21.5, "RN50x16": 75.3, "RN50x64": 265.9}  # paper, Figure 9
rows = {}
for name in tqdm([name for name in PRESETS if name.startswith(("RN", "ViT"))]):
    with torch.device("meta"):
        tower = build(name).visual
    if name not in counted:
        counted[name] = count_flops(PRESETS[name], every_place_asks=True)["visual"]
    rows[name] = (count_parameters(tower), counted[name])

# %% tags=["nbval-check-output"]
print("image tower      parameters   10^9 multiply-adds   paper, Fig 9   off by")
for name, (parameters, adds) in rows.items():
    line = f"{name:15} {parameters / 1e6:9.1f} M {adds / 1e9:14.1f}"
    paper = printed.get(name)
    print(line + (f" {paper:17} {adds / 1e9 / paper - 1:11.1%}" if paper else "      not printed"))
print(f"\nRN50 when only the mean asks: {work['visual'] / 1e9:.1f}")

# %% [markdown]
# Two things had to be found out to get there:
#
# * The paper's "GFLOPs" count a multiply and its add as **one**. Many tools count two, and give twice the number. When you compare two papers, ask which.
# * The ResNets' numbers are met when *every* place asks in the attention pooling (`every_place_asks`), though only the answer to the mean's question is kept. Our code computes only that one, and saves what the last line says.
#
# What is left, in the last column, we can't explain; the paper doesn't say how it counted. For the ViTs it prints no number.
#
# ## 10. What an untrained tower already sees
#
# Test for a vector: take names that two families both have, from Heroicons and Lucide, neither seen in training. For each Heroicons picture find the Lucide picture with the most similar vector. Is it the one of the same name?

# %% tags=["nbval-check-output"]
lucide = {icon.name: i for i, icon in enumerate(held_out.icons) if icon.family == "lucide"}
hero = {icon.name: i for i, icon in enumerate(held_out.icons) if (icon.family, icon.style) == ("heroicons", "solid")}
shared = sorted(set(lucide) & set(hero))
gallery = to_pictures(held_out.rgba[[lucide[name] for name in shared]])
queries = to_pictures(held_out.rgba[[hero[name] for name in shared]])
print(f"{len(shared)} names in both families; chance of a right neighbour {1 / len(shared):.1%}")

# %% [markdown]
# **Predict**, in per cent, the share of right neighbours for: the raw pixels; a ResNet with random weights; a ViT with random weights; the trained tower. Which of the first three is best? Then run.

# %%
@torch.no_grad()
def right_share(vectors):
    """The share of queries whose nearest picture of the gallery has the same name."""
    a, b = (F.normalize(vectors(to_model(pictures)), dim=1) for pictures in (queries, gallery))
    nearest = (a @ b.T).argmax(dim=1)
    return (nearest == torch.arange(len(a))).float().mean().item(), nearest

random_resnet = build("laptop", seed=0).eval()
ways = {"raw pixels": lambda x: x.flatten(1), "ResNet, untrained": random_resnet.encode_image,
        "ViT, untrained": vit.encode_image, "our tower, trained": model.encode_image}
share = {name: right_share(vectors)[0] for name, vectors in ways.items()}

# %%
use_style()
fig = Figure(figsize=(7, 2.6))
axes = fig.subplots()
bars = axes.barh(list(share), [100 * value for value in share.values()], color="#56B4E9", edgecolor="black")
axes.bar_label(bars, fmt="%.0f %%", padding=3)
axes.axvline(100 / len(shared), color="black", linestyle=":")
axes.set(xlabel="right nearest neighbours (per cent; dotted: chance)", xlim=(0, 105))
axes.invert_yaxis()
show(fig, "Bars: " + ", ".join(f"{name} {value:.0%}" for name, value in share.items())
     + f"; chance is {1 / len(shared):.0%}. Untrained towers stand between chance and the pixels.")

# %% tags=["nbval-check-output"]
chance = 1 / len(shared)
print("both untrained towers beat chance three times over:", min(share["ResNet, untrained"], share["ViT, untrained"]) > 3 * chance)
print("raw pixels beat both untrained towers:             ", share["raw pixels"] > max(share["ResNet, untrained"], share["ViT, untrained"]))
print("the trained tower beats raw pixels:                ", share["our tower, trained"] > share["raw pixels"])
print("Mean cosine of two different pictures:")
for name, tower in (("untrained", random_resnet), ("trained", model)):
    with torch.no_grad():
        vectors = tower.encode_image(to_model(gallery), normalize=True)
    different = (vectors @ vectors.T)[~torch.eye(len(vectors), dtype=torch.bool)]
    print(f"   {name}: above 0.9:", bool(different.mean() > 0.9))

# %% [markdown]
# Random weights see *something*: similar pictures still get similar vectors, because a tower is a continuous function. But they see less than the pixels do: each random layer mixes and throws away.
# The random ResNet is the poorest. Its blocks start as their shortcuts (section 7), so it averages the picture again and again, down to 4 x 4 places. All its vectors are nearly the same one, too: the last lines compare any two pictures.
#
# The architecture doesn't see; it makes seeing learnable. What does the trained tower take for neighbours, right and wrong?

# %%
nearest = right_share(model.encode_image)[1]
missed = [i for i in range(len(shared)) if nearest[i] != i][:4]
chosen = [i for i in range(0, len(shared), 12) if nearest[i] == i][:4] + missed
pairs = torch.stack([queries[chosen], gallery[nearest[chosen]]]).flatten(0, 1)
titles = [shared[i] for i in chosen] + [shared[nearest[i]] for i in chosen]
listed = "; ".join(f"{shared[i]} finds {shared[nearest[i]]}" for i in chosen)
show(picture_grid(pairs, titles, columns=len(chosen), title="asked for (above), nearest found (below)"),
     f"Solid Heroicons above, the nearest Lucide picture below. {listed}.")

# %% [markdown]
# Look at the wrong ones: are they wrong in shape, or in meaning? The tower learned from pictures *with words*, so pictures of different shape and one meaning can meet.
#
# ## 11. Where does attention pooling look?
#
# The weights of the pooling say from which places the vector was gathered. Each of the heads has its own; below is their mean, for the tower before and after training.

# %%
from clipedu.widgets.picture_path import looking_figure, pooling_weights

before, after = (pooling_weights(tower, pictures).mean(dim=1) for tower in (random_resnet, model))
show(looking_figure(pictures, before, names),
     f"Before training: each of the 16 places gets between {before.min():.0%} and {before.max():.0%}, on paper as on ink.")
show(looking_figure(pictures, after, names),
     f"After training: a place gets between {after.min():.0%} and {after.max():.0%} of the attention, and which places get most depends on the picture.")

# %% tags=["nbval-check-output"]
def contrast(weights):
    """The largest share over the mean share, averaged over the pictures; 1 is an even spread."""
    return (weights.flatten(1).max(dim=1).values / weights.flatten(1).mean(dim=1)).mean()

print("before training the spread is nearly even:", bool(contrast(before) < 1.5))
print("training makes it less even:              ", bool(contrast(after) > contrast(before)))

# %% [markdown]
# Read such maps with care. They show from where the *last* step gathered; each place has already seen its neighbours through the convolutions, and the values that are gathered may be large or small. A map of weights is a hint, not an explanation.
#
# ## The answer
#
# How does a picture become a vector? It is cut into patches that look at one another, or filtered by windows and halved without skipping; then one token asks, and the answer is projected. Measured in this run:

# %%
print(f"our trained tower: {count_parameters(model.visual) / 1e6:.1f} M parameters, "
      f"{count_flops(model.config)['visual'] / 1e6:.0f} M multiply-adds a picture, {model.config.embed_dim} numbers out")
print(f"RN50 of the paper: {rows['RN50'][0] / 1e6:.1f} M parameters, {work['visual'] / 1e6:,.0f} M multiply-adds")
for name, value in share.items():
    print(f"{name:20} finds the same thing, drawn by others, for {value:.0%} of {len(shared)} names")

# %% [markdown]
# The paper's towers are larger because photographs at 224 px hold more than icons at 32; the parts are the same. **On a GPU** nothing here changes but the time: `model.to("cuda")` and pictures on the same device.
#
# **Next:** [the exercises of this lesson](../exercises/02_pictures_to_vectors.ipynb), where you cut, count, blur and pool yourself. Then
# [lesson 03, the contrastive loss](03_the_contrastive_loss.ipynb): what teaches the two towers to agree.
