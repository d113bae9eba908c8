# %% [markdown]
# # 04 · Train a CLIP
#
# **Can it learn on this machine?** About 50 minutes to read and do; the cells run in three to six minutes on two CPU cores, most of them one training run that you watch.
#
# Rebuilds section 2.5 of Radford et al. 2021 (arXiv 2103.00020): the recipe, the schedule, the curves. When you are done you can
#
# * say what every number of a training recipe is for, and what the paper chose;
# * read a training curve of a contrastive model, with its line of ln N;
# * tell a model that learns from one that cheats;
# * save a run, break it off, and go on as if nothing had happened.

# %%
import dataclasses
import math
import tempfile
from pathlib import Path

import torch
from matplotlib.figure import Figure

from clipedu.pairs import NONE, training_pairs
from clipedu.plots import picture_grid, show

pairs = training_pairs().drawn("sentences")  # captions with articles and full stops
pictures, captions = pairs.batch(16, seed=4)
words = "Sixteen training pairs of twelve icon sets, each above its caption."
show(picture_grid(pictures, captions), words)

# %% [markdown]
# These are the pairs: pictures that people drew and words that people wrote. A CLIP that has just been built knows nothing about either. In this lesson
# it gets a few minutes with them. Then it must name pictures from three families of which it has seen **not one picture**.
#
# Before that, take the run apart. It has five parts: a batch, a loss, a gradient, an optimizer and a schedule.

# %% [markdown]
# ## One step, by hand
# First the smallest thing that can be called training: eight pairs, one tiny model, one step; then the same step forty times.

# %% tags=["nbval-check-output"]
from clipedu.models import build, count_parameters
from clipedu.pairs import to_model
from clipedu.tokenizer import Tokenizer

tokenizer = Tokenizer.train(pairs.texts(), vocab_size=4096)
model = build("tiny", seed=0, vocab_size=tokenizer.vocab_size)
pictures, captions = pairs.batch(8, seed=1)
tokens = tokenizer(captions, context_length=16)
print(f"{count_parameters(model):,} parameters")
print("pictures", tuple(pictures.shape), "tokens", tuple(tokens.shape))

# %% [markdown]
# **Predict:** what is the loss of a model that has learned nothing, on eight pairs? (Lesson 03 has the answer.) Then run.

# %%
from clipedu.objectives import info_nce

image, text, scale = model(to_model(pictures), tokens)  # (8, E) twice, ()
loss = info_nce(image, text, scale)
print(f"loss {loss.item():.2f}; guessing costs ln 8 = {math.log(8):.2f}")

# %% [markdown]
# It lies above ln 8: random towers already give some captions a higher score than others, mostly wrong ones, and the logit scale of 14.3 makes
# those differences count.
#
# Now the step. After the loss come four lines: forget old gradients, compute new ones, move the weights, clamp the logit scale.

# %% tags=["nbval-check-output"]
from clipedu.objectives import clamp_logit_scale_

optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
for _step in range(40):
    image, text, scale = model(to_model(pictures), tokens)
    loss = info_nce(image, text, scale)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    clamp_logit_scale_(model.logit_scale, maximum=100.0)
print("after 40 steps on the same 8 pairs")
print("the loss is below 0.1:", loss.item() < 0.1)

# %% [markdown]
# This is the first test of any training code: **can it learn eight pairs by heart?** If it can't, nothing else is worth looking at. If it can, you know that pictures,
# tokens, loss and gradient are connected. You don't know yet that it learns anything that holds for a ninth pair.
#
# The clamp comes *after* the step and acts on the parameter. Put into the forward pass, it would cut off the gradient above 100 and the scale could never come
# back (lesson 03). The paper clips the scale at 100 "to prevent training instability" (section 2.5).

# %% [markdown]
# ## The recipe
# Everything that decides a run is one frozen record: the recipe. On the CPU of one machine, a recipe and a seed determine every bit of the result.

# %%
from clipedu.training import RECIPES
from clipedu_lessons.l04_train_a_clip.compare import compare_with_paper

