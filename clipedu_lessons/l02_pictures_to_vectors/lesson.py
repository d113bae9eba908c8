# %% [markdown]
# # 02 · Pictures to vectors
#
# **How does a picture become a vector?**
#
# About 75 minutes to read and do, and about a minute to run on two CPU cores. The exercises take three hours more.
# This lesson rebuilds the image encoders of section 2.4 of Radford et al. 2021 (arXiv 2103.00020).
#
# CLIP compares a picture with a caption by comparing two vectors. Lesson 01 built the text encoder, which turns a caption into its vector. This lesson builds the image encoder. Most of it is about the Vision Transformer (ViT), which you train in lesson 04; a shorter part is about the ResNet, the other encoder of the paper.
#
# What should such a vector do? It should change little when another artist draws the same thing, and much when the thing is another one. The figure compares five pictures by one artist with five by another, first by their pixels and then by the vectors of the trained encoder that comes with this course. Dark means similar.

# %%
import torch
import torch.nn.functional as F
from tqdm import tqdm

from clipedu.evaluation.statistics import clopper_pearson
from clipedu.models import PRESETS, build, count_flops, count_parameters
from clipedu.pairs import held_out_pairs, to_model, to_pictures
from clipedu.plots import picture_grid, show
from clipedu.training import load_pretrained
from clipedu_lessons.common.architecture import clip_figure
from clipedu_lessons.common.numbers import numbers
from clipedu_lessons.l02_pictures_to_vectors.drawings import comparison_figure

# %%
held_out = held_out_pairs()  # three icon sets, not seen in training
row = {}  # (icon set, style, name) -> row
for i, icon in enumerate(held_out.icons):
    row[icon.family, icon.style, icon.name] = i
lucide = {key[2]: i for key, i in row.items() if key[0] == "lucide"}
heroicons = {key[2]: i for key, i in row.items() if key[1] == "outlined"}

def drawn(rows):
    """Pictures (N, 3, 32, 32) in 0..1 of these rows."""
    return to_pictures(held_out.rgba[list(rows)])

things = ["bell", "heart", "key", "cloud", "scissors"]
theirs = drawn(heroicons[name] for name in things)  # Heroicons
ours = drawn(lucide[name] for name in things)  # Lucide

# %%
model, tokenizer, card = load_pretrained()  # comes with the course

def table_of_cosines(encode):
    with torch.no_grad():
        a, b = encode(to_model(theirs)), encode(to_model(ours))
    return F.normalize(a, dim=1) @ F.normalize(b, dim=1).T  # (5, 5)

tables = {"pixels": table_of_cosines(lambda x: x.flatten(1))}
tables["trained encoder"] = table_of_cosines(model.encode_image)
words = "Two tables of cosines, five Heroicons in rows and five Lucide "
words += "pictures in columns. In the second, the diagonal is darkest."
show(comparison_figure(theirs, ours, tables), words)

# %%
diagonal = torch.eye(5, dtype=torch.bool)
for name, table in tables.items():
    same, other = table[diagonal].mean(), table[~diagonal].mean()
    print(f"{name:16} same thing {same:.2f}   other things {other:.2f}")
    key = name.split()[0]  # "pixels", "trained"
    numbers(**{f"{key}_same": f"{same:.2f}"})
    numbers(**{f"{key}_other": f"{other:.2f}"})
show(*clip_figure("image encoder"))

# %% [markdown]
# By their pixels, two pictures of the same thing have a mean cosine of {=pixels_same}, and two different things {=pixels_other}. In the vectors of the trained encoder it is {=trained_same} against {=trained_other}. The second figure shows where we are in CLIP.
#
# **At the end you can**
#
# * cut a picture into patches, and recognize the mistake that cuts it into stripes;
# * write a layer of a Vision Transformer, and say why it needs positions and a class token;
# * explain why our encoder starts with convolutions, with a measurement;
# * explain what the paper changed in the ResNet, and what aliasing and attention pooling are.
#
# You need Python, a little PyTorch, and attention from [lesson 01, words to vectors](01_words_to_vectors.ipynb).
#
# ## 1. A picture is numbers already
#
# A caption had to be turned into numbers first. A picture is a block of numbers: one **channel** each for red, green and blue, and in each channel one number per pixel, from 0 (no light) to 1 (full light).
# PyTorch's order is (batch, channel, row, column), and the first row is the top one.
#
# The encoders of this course get the numbers rescaled to the range from -1 to 1. `to_model` does that. (OpenAI's code does the same with the mean and standard deviation of each channel.)

# %% tags=["nbval-check-output"]
house = drawn([lucide["house"]])  # (1, 3, 32, 32)
ready = to_model(house)
for name, x in (("picture", house), ("to_model", ready)):
    ends = f"from {x.min():.0f} to {x.max():.0f}"
    print(f"{name:9} {tuple(x.shape)} {x.dtype}, {ends}")
print("numbers in one picture:", house.numel())

# %% [markdown]
# Why not use these 3,072 numbers as the vector? Because each of them describes one pixel. When the picture moves by two pixels, nearly every stroke lands on other pixels.
#
# **Predict:** the cosine of two equal vectors is 1. What is the mean cosine, in pixels, of a picture and the same picture moved by 4 pixels to the right? For comparison, two *different* pictures of the same icon set have a mean cosine of {=another}.

# %%
prediction = ...  # change this: the mean cosine after a move by 4 pixels

# %% tags=["nbval-check-output"]
def moved(pictures, right):
    """The pictures moved to the right; white comes in from the left."""
    return F.pad(pictures, (right, 0), value=1.0)[..., : pictures.shape[-1]]

def mean_cosine(a, b):
    return F.cosine_similarity(a.flatten(1), b.flatten(1)).mean().item()

many = drawn(list(lucide.values())[::5][:300])  # 300 pictures, one set
pixels = to_model(many)
for k in (0, 1, 2, 4):
    same = mean_cosine(pixels, to_model(moved(many, k)))
    print(f"moved by {k} px   {same:.2f}")