rows = compare_with_paper("lesson")
print(f"{'':18} {'the paper':>26} {'here':>26}")
for name, *both, _ in rows:
    short = [
        text if len(text) < 27 else text[:23] + "..." for text in both
    ]
    print(f"{name:18} {short[0]:>26} {short[1]:>26}")

# %% [markdown]
# The left column is the paper's (Tables 18 to 20, for ViT-B/32), the right one is the run that you start below; `rows` also says why they differ. Two lines matter most.
#
# * **Batch size.** 32,768 against 512. A batch is the multiple-choice question that the loss asks: more pairs, more wrong answers to tell apart.
# * **Pairs seen.** The paper's 32 epochs (passes) over 400 million pairs are 12.8 billion pictures. The next cell says how long you would wait here.
#
# Vocabulary and context length are those of lesson 01, the objective and the logit scale those of lesson 03; learning rate, warm-up, weight decay and augmentation come below. The rest in short:
#
# * **Optimizer.** The paper used Adam. Ours uses **Muon** for matrices and AdamW for the rest, because it learns in about half of the steps. Muon takes a gradient as a matrix and makes all of its directions equally long, so that a few strong ones do not rule the step (the code is in `clipedu/training/muon.py`). We compared the two once, on a ResNet and with one seed: on two icon sets that were left out of training, 400 steps of Muon named 33.7 and 42.7 % of the pictures, and 400 steps of AdamW 20.6 and 24.2 % (`benchmarks/LEADERBOARD.md`).
# * **Adam betas.** Adam divides a running average of each weight's gradient by the root of a running average of its square; the betas say how slowly the two forget. **Epsilon** is added below the line, so that nothing is divided by 0.
# * **Gradient clipping.** A gradient longer than this is shortened to it.
# * **Precision.** How many bits a number gets while it is computed.
# * **Averaged weights.** A running average of the weights, used at the end in place of the last ones.

# %% tags=["nbval-check-output"]
paper_pairs = 32 * 400_000_000
days = paper_pairs / 1000 / 86_400  # two cores see about 1,000 a second
print(f"{paper_pairs / 1e9:.1f} billion pairs,", end=" ")
print(f"1,000 a second: {days:.0f} days")

# %% [markdown]
# And that is with our small model, not the paper's. Lesson 08 does this sum for real GPUs.
#
# ### Warm-up and cosine
# The learning rate is not one number. It rises in a straight line for the first few steps, while Adam's averages rest on few gradients; then it falls along half
# a cosine, so that the last steps are small. In the open:

# %% tags=["nbval-check-output"]
def rate_by_hand(step, steps=320, peak=2e-3, warmup=32):
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / (steps - warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * done))


from clipedu.training import learning_rate

for step in (0, 31, 32, 176, 319):
    library = learning_rate(step, steps=320, peak=2e-3, warmup_steps=32)
    assert abs(library - rate_by_hand(step)) < 1e-12
    print(f"step {step:3}: {library:.6f}")

# %%
figure = Figure(figsize=(6, 2.6))
axes = figure.subplots()
axes.plot([rate_by_hand(step) for step in range(320)], marker="")
axes.axvline(32, color="0.5", linestyle="--")
axes.annotate("warm-up ends", (32, 0.0002), (41, 0.0002))
axes.set(xlabel="step", ylabel="learning rate")
words = "The learning rate over 320 steps: a straight rise to 0.002 by "
show(figure, words + "step 31, then half a cosine down to 0.")

# %% [markdown]
# ### What decays and what does not
# Weight decay pulls every weight a little towards zero at each step. The paper applies it to "all weights that are not gains or biases" (section 2.5). A gain
# of a LayerNorm (the factor on its output) belongs at 1, not at 0; and the logit scale is stored as its logarithm: decayed towards 0, that would pull the scale towards 1.

# %% tags=["nbval-check-output"]
from clipedu.training import parameter_groups

model = build("laptop", seed=0)
groups = parameter_groups(model.named_parameters(), weight_decay=0.2)
for name, group in zip(("decayed", "spared"), groups):
    tensors = group["params"]
    count = sum(p.numel() for p in tensors)
    print(f"{name:8} {len(tensors):3} tensors, {count:9,} numbers")
print("logit_scale is spared:", "logit_scale" in groups[1]["names"])

# %% [markdown]
# Most *tensors* may be spared, yet nearly all *numbers* are decayed: gains and biases are many but short.
#
# ### Pictures, changed so that their captions stay true
# The paper's only augmentation is a random square crop (section 2.3). It shows each of its 400 million pictures 32 times; the cell below says how often this run shows one of ours. What differs between
# families that draw icons is above all the pen, so ours also thickens and thins strokes and swaps dark and light.

# %%
recipe = RECIPES["lesson"]
seen = recipe.steps * recipe.batch_size
print(f"{len(pairs):,} pictures, {seen:,} pairs seen in the run:")
print(f"each picture is shown about {seen / len(pairs):.1f} times\n")
thick = dataclasses.replace(recipe.augmentation, thicken=1.0)
ways = [NONE, recipe.augmentation, thick]
rows = [pairs.batch_at(0, 8, seed=9, augmentation=way) for way in ways]
plain, words = rows[0]
show(
    picture_grid(torch.cat([p for p, _ in rows]), [*words, *[""] * 16]),
    "Three rows of the same eight pictures. Top: as drawn, with their "
    "captions. Middle: as the training run sees them: turned, moved, "
    "scaled, some light on dark, some with thicker or thinner strokes. "
    "Bottom: every stroke thickened.",
)

# %% [markdown]
# No mirror images: an arrow to the left must stay one.
#
# ## Train
# The cell below is the run: 320 steps of 512 pairs, two and a half to four minutes on two cores. Read the line while it moves:
#
# * **loss** beside ln 512, which is what guessing costs;
# * **logit scale**, which starts at 14.3 and rises as the model becomes sure;
# * **zero-shot accuracy** on the three held-out families, measured every 40 steps. They are looked at, never learned from.
#
# **Predict** before you run: after so few minutes, how many of 297 Lucide names will it get right at the first guess, in percent? Chance is 1 in 297. Write the number down.

# %%
from clipedu.training import train

prediction = 10  # percent, change this
folder = Path(tempfile.mkdtemp()) / "run"
held_out = ["lucide", "font_awesome", "heroicons"]
inputs = {"pairs": pairs, "tokenizer": tokenizer}
result = train(recipe, seed=0, out=folder, evaluate=held_out, **inputs)

# %%
from clipedu_lessons.l04_train_a_clip.curves import describe_training, training_curve

show(training_curve(result), describe_training(result))

# %%
lucide = 100 * result.zero_shot["lucide"]
first, last = result.history[0], result.history[-1]
print(f"{len(result.history)} steps, {result.seconds / 60:.1f} minutes,")
print(f"{result.pairs_per_second:.0f} pairs a second on the whole")
print(f"loss: {first['loss']:.2f} at first, {last['loss']:.2f} at last;")
print(f"guessing costs ln 512 = {math.log(512):.2f}")
print(f"Lucide: {lucide:.0f} % right among 297 names;")
print(f"chance is {100 / 297:.1f} %; you predicted {prediction} %")

# %% [markdown]
# Two panels, one story. The loss leaves the line of ln 512 within the first fifty steps or so: the model has begun to tell pairs apart. The zero-shot curves rise later and more slowly,
# because they ask for more: the model must recognise a thing as drawn by a hand that it never saw.
#
# The next cell states what has to hold on every machine.

# %% tags=["nbval-check-output"]
ln_n, scale = math.log(512), last["logit_scale"]
print("it began near ln N:         ", abs(first["loss"] - ln_n) < 1.0)
print("it learned:                 ", last["loss"] < 0.6 * ln_n)
print("the scale rose above 1/0.07:", scale > 1 / 0.07)
print("ten times chance on Lucide: ", lucide / 100 > 10 / 297)