other = mean_cosine(pixels, pixels.roll(1, dims=0))  # each with the next
print(f"another picture {other:.2f}")
numbers(moved_4=f"{same:.2f}", another=f"{other:.2f}")

# %% [markdown]
# Moved by 4 pixels, a picture is less similar to itself ({=moved_4}) than to another picture ({=another}). To you it is still the same picture. An encoder has to learn which changes matter and which do not.
#
# ## 2. Patches by hand
#
# A transformer works on a sequence of vectors. The **Vision Transformer** (Dosovitskiy et al. 2020, arXiv 2010.11929) makes a sequence of a picture: it cuts the picture into squares, called **patches**, and treats each patch as a token.
#
# Take a gray picture of 4 x 4 pixels whose values are 0 to 15, and patches of 2 x 2. **Predict:** which four numbers are in the first patch?

# %% tags=["nbval-check-output"]
tiny = torch.arange(16).view(4, 4)
print(tiny, "\n")
for y in (0, 2):
    for x in (0, 2):
        patch = tiny[y : y + 2, x : x + 2].flatten().tolist()
        print(f"patch at row {y}, column {x}: {patch}")

# %% [markdown]
# The first patch is 0, 1, 4, 5: two numbers from the first row and two from the second. In memory the 16 numbers lie row after row, so a patch is *not* four neighbors in memory.
#
# This is where the most common mistake happens. `picture.reshape(4, 4)` also gives four groups of four numbers, without any error. **Predict:** what do its groups look like on a real picture?

# %%
def squares(picture, p):
    """(3, R, R) -> (patches, 3, p, p), row by row."""
    rows = [picture[:, y : y + p] for y in range(0, len(picture[0]), p)]
    return torch.cat([torch.stack(row.split(p, dim=2)) for row in rows])

right, wrong = squares(house[0], 8), house[0].reshape(16, 3, 8, 8)
words = "Cut into sixteen squares: the tip of the roof is in 1 and 2, "
words += "the door in 5, 6, 9, 10, 13 and 14."
titles = [f"patch {i}" for i in range(16)]
show(picture_grid(right, titles, columns=4), words)
words = "The same numbers grouped by reshape: stripes and colors."
show(picture_grid(wrong, [f"group {i}" for i in range(16)]), words)

# %% [markdown]
# The second version has the right shape and raises no error, and a network would train on it. But a group is no longer a square of the picture. It is six whole rows of pixels, nearly always of one channel, folded to 8 x 8 and mistaken for red, green and blue. Shapes alone don't reveal such a bug, so look at what you feed a network.
#
# Next, each patch of 3 x 8 x 8 = 192 numbers is multiplied by one learned matrix, the same for all patches. The result is a vector as long as the encoder is wide: its **width** W. We could cut the patches and use `nn.Linear`. A convolution does both at once, if its window is as large as a patch and moves by a whole patch each time. That step is called the **stride**.

# %% tags=["nbval-check-output"]
torch.manual_seed(0)
conv = torch.nn.Conv2d(3, 64, kernel_size=8, stride=8, bias=False)
matrix = conv.weight.flatten(1).T  # (64, 3, 8, 8) -> (192, 64)
with torch.no_grad():
    patches = squares(ready[0], 8).flatten(1)  # (16, 192)
    by_hand = patches @ matrix  # (16, 64)
    grid = conv(ready)  # (1, 64, 4, 4): channels, rows, columns
    by_convolution = grid.flatten(2).transpose(1, 2)[0]  # (16, 64)
difference = (by_hand - by_convolution).abs().max()
print("patches times a matrix", tuple(by_hand.shape))
print("convolution, as tokens", tuple(by_convolution.shape))
print(f"largest difference     {difference:.5f}")
print(f"mean size of a number  {by_hand.abs().mean():.5f}")

# %% [markdown]
# The two agree up to rounding: the largest difference is far below the size of a typical number. From here on, "patch convolution" means this product.
#
# ### Check your understanding
#
# 1. A picture has 224 x 224 pixels. How many patches of 16 x 16 are there, and how many numbers does each hold?
# 2. Why does `reshape` give stripes, while `flatten(2)` after the convolution gives the right tokens?
# 3. The patch convolution has no bias in CLIP. How many parameters does it have for W = 768 and patches of 32 x 32?
#
# <details><summary>Answers</summary>
#
# 1. 14 x 14 = 196 patches of 3 x 16 x 16 = 768 numbers.
# 2. `reshape` of the picture groups neighbors in memory, which are pixels of one row. After the convolution, each patch is already a single position of the grid, so flattening the grid only lists the positions row by row.
# 3. 3 x 32 x 32 x 768 = 2,359,296.
#
# </details>
#
# ## 3. One layer in the open
#
# Four things turn 16 patch vectors into one vector for the picture:
#
# * **Positions.** Attention does not know the order of its tokens. Each position therefore gets a learned vector, which is added to the token there (the **positional embedding**).
# * **A class token.** The text encoder reads its result at the last token, EOT. A picture has no last word, so the ViT puts an extra token in front of the patches. It is a learned vector, the same for every picture. It attends to the patches, and the result is read there.
# * **Attention without a mask.** In lesson 01 a token sees only the tokens before it. Here every token sees every token.
# * **A projection** from the width W to the embedding dimension E.
#
# The next cell is all of that for one picture, with one layer, one head and random weights: $x + \mathrm{softmax}(q k^\top / \sqrt{W})\, v\, W_\mathrm{out}$. It leaves out the MLP, the LayerNorms, the other heads and the batch, which you add in the exercises.

# %%
W, E, L = 64, 32, 17  # width, embedding dimension, tokens (16 + 1)
chance = torch.Generator().manual_seed(1)

def random(*shape):
    return torch.randn(*shape, generator=chance)