# %% [markdown]
# ## What can it name?
# A classifier made of words: embed each class name with the text tower, embed the picture with the image tower, take the name with the largest cosine. First in a few lines, with bare names; the library's score stands beside it:

# %%
from clipedu.evaluation import load_task

task, trained = load_task("lucide"), result.model
names = result.tokenizer(task.class_names, 32)  # (297, 32)
with torch.no_grad():
    text = trained.encode_text(names, normalize=True)  # (297, E)
    image = to_model(task.pictures)
    image = trained.encode_image(image, normalize=True)  # (297, E)
guess = (image @ text.T).argmax(dim=1)  # (297,)
accuracy = (guess == task.labels).float().mean()
print(f"one bare name a class:                 {accuracy:.1%}")
print(f"the library, two captions a class:     {lucide / 100:.1%}")

# %%
from clipedu.evaluation import classify
from clipedu_lessons.common.ranking_figure import ranking_figure, ranking_words

some = torch.arange(5, 297, 37)[:8]
eight, names = task.pictures[some], task.class_names
right = [names[i] for i in task.labels[some].tolist()]
rankings = classify(result.model, result.tokenizer, eight, names)
words = ranking_words(rankings, right, k=1)
show(ranking_figure(eight, rankings, right, k=3), words)

# %% [markdown]
# Compare the two numbers above the figure. The library writes two captions for each class and takes the mean of their vectors; with a model this young, that need not help. Lesson 06 will be about that. Then look at the mistakes before the hits. Some are near misses: the shape is read and the word is a neighbour. That is what a model with a few minutes of schooling looks like.
#
# ## With more time
# The package carries a checkpoint from the first edition of this course. It has the same text encoder, a ResNet with nine blocks as its image encoder (preset `laptop_deep`), and it was trained with AdamW on four of the twelve icon sets, for much longer, with averaged weights at the end. Its card says for how many minutes. So more than time differs from your run, and the table below does not say what did how much. Most later lessons start from this checkpoint.

# %%
from clipedu.evaluation import zero_shot
from clipedu.training import load_pretrained

shipped, shipped_tokenizer, card = load_pretrained()
print(f"shipped: trained for {card['shipped']['minutes']:.0f} minutes\n")
scores = {}
print(f"{'task':14} {'chance':>7} {'yours':>7} {'shipped':>8}")
for name in held_out:
    this, yours = load_task(name), result.zero_shot[name]
    scores[name] = zero_shot(shipped, shipped_tokenizer, this)
    percent = f"{yours:7.1%} {scores[name].top1:8.1%}"
    print(f"{name:14} {this.chance:7.1%} {percent}")

# %% tags=["nbval-check-output"]
size, long = count_parameters(shipped), scores["lucide"]
print(f"the shipped model has {size:,} parameters;")
print(f"ViT-L/14@336px has {427_944_193 / size:.0f} times as many")
print("of 297 pictures with 297 names the shipped model")
print("  names more than half:", long.top1 > 0.5)
print("  has three quarters among its first five:", long.top5 > 0.75)

# %%
rankings = classify(shipped, shipped_tokenizer, eight, names)
words = ranking_words(rankings, right, k=1)
show(ranking_figure(eight, rankings, right, k=3), words)

# %% [markdown]
# The paper's own zero-shot figure for ImageNet is 76.2 % among 1,000 classes (Table 1). Ours is not comparable: drawings instead of photographs, fewer classes, and a
# far smaller model, as printed above. What is the same is the question: **name what you never saw.**

# %% [markdown]
# ## A livelier data set
# Suppose someone makes the data more lively: each picture gets one of eight colours, and the caption says which.
# True captions, more information. Will the model be better for it?

# %%
COLOURS = {
    "red": (0.9, 0.1, 0.1), "green": (0.1, 0.7, 0.2),
    "blue": (0.1, 0.2, 0.9), "yellow": (0.9, 0.8, 0.1),
    "purple": (0.6, 0.1, 0.7), "orange": (1.0, 0.5, 0.0),
    "brown": (0.5, 0.3, 0.1), "pink": (1.0, 0.5, 0.7),
}  # fmt: skip