class_token, positions = random(1, W) / 2, random(L, W) / 2
w_query, w_key = (2 * random(W, W) / W**0.5 for _ in range(2))
w_value, w_out, projection = (random(W, n) / W**0.5 for n in (W, W, E))

def tiny_vit(patches, positions, read=0):
    """(L - 1, W) patch vectors of one picture -> (E,)"""
    x = torch.cat([class_token, patches]) + positions  # (L, W)
    q, k, v = x @ w_query, x @ w_key, x @ w_value  # each (L, W)
    weights = (q @ k.T / W**0.5).softmax(dim=-1)  # (L, L)
    x = x + weights @ v @ w_out  # the residual connection
    return x[read] @ projection  # only one token is read

# %% tags=["nbval-check-output"]
x = torch.cat([class_token, by_hand]) + positions
q, k, v = x @ w_query, x @ w_key, x @ w_value
weights = (q @ k.T / W**0.5).softmax(dim=-1)
library = F.scaled_dot_product_attention(q, k, v)
difference = (weights @ v - library).abs().max()
print("tokens                         ", tuple(x.shape))
print("attention weights              ", tuple(weights.shape))
print(f"smallest sum of a row           {weights.sum(dim=1).min():.3f}")
print(f"largest difference from PyTorch {difference:.5f}")
embedding = tiny_vit(by_hand, positions)
print("embedding                      ", tuple(embedding.shape))

# %% [markdown]
# **Predict:** we shuffle the 16 patches before they go in. Does the embedding change (a) with the positional embedding, (b) with all positions set to zero? Write down yes or no for each.

# %%
prediction = ...  # change this: (with positions, without positions)

# %% tags=["nbval-check-output"]
order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
tables = {"with positions": positions, "without positions": 0 * positions}
for name, table in tables.items():
    ours = tiny_vit(by_hand, table)
    shuffled = tiny_vit(by_hand[order], table)
    change = (ours - shuffled).norm() / ours.norm()
    print(f"{name:18} relative change {change:.1%}")
    numbers(**{name.replace(" ", "_"): f"{change:.1%}"})

# %% [markdown]
# With positions, shuffling changes the embedding by {=with_positions} of its length. Without them the change is {=without_positions}: the layer sees a *bag* of patches, as the CBOW encoder of lesson 01 sees a bag of words. The house in the right order and the same sixteen squares in any other order would get the same vector.
#
# Does it matter which token is read? A class token has no content of its own, so it must get everything from the patches. We change one patch, and measure how far the class token moves, compared with the other tokens.

# %% tags=["nbval-check-output"]
changed = by_hand.clone()
changed[5] = 0.0  # patch 5 shows part of the roof and the door
tokens = {"the class token": 0, "patch 5": 6, "patch 10": 11}
for name, read in tokens.items():
    before = tiny_vit(by_hand, positions, read)
    after = tiny_vit(changed, positions, read)
    change = (before - after).norm() / before.norm()
    print(f"read at {name:15}  relative change {change:.2f}")
    numbers(**{name.replace(" ", "_"): f"{change:.0%}"})

# %% [markdown]
# Patch 5 itself changes most, by {=patch_5}, because its own vector is part of its output. The class token and patch 10 notice the change through attention only: {=the_class_token} and {=patch_10}. An encoder that is read at patch 5 would depend on this one square far more than on the others. At the class token, no patch has such a privilege. (Some later models read the mean over all patches, which treats them alike as well.)
#
# ## 4. The whole Vision Transformer
#
# A ViT stacks such layers, and each is a full block of lesson 01: multi-head attention and an MLP, each behind a LayerNorm and inside a residual connection. The figure shows the encoder that you train in lesson 04, with the shape after each stage. Exercises 02.7 and 02.8 write it.

# %%
from clipedu_lessons.common.architecture import image_encoder_figure

show(*image_encoder_figure(PRESETS["laptop_vit_stem"]))

# %% [markdown]
# One layer is CLIP's own: the LayerNorm *before* the first block, which normalizes the sum of patch and position (section 2.4 of the paper). OpenAI's code calls it `ln_pre`. To watch the shapes inside the library's encoder, we use *forward hooks*: functions that PyTorch calls whenever a module has computed its output. **Predict** them for a batch of five pictures before you run the cell. This one is the paper's form of the ViT, with a patch convolution.

# %% tags=["nbval-check-output"]
def watch(encoder, pictures, names):
    """Print the shape of what each submodule returns."""
    for name in names:
        def say(module, inputs, output, name=name):
            print(f"{name:26} {tuple(output.shape)}")
        encoder.get_submodule(name).register_forward_hook(say)
    with torch.no_grad():
        print(f"{'embedding':26} {tuple(encoder(pictures).shape)}")

blocks = [f"transformer.resblocks.{i}" for i in range(4)]
vit = build("laptop_vit", seed=0).eval().visual
watch(vit, to_model(many[:5]), ["conv1", "ln_pre", *blocks, "ln_post"])

# %% [markdown]
# The 17 tokens are the 16 patches and the class token. In the last block the library computes the class token alone, because no other token is read after it. Computing all of them would give the same embedding and take longer.
#
# ### What a smaller patch costs
#
# The paper names its ViTs by size and patch: B/32, B/16, L/14. B and L mean a *base* and a *large* network, and the number is the side of a patch in pixels. With half the side there are four times as many patches. In attention every token meets every token, so the number of pairs grows sixteenfold. **Predict:** by what factor does the total work grow from B/32 to B/16?