def coloured(pictures, captions, seed):
    chance = torch.Generator().manual_seed(seed)
    chosen = torch.randint(8, (len(captions),), generator=chance)
    names = [list(COLOURS)[i] for i in chosen]
    paint = torch.tensor([COLOURS[name] for name in names])  # (n, 3)
    ink = 1 - pictures.mean(dim=1, keepdim=True)  # (n, 1, S, S): how dark
    painted = 1 - ink * (1 - paint[:, :, None, None])
    return painted, [f"{c} {words}" for c, words in zip(names, captions)]

# %%
from clipedu.training import Pairs


class ColouredPairs(Pairs):
    """The same pairs; each in a random colour that its caption names."""

    def __len__(self):
        return len(pairs)

    def texts(self):
        return pairs.texts()

    def batch_at(self, step, n, seed, augmentation):
        return coloured(*pairs.batch_at(step, n, seed, augmentation), seed + step)

painted, painted_words = coloured(*rows[0], seed=1)
words = "Eight pictures, each in one of eight colours; each caption "
show(picture_grid(painted, painted_words), words + "begins with it.")

# %% [markdown]
# **Predict:** two short runs of a ResNet with AdamW, equal but for the paint. (Neither swaps dark and light: the paint needs dark strokes.) Which one has the lower loss at the end? What does it know? Then run (about half a minute).

# %%
calm = dataclasses.replace(recipe.augmentation, invert=0)
short = dataclasses.replace(recipe, steps=70, batch_size=256)
short = dataclasses.replace(short, preset="laptop", optimizer="adamw")
short = dataclasses.replace(short, evaluate_every=0, augmentation=calm)
runs, loss = {}, {}
for name, data in (("as drawn", pairs), ("painted", ColouredPairs())):
    inputs = {"pairs": data, "tokenizer": tokenizer, "evaluate": "lucide"}
    runs[name] = run = train(short, seed=0, **inputs)
    loss[name] = sum(row["loss"] for row in run.history[-10:]) / 10
    share = run.zero_shot["lucide"]
    print(f"{name:9} loss {loss[name]:.2f}   lucide {share:.1%}")

# %%
figure = Figure(figsize=(6, 2.8))
axes = figure.subplots()
for name, style in (("as drawn", "-"), ("painted", "--")):
    y = [row["loss"] for row in runs[name].history]
    axes.plot(y, style, color="black", marker="", label=name)
levels = {"guessing: ln 256": 256, "colour known, no more: ln 32": 32}
for label, n in levels.items():
    axes.axhline(math.log(n), color="0.6", linewidth=0.8, marker="")
    place = {"textcoords": "offset points", "ha": "right", "fontsize": 8}
    axes.annotate(label, (69, math.log(n)), (0, 4), **place)
axes.set(xlabel="step", ylabel="loss (nats)")
axes.legend(loc=(0.8, 0.3))
words = "Loss of two runs over 70 steps. The painted run, dashed, falls "
show(figure, words + "to ln 32: what knowing the colour alone gives.")

# %% tags=["nbval-check-output"]
ends = f"from {math.log(256):.2f} to {math.log(32):.2f}"
print(f"one colour of 8 is worth ln 8 = {math.log(8):.2f} nats: {ends}")
lower = loss["painted"] < loss["as drawn"]
print("the painted run has the lower loss:", lower)
few = runs["painted"].zero_shot["lucide"] < 0.02
print("it names fewer than 2 in 100 Lucide pictures:", few)

# %% [markdown]
# Seventy steps are few: the plain run has only begun, and the longer run above shows where it goes. The painted run has by far the better loss, and it stands just where a model that sees
# the colour and nothing else would stand. It found a **shortcut**: the colour alone tells most captions of a batch apart, it is far easier to see than a shape, and gradient descent takes
# what is easy first. Nothing in the loss says so. Only a task that the shortcut does not solve can.
#
# This is why every run here is measured on families that it never saw, and why our pictures get no random colours.