# %% tags=["nbval-check-output"]
work = {}
print("model            tokens   pairs of tokens   10^9 multiply-adds")
for name in ("ViT-B/32", "ViT-B/16", "ViT-L/14", "ViT-L/14@336px"):
    vision = PRESETS[name].vision
    tokens = (vision.resolution // vision.patch) ** 2 + 1
    work[name] = count_flops(PRESETS[name])["visual"]
    print(f"{name:14} {tokens:8} {tokens**2:17,} {work[name] / 1e9:12.1f}")
numbers(finer=f"{work['ViT-B/16'] / work['ViT-B/32']:.1f}")
numbers(larger=f"{work['ViT-L/14@336px'] / work['ViT-L/14']:.2f}")

# %% [markdown]
# From B/32 to B/16 the number of pairs grows 15.5-fold, but the work only {=finer}-fold. Most of the work is in the matrices that each token goes through by itself, and it grows with the number of tokens. From 224 to 336 pixels, 2.25 times the tokens cost {=larger} times the work: at 577 tokens the pairs begin to count.
#
# ### Check your understanding
#
# 1. The text encoder has a causal mask and the image encoder has none. What would go wrong in the image encoder with a causal mask, with the class token in front?
# 2. How many rows does the positional embedding of ViT-B/32 have at 224 pixels, and which token gets row 0?
# 3. You want to use a ViT trained at 224 pixels on pictures of 336 pixels. Which parameter has the wrong shape?
#
# <details><summary>Answers</summary>
#
# 1. The class token comes first, so with a causal mask it would see nothing but itself. Every picture would get the same embedding.
# 2. 50 rows: 49 patches and the class token, which gets row 0.
# 3. Only the positional embedding: it has one row for each patch. The paper's ViT-L/14@336px was trained at the larger size for one more epoch; its positional embedding is commonly interpolated from the smaller grid.
#
# </details>
#
# ## 5. Why our encoder starts with convolutions
#
# The patch convolution looks at 192 numbers at once and maps them linearly to a vector. No nonlinear layer ever sees two neighboring pixels before they are mixed. Xiao et al. 2021 (*Early convolutions help transformers see better*, arXiv 2106.14881) found that this makes ViTs slow to train and sensitive to the learning rate. Their remedy is a **convolutional stem**: a few convolutions of 3 x 3 with stride 2, each followed by a batch norm and a ReLU. It ends with as many positions as there were patches.
#
# Here is the stem of our encoder, applied to the house.

# %% tags=["nbval-check-output"]
x = ready
print(f"{'picture':13} {tuple(x.shape)}")
with torch.no_grad():
    for layer in build("laptop_vit_stem", seed=0).eval().visual.stem:
        x = layer(x)
        print(f"{type(layer).__name__:13} {tuple(x.shape)}")

# %% [markdown]
# Three halvings lead from 32 to 4 positions a side, as one step of 8 pixels does. The last map has a vector of width 192 at each of its 16 positions. A position's vector depends on 15 x 15 pixels, because each 3 x 3 window looks a little beyond its own square. So neighboring positions share pixels, which patches do not.
#
# **Batch norm** is new here. It brings each channel to mean 0 and variance 1 over all pictures and positions of the batch, then multiplies by a learned gain and adds a learned shift. In evaluation it uses running averages from training instead, so that a picture's vector does not depend on the other pictures. By hand, on one channel:

# %% tags=["nbval-check-output"]
batch = torch.tensor([1.0, 2, 3, 6]).view(4, 1, 1, 1)  # four single pixels
norm = torch.nn.BatchNorm2d(1)
variance = batch.var(unbiased=False)
rows = {"by hand": (batch - batch.mean()) / (variance + norm.eps).sqrt()}
rows["training mode"] = norm(batch)  # this also updates the averages
rows["evaluation mode"] = norm.eval()(batch)
for name, values in rows.items():
    print(f"{name:16}", [round(v, 2) for v in values.flatten().tolist()])
print(f"running mean {norm.running_mean.item():.2f},", end=" ")
print(f"running variance {norm.running_var.item():.2f}")

# %% [markdown]
# After one step the running mean has moved a tenth of the way from 0 to the batch's mean of 3, and the running variance from 1 toward the batch's variance. The evaluation mode therefore gives other numbers here; after some hundred steps the two modes nearly agree.
#
# ### The measurement
#
# Does the stem help *us*? We train small ViTs to name the thing in a picture, and compare four of them. The baseline has a patch convolution and two blocks. A stem costs additional work, so two more baselines spend additional work in other ways: one has a third block, and one is trained for twice as many steps. The classes are the names that at least seven training sets have, and one of the three unseen sets as well.

# %%
from clipedu.pairs import training_pairs

training = training_pairs()
sets = {}  # name -> the training sets that have it
for icon in training.icons:
    sets.setdefault(icon.name, set()).add(icon.family)
unseen = {icon.name for icon in held_out.icons}
common = sorted(name for name in unseen & set(sets) if len(sets[name]) >= 7)
classes = {name: k for k, name in enumerate(common)}

def labeled(pairs):
    """Pictures of these classes, (N, 3, 32, 32), and class indices (N,)."""
    rows = [i for i, x in enumerate(pairs.icons) if x.name in classes]
    labels = torch.tensor([classes[pairs.icons[i].name] for i in rows])
    return to_model(to_pictures(pairs.rgba[rows])), labels

(x_train, y_train), (x_test, y_test) = labeled(training), labeled(held_out)
print(len(classes), "classes; pictures:", len(x_train), "and", len(x_test))

# %%
def train(config, rate, seed, steps):
    """A ViT whose embedding is one score a class: its test accuracy."""
    torch.manual_seed(seed)
    net = VisionTransformer(config, len(classes), "gelu")
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps)
    for _ in range(steps):
        rows = torch.randint(len(x_train), (64,))
        optimizer.zero_grad()
        F.cross_entropy(net(x_train[rows]), y_train[rows]).backward()
        optimizer.step()
        schedule.step()
    hits = net.eval()(x_test).argmax(dim=1) == y_test
    return hits.float().mean().item()

# %% [markdown]
# **Predict:** which of the four names most pictures by unseen artists?

# %%
prediction = ...  # change this: "patches", "block", "steps" or "stem"

# %%
from clipedu.models.config import ViTConfig
from clipedu.models.vit import VisionTransformer

runs = {  # name -> config (resolution, patch, width, ...) and steps
    "patches": (ViTConfig(32, 8, 64, 2, 2, "patch"), 150),
    "patches, one more block": (ViTConfig(32, 8, 64, 3, 2, "patch"), 150),
    "patches, twice the steps": (ViTConfig(32, 8, 64, 2, 2, "patch"), 300),
    "convolutional stem": (ViTConfig(32, 8, 64, 2, 2, "conv"), 150),
}
found = {"learning rate 0.001": {}, "learning rate 0.003": {}}
for group, shares in found.items():
    rate = float(group.split()[-1])
    for name, (config, steps) in tqdm(runs.items(), desc=group):
        shares[name] = [train(config, rate, seed, steps) for seed in (0, 1)]

# %%
from clipedu_lessons.l02_pictures_to_vectors.drawings import accuracy_figure

words = "Accuracy on unseen artists with 95 % intervals, two runs each, at two learning rates."
show(accuracy_figure(found, 1 / len(classes), len(x_test)), words)
print("                          10^6 multiply-adds     mean accuracy at")
print("                          x steps / 150          0.001   0.003")
for name, (config, steps) in runs.items():
    whole = PRESETS["laptop"].replace(vision=config)
    work_done = count_flops(whole)["visual"] * steps / 150 / 1e6
    slow, fast = (sum(shares[name]) / 2 for shares in found.values())
    print(f"{name:25} {work_done:8.1f} {slow:19.1%} {fast:7.1%}")
    key = name.split()[-1]  # "patches", "block", "steps", "stem"
    numbers(**{key + "_slow": f"{slow:.0%}", key + "_fast": f"{fast:.0%}"})

# %% [markdown]
# The first column of the table is the work for one picture, times two for the run with twice the steps. At the larger learning rate the model with a stem names {=stem_fast} of the pictures, and the baseline {=patches_fast}. A third block costs more work than the stem and gains almost nothing ({=block_fast}). Twice as many steps cost more still, and reach {=steps_fast}. At the smaller rate all models learn more slowly. There the stem is again far above the baseline ({=stem_slow} against {=patches_slow}), and about level with twice the steps ({=steps_slow}). The points in the figure are single runs: two runs of the same model differ by far less than the stem gains over the baseline.
#
# So in a run this short, the stem is worth about as much as training twice as long, or more. That is the reason for the stem in the encoder of this course. Which part of it helps most, the nonlinear look at small neighborhoods, the overlap of the windows or the batch norm, we did not measure.
#
# The measurement has two limits. The test set is small, so each accuracy is uncertain by about 6 points (the error bars in the figure). And the runs are short: the ViTs of the CLIP paper all have a patch convolution and saw 400 million pairs for 32 epochs. What a stem would gain there, this measurement does not show.
#
# ### Check your understanding
#
# 1. Without batch norm and ReLU, three convolutions in a row are one linear map of 15 x 15 pixels. What would be left of the stem's advantage?
# 2. Why does a convolution in front of a batch norm need no bias?
# 3. The first baseline needs less computation than the model with a stem. Which comparisons rule out that the stem wins by computation alone?
#
# <details><summary>Answers</summary>
#
# 1. Only the overlap of neighboring windows. The nonlinear features of small neighborhoods, such as "an edge here *and* a corner there", would be gone.
# 2. The batch norm subtracts the mean of each channel, and a constant that was added before disappears with it. Its own learned shift takes the bias's place.
# 3. The ones with a third block or twice the steps, which cost more multiply-adds than the stem.
#
# </details>
#
# ## 6. The paper's other encoder: a ResNet
#
# Five of the paper's nine models have a residual network (ResNet; He et al. 2015, arXiv 1512.03385) as image encoder. It consists of convolutions from start to end. A **convolution** slides a small window of weights over the picture, and writes down at each position the sum of weight times pixel. A network learns its windows. Here are two that were chosen by hand, which find edges.

# %%
across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
windows = torch.stack([across, across.T])[:, None]  # (2, 1 channel, 3, 3)
names = ["house", "anchor", "bell", "bike", "umbrella"]
pictures = drawn(lucide[name] for name in names)
gray = pictures.mean(dim=1, keepdim=True)  # (5, 1, 32, 32)
maps = F.conv2d(gray, windows).abs()  # (5, 2, 30, 30)
maps = (1 - maps / maps.max()).transpose(0, 1).reshape(10, 1, 30, 30)
titles = [f"{n}: {kind}" for kind in ("vertical", "horizontal") for n in names]
words = "Five pictures under two windows of 3 x 3, dark where the result "
words += "is large: vertical edges in the first row, horizontal ones below."
show(picture_grid(maps.expand(-1, 3, -1, -1), titles, columns=5), words)

# %% [markdown]
# ### Making a map smaller
#
# A ResNet halves its maps again and again, so that each window sees more and more of the picture. The usual way is a stride of two: compute every second position and skip the others. Skipping has a price. Look at a row of stripes, before and after it moves by one pixel. **Predict** what is left of it when every second number is kept.

# %% tags=["nbval-check-output"]
stripes = torch.tensor([0, 1, 0, 1, 0, 1, 0, 1.0])
for name, r in (("stripes", stripes), ("moved by one", stripes.roll(1))):
    print(f"{name:12} {[int(v) for v in r]}")
    means = r.view(4, 2).mean(dim=1).tolist()
    print(f"   every second {r[::2].int().tolist()}, mean of two {means}")

# %% [markdown]
# The same stripes become all black or all white, depending on a shift by one pixel. This is **aliasing**: detail finer than the step does not vanish, but turns into something false. The mean of two, a small blur, says "gray" both times.
#
# Here is the house, shrunk by 4 at five positions, one pixel apart.