# %% [markdown]
# ## Break it off, go on
# A training run that can't be interrupted is a run that you will do twice. A checkpoint holds the weights, the optimizer's two averages for each weight, the step, the recipe, the seed and the
# tokenizer. Batch number *k* depends on the seed and *k* alone, so there is no place in a stream to lose. The proof is in bits:

# %% tags=["nbval-check-output"]
import signal

tiny = dataclasses.replace(RECIPES["tiny"], steps=6, checkpoint_every=6)
there = Path(tempfile.mkdtemp())
how = {"seed": 1, "pairs": pairs, "progress": False}
whole = train(tiny, out=there / "whole", **how)

def stop_at_3(row, model):
    if row["step"] == 3:
        signal.raise_signal(signal.SIGINT)  # what Ctrl-C sends

try:
    train(tiny, out=there / "broken", callbacks=[stop_at_3], **how)
except KeyboardInterrupt:
    print("broken off after step 3, as by Ctrl-C; a checkpoint is left")

# %% tags=["nbval-check-output"]
resumed = train(resume=there / "broken", pairs=pairs, progress=False)
one, other = whole.model.state_dict(), resumed.model.state_dict()
same = [torch.equal(one[name], other[name]) for name in one]
print(f"{sum(same)} of {len(same)} tensors are equal, bit for bit")

# %% [markdown]
# ## When it goes wrong
# A loss that is not a number must stop the run before it reaches the weights, and it should say where to look. Make it happen: one picture of the batch is spoilt.

# %%
import textwrap
from clipedu.training import TrainingDiverged

class SpoiltPairs(ColouredPairs):
    def batch_at(self, step, n, seed, augmentation):
        pictures, captions = pairs.batch_at(step, n, seed, augmentation)
        if step == 2:
            pictures[5] = float("nan")
        return pictures, captions

try:
    train(tiny, seed=1, pairs=SpoiltPairs(), progress=False)
except (TrainingDiverged, ValueError) as error:
    for line in str(error).splitlines():
        print(textwrap.fill(line, 74, subsequent_indent="  "))

# %% [markdown]
# Other things that go wrong, and what you see:
#
# | you see | look at |
# |---|---|
# | the loss stays at ln N | learning rate far too high or too low; pictures and captions shuffled apart |
# | the loss is exactly 0 | a batch of one pair: there is nothing to tell apart |
# | the loss falls, zero-shot stays at chance | a shortcut, as above |
# | the loss falls, then jumps to ln N and stays | learning rate too high; logit scale at its cap |
# | zero-shot falls while the loss goes on falling | overfitting: the same pairs too often |
#
# ## On a GPU
# The same call runs there: `train("laptop", device="cuda")`. What changes is the precision (most of the work in numbers of 16 bits: bf16 where the card has it, else fp16, with a loss scaler that keeps small gradients from becoming 0), the batch that fits, and the
# speed; results agree in their digits that matter, not in their bits. What 592 GPUs need beyond that is lesson 08.

# %% [markdown]
# ## The answer
# Can it learn on this machine? The cell below says what happened in your run.

# %% tags=["summary"]
import shutil

shutil.rmtree(there)
minutes = result.seconds / 60
print(f"In {minutes:.1f} minutes and {seen:,} pairs,", end=" ")
print("from random weights, named right:")
for name in held_out:
    classes = len(load_task(name).class_names)
    share = f"{result.zero_shot[name]:6.1%} of unseen pictures"
    names = f"{classes} names, chance {1 / classes:.1%}"
    print(f"  {name:13} {share}, {names}")

# %% [markdown]
# **Now you:** the [exercises of lesson 04](../exercises/04_train_a_clip.ipynb) let you write the schedule, the parameter groups and the zero-shot weights, and tell from the numbers of four runs what went wrong with them. Then
# lesson 05 asks what a classifier made of words can do.
#
# To train for longer, in a shell: `clipedu train --recipe laptop --seed 0 --out runs/mine`; [the model card](../docs/MODEL_CARD.md) says how long that takes and what it reaches.