# %%
from clipedu_lessons.l02_pictures_to_vectors import shift

words = "The house moved by 0 to 4 pixels and shrunk in two ways, with the "
words += "cosine between each small picture and the one on its left."
show(shift.shift_strip(shift.all_shifts(pictures[0], factor=4)), words)
shift.ShiftExplorer(dict(zip(names, pictures)))

# %% [markdown]
# With every 4th pixel, walls appear and vanish from one position to the next. The mean changes more gently, although not gently everywhere. With the slider you can move other pictures. (It needs a running notebook; the figure shows five of its states.)
#
# Is that true beyond one house? A blur makes *all* pictures more alike, so a higher cosine alone proves nothing. We need a control: the cosine of two different pictures, shrunk in the same way. We then ask how far a shift by one pixel takes a small picture toward another one, on a scale from 0 (no change) to 1 (as different as another picture). The third way is a wider blur, a triangle over 8 x 8 pixels.

# %% tags=["nbval-check-output"]
def triangle(x):
    return F.interpolate(x, size=10, mode="bilinear", antialias=True)

ways = {"every 4th pixel": lambda x: x[..., ::4, ::4]}
ways["mean of 4 x 4"] = lambda x: F.avg_pool2d(x, 4)
ways["triangle over 8 x 8"] = triangle
sheets = F.pad(many, (4, 4, 4, 4), value=1.0)  # no stroke leaves the sheet
print("                   shifted by 1   another picture   share of the way")
for name, shrink in ways.items():
    small, shifted = shrink(1 - sheets), shrink(1 - moved(sheets, 1))
    same = mean_cosine(small, shifted)
    other = mean_cosine(small, small.roll(1, dims=0))
    share = (1 - same) / (1 - other)
    print(f"{name:19} {same:11.2f} {other:17.2f} {share:18.2f}")
    numbers(**{name.split()[0] + "_share": f"{share:.2f}"})

# %% [markdown]
# The control matters: pooling raises the cosine of different pictures, too. But it raises that of the shifted ones more. With every 4th pixel, one pixel of shift takes a picture {=every_share} of the way to another one; with the mean it is {=mean_share}, and with the triangle {=triangle_share}. So the mean reduces aliasing and does not end it: a smoother blur is better still. Exercise 02.4 writes one.
#
# That is why the paper's ResNet halves by average pooling: "antialiased rect-2 blur pooling" after Zhang 2019 (arXiv 1904.11486), where *rect-2* is the mean of two by two.
#
# And our stem? Its convolutions have stride 2, with windows of 3 x 3. The next cell counts how many windows see each pixel, and compares with a window of 1 x 1, as it is in the shortcuts of the first ResNet.

# %% tags=["nbval-check-output"]
for side, padding in ((1, 0), (3, 1)):
    windows = torch.ones(1, 1, 4, 4), torch.ones(1, 1, side, side)
    seen = F.conv_transpose2d(*windows, stride=2, padding=padding)
    print(f"windows of {side} x {side}, stride 2, that see each pixel:")
    print(*seen[0, 0, :4, :4].int().tolist(), sep="\n")

# %% [markdown]
# A 1 x 1 window with stride 2 never looks at three quarters of the pixels. Windows of 3 x 3 overlap, so each pixel is seen by one, two or four of them. The network *can* then learn weights that blur, but nothing forces it to. How sensitive our encoders really are is the question of exercise 02.6.
#
# ### The block, and the whole network
#
# A **residual block** computes a correction and adds it to its input. The paper's block is a *bottleneck*: a convolution of 1 x 1 to a few channels, one of 3 x 3, and one of 1 x 1 to four times as many, each followed by a batch norm. The gain of the last batch norm starts at zero. **Predict:** what does a new block do to its input?
#
# The paper changes the ResNet in three ways. It has a stem of three 3 x 3 convolutions in place of one of 7 x 7, it pools where the original skips, and it ends with attention pooling. The second half of the next output follows the shapes through RN50. Nothing is computed there, because PyTorch's *meta* device only tracks shapes.

# %% tags=["nbval-check-output"]
from clipedu.models.resnet import Bottleneck

block = Bottleneck(inputs=256, planes=64).eval()
x = torch.rand(2, 256, 8, 8, generator=torch.Generator().manual_seed(0))
with torch.no_grad():
    for gain in (block.bn3.weight[0].item(), 1.0):
        block.bn3.weight.fill_(gain)
        change = (block(x) - x).abs().max()
        print(f"last gain {gain:.0f}: x changes by at most {change:.3f}")
with torch.device("meta"):
    rn50, x = build("RN50").visual.eval(), torch.empty(1, 3, 224, 224)
stages = ["layer1", "layer2", "layer3", "layer4"]
watch(rn50, x, ["conv1", "avgpool", *stages, "attnpool"])

# %% [markdown]
# A new block changes nothing: it returns its input. A deep network then starts out like a shallow one, and each block learns what it can add. RN50 shrinks the side from 224 to 7 in five halvings. The last map has 49 positions with 2,048 channels each.
#
# ## 7. One vector from a map: attention pooling
#
# A ResNet usually ends with the mean over all positions of the last map. By hand: a map of 3 x 3 positions with two channels. Eight positions are empty, (0, 0), and one holds an object, (1, 2). The mean is (0.11, 0.22), so the empty background dilutes the object ninefold.
#
# Attention pooling is a weighted mean, and the weights depend on the content. Its query is the mean; keys and values are the mean and every position. We first leave out the learned matrices, so that query, key and value are the tokens themselves. **Predict:** what weight does the object get, if its vector is (1, 2), or four times as long?

# %% tags=["nbval-check-output"]
print("object     scores: object, empty, mean   weight   in a plain mean")
for strength in (0.5, 1, 2, 4):
    cells = torch.zeros(9, 2)
    cells[-1] = strength * torch.tensor([1.0, 2.0])
    tokens = torch.cat([cells.mean(dim=0)[None], cells])  # (1 + 9, 2)
    scores = tokens @ tokens[0] / 2**0.5  # the mean is the query
    weights = scores.softmax(dim=0)
    listed = f"{scores[-1]:14.2f} {scores[1]:6.2f} {scores[0]:5.2f}"
    print(f"x {strength:<6} {listed} {weights[-1]:8.2f} {1 / 9:17.2f}")

# %% [markdown]
# It depends on the size of the scores. With small ones, attention pooling is nearly the plain mean. With large ones it picks out the object and ignores the rest. The learned matrices set that size: by making queries and keys longer or shorter, training decides how selective each head is, and for what.
#
# In the encoder, queries, keys and values go through learned matrices, and each position has a positional embedding. With one head that is ten lines. The library has several heads, and so has exercise 02.5.

# %% tags=["nbval-check-output"]
from clipedu.models.resnet import AttentionPool2d

pool = AttentionPool2d(side=4, width=64, heads=1, embed_dim=32).eval()
grid = torch.randn(5, 64, 4, 4, generator=torch.Generator().manual_seed(1))

def pool_by_hand(pool, grid):
    cells = grid.flatten(2).transpose(1, 2)  # (5, 16, 64)
    tokens = torch.cat([cells.mean(dim=1, keepdim=True), cells], dim=1)
    tokens = tokens + pool.positional_embedding  # (5, 17, 64)
    query = pool.q_proj(tokens[:, :1])  # (5, 1, 64): the mean's
    keys = pool.k_proj(tokens)  # (5, 17, 64)
    scores = query @ keys.transpose(1, 2) / 64**0.5  # (5, 1, 17)
    values = scores.softmax(dim=-1) @ pool.v_proj(tokens)  # (5, 1, 64)
    return pool.c_proj(values[:, 0])  # (5, 32)

difference = (pool_by_hand(pool, grid) - pool(grid)).abs().max()
print(f"largest difference from the library {difference:.5f}")

# %% [markdown]
# The class token of a ViT and the mean of attention pooling have the same job. Both are one extra token whose attention gathers the picture, and both are read at the end. The difference is that the class token attends to the patches in every block, and the mean only once, at the end.
#
# ### Check your understanding
#
# 1. Why does the table of the three ways to shrink need its second column?
# 2. The ReLU after a block's sum could change the input of a new block. Why did it not, in our test and in the network?
# 3. All scores of an attention pooling are zero. What does it return?
#
# <details><summary>Answers</summary>
#
# 1. A blur makes any two pictures more similar. A cosine of 0.95 after a shift means little if different pictures already have 0.9.
# 2. Its input has no negative numbers: `torch.rand` gives none, and in the network each block's input comes out of a ReLU.
# 3. The plain mean of the values, as the softmax of equal scores gives equal weights.
#
# </details>
#
# ## 8. What does an untrained encoder see?
#
# Here is a test for vectors that needs no captions. Take the names that two unseen icon sets have in common, Heroicons and Lucide. For each Heroicons picture, find the Lucide picture with the most similar vector. Does it have the same name?
#
# **Predict**, in percent, how often that is the case for the raw pixels, for a ResNet and two ViTs with random weights, and for the trained encoder.

# %%
prediction = ...  # change this: five percentages

# %% tags=["nbval-check-output"]
shared = sorted(set(lucide) & set(heroicons))
queries = drawn(row["heroicons", "solid", name] for name in shared)
gallery = drawn(lucide[name] for name in shared)

@torch.no_grad()
def nearest(encode):
    """For each query, the index of the nearest picture of the gallery."""
    a, b = encode(to_model(queries)), encode(to_model(gallery))
    a, b = F.normalize(a, dim=1), F.normalize(b, dim=1)
    return (a @ b.T).argmax(dim=1)

print(f"{len(shared)} names in both sets; chance is {1 / len(shared):.1%}")

# %%
untrained = {"ResNet": "laptop_deep", "ViT, patches": "laptop_vit"}
untrained["ViT, stem"] = "laptop_vit_stem"
ways = {"raw pixels": lambda x: x.flatten(1)}
for name, preset in untrained.items():
    ways[f"{name}, untrained"] = build(preset, seed=0).eval().encode_image
ways["trained encoder"] = model.encode_image

right_one = torch.arange(len(shared))
for name, encode in ways.items():
    hit = nearest(encode) == right_one
    low, high = clopper_pearson(int(hit.sum()), len(hit))
    right = f"{hit.float().mean():.0%}"
    print(f"{name:23} {right:>4}   95% interval {low:4.0%} to {high:4.0%}")
    numbers(**{name.replace(",", "").replace(" ", "_"): right})

# %% [markdown]
# Random weights see *something*. The three untrained encoders find {=ResNet_untrained}, {=ViT_patches_untrained} and {=ViT_stem_untrained}, more than chance, because similar pictures get similar vectors. But none of them does better than the raw pixels with {=raw_pixels}. Nearly everything that the trained encoder sees beyond that, to reach {=trained_encoder}, it has learned.
#
# What does the trained encoder take for neighbors, right and wrong?

# %%
found = nearest(model.encode_image).tolist()
right = [i for i, j in enumerate(found) if i == j]
wrong = [i for i, j in enumerate(found) if i != j]
chosen = right[::20][:4] + wrong[:4]
pairs = torch.cat([queries[chosen], gallery[[found[i] for i in chosen]]])
titles = [shared[i] for i in chosen] + [shared[found[i]] for i in chosen]
title = "query (above) and nearest picture (below)"
words = "Solid Heroicons above, below each the nearest Lucide picture: "
words += "; ".join(f"{shared[i]} finds {shared[found[i]]}" for i in chosen)
show(picture_grid(pairs, titles, title=title), words)

# %% [markdown]
# The first four are right. Look at the others: is the picture that was found similar in shape, or in meaning? The encoder learned from pictures *with captions*, so either can bring two pictures together.
#
# ## The answer
#
# How does a picture become a vector? A ViT cuts it into patches, or lets a few convolutions prepare them. It adds positions and a class token, and lets the tokens attend to one another. The class token is read and projected. A ResNet filters the picture with convolutions, makes it smaller step by step, and ends with attention pooling. Our encoder beside three of the paper's:

# %% tags=["nbval-check-output", "summary"]
print("image encoder    pixels  tokens  parameters  multiply-adds  embedding")
for name in ("laptop_vit_stem", "ViT-B/32", "ViT-L/14@336px", "RN50"):
    config = PRESETS[name]
    with torch.device("meta"):
        parameters = count_parameters(build(name).visual)
    vision = config.vision
    step = vision.patch if vision.kind == "vit" else vision.shrink
    tokens = (vision.resolution // step) ** 2 + 1
    adds = count_flops(config)["visual"]
    line = f"{name:15} {vision.resolution:7} {tokens:7}"
    line += f" {parameters / 1e6:9.1f} M {adds / 1e6:12,.0f} M"
    print(line, f"{config.embed_dim:10}")

# %% [markdown]
# The paper's encoders are larger because photographs at 224 pixels hold more than icons at 32. The parts are the same. (The tokens of RN50 are those of its attention pooling.) The paper has no counterpart to the other results of this lesson. In our measurement a convolutional stem named {=stem_fast} of the pictures by unseen artists where patches named {=patches_fast}, and the trained encoder found the right neighbor for {=trained_encoder} of the queries, raw pixels for {=raw_pixels}. On a GPU nothing changes but the time.
#
# ### Further reading
#
# * Dosovitskiy et al. 2020, *An image is worth 16x16 words* (arXiv 2010.11929): the ViT. Its appendix compares the class token with the mean over the patches.
# * Xiao et al. 2021, *Early convolutions help transformers see better* (arXiv 2106.14881): the stem of section 5, with many learning rates and two optimizers.
# * He et al. 2015, *Deep residual learning* (arXiv 1512.03385), and He et al. 2018, *Bag of tricks* (arXiv 1812.01187): the ResNet, and the ResNet-D variant that CLIP starts from.
# * Zhang 2019, *Making convolutional networks shift-invariant again* (arXiv 1904.11486): aliasing inside networks.
# * Darcet et al. 2023, *Vision transformers need registers* (arXiv 2309.16588): large ViTs turn patches of plain background into storage, unless they get a few more extra tokens.
#
# **The exercises** add the stem (02.7) and the Vision Transformer (02.8) to your `my_clip.py`. You also count parameters (02.3), write a better blur (02.4) and attention pooling with heads (02.5), investigate shifts (02.6) and write the whole ModifiedResNet (02.9).
#
# **Next:** [the exercises of this lesson](../exercises/02_pictures_to_vectors.ipynb), then [lesson 03, the contrastive loss](03_the_contrastive_loss.ipynb): what makes the two encoders agree.
#
# ## Appendix: counting parameters and multiply-adds
#
# **Parameters** are the numbers that are learned; **multiply-adds** measure the work for one picture. A 3 x 3 convolution from 64 to 128 channels has 3 x 3 x 64 x 128 = 73,728 parameters. On a map of 8 x 8 positions it needs 64 times as many multiply-adds, 4,718,592, because it uses each weight at every position.
#
# So a small share of the parameters can be a large share of the work. Where is which, in RN50?

# %% tags=["nbval-check-output"]
adds, total = count_flops(PRESETS["RN50"]), count_parameters(rn50)
print("          blocks  parameters  multiply-adds")
for name in ("layer1", "layer2", "layer3", "layer4", "attnpool"):
    part = rn50.get_submodule(name)
    blocks = len(part) if name.startswith("layer") else ""
    share = count_parameters(part) / total
    labor = adds[f"visual.{name}"] / adds["visual"]
    print(f"{name:9} {blocks:>6}  {share:10.0%}  {labor:13.0%}")

# %% [markdown]
# `layer2` and `layer4` need about the same work with very different numbers of parameters. From stage to stage there are a quarter of the positions and four times the weights, so a block costs about the same everywhere. The attention pooling holds as many parameters as `layer4` and does little of the work.
#
# Now the nine models of the paper (Tables 19 and 20). Figure 9 prints the compute of the five ResNets, as "GFLOPs".

# %% tags=["nbval-check-output"]
printed = {"RN50": 6.1, "RN101": 9.9, "RN50x4": 21.5}  # Figure 9
printed |= {"RN50x16": 75.3, "RN50x64": 265.9}
print("image encoder  parameters  10^9 multiply-adds  paper Fig 9  off by")
for name in [n for n in PRESETS if n.startswith(("RN", "ViT"))]:
    with torch.device("meta"):
        parameters = count_parameters(build(name).visual)
    adds = count_flops(PRESETS[name], all_queries=True)["visual"]
    line = f"{name:14} {parameters / 1e6:7.1f} M {adds / 1e9:19.1f}"
    if name in printed:
        off = adds / 1e9 / printed[name] - 1
        print(f"{line} {printed[name]:12} {off:7.1%}")
    else:
        print(f"{line}   not printed")
adds = count_flops(PRESETS["RN50"])["visual"]
print(f"\nRN50 when only the mean is a query: {adds / 1e9:.1f}")

# %% [markdown]
# Two details were needed to get this close:
#
# * The paper's "GFLOPs" count a multiplication and the addition after it as **one**. Many tools count two, and report twice the number. When you compare two papers, find out which they use.
# * The numbers of the ResNets come out when *every* position is a query in the attention pooling, although only the mean's result is kept. Our code computes only that one, and the last line shows the difference.
#
# We can't explain the rest of the last column, because the paper does not say how it counted. For the ViTs it prints no number.
